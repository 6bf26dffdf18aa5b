/** A container as far as it tells whether it runs Metacontroller, and how. */
interface Container {
  name: string;
  image?: string;
  command?: string[];
  args?: string[];
}

/** The container of a Deployment or a StatefulSet that runs Metacontroller, by the name of its image or, where that is another, its own. */
export function metacontrollerContainer<Found extends Container>({
  spec,
}: {
  spec: { template: { spec: { containers: Found[] } } };
}): Found | undefined {
  return spec.template.spec.containers.find(
    ({ name, image = '' }) => name === 'metacontroller' || /(?:^|\/)metacontroller(?:[:@]|$)/.test(image),
  );
}

/** The flags of a container by name, as `--name=value`, `--name value` or `--name`; of one that is repeated the last, as in Go. */
export function flagsOf({ command = [], args = [] }: Pick<Container, 'command' | 'args'>): Map<string, string> {
  const words = [...command, ...args];
  return new Map(
    words.flatMap((word, index) => {
      const [, name, , value] = /^--?([a-z][a-z0-9-]*)(=(.*))?$/.exec(word) ?? [];
      if (!name) return [];
      const next = words[index + 1];
      return [[name, value ?? (next && !next.startsWith('-') ? next : 'true')] as const];
    }),
  );
}
