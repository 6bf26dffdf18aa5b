import type { OperatorSettings } from '../api/context.ts';
import { controllers } from '../controllers.ts';
import type { ClusterOptions } from './cluster/connection.ts';
import { UsageError } from './errors.ts';
import { type LiveArgument, liveArgument } from './live/argument.ts';
import { type GivenResource, type Resources, readResources } from './resources.ts';

/** What the commands for files take besides files: where resources of a cluster are. */
export interface GivenOptions extends ClusterOptions {
  /** Files by `-f`, as kubectl takes them. */
  filename?: string[];
}

/** What some arguments name, and what the operator of the cluster sets for all resources, where there is one. */
export interface Given extends Resources {
  settings: OperatorSettings;
}

/** What is said where the files contain no resources. */
export const NOTHING_GIVEN = `the files contain no ${controllers.map(({ kind }) => kind).join(' and no ')}`;

/** The namespace of resources in files that name none. */
export const DEFAULT_NAMESPACE = 'default';

/** The files among some arguments, and what they name in the cluster. */
export function argumentsOf(
  args: string[],
  { filename = [] }: GivenOptions,
): { files: string[]; live: LiveArgument[] } {
  const live = args.flatMap((text) => liveArgument(text) ?? []);
  const files = [...filename, ...args.filter((text) => !live.some((one) => one.text === text))];
  if (files.length + live.length === 0) {
    throw new UsageError(
      "missing required argument 'file': a file, - for standard input, or a resource such as broker/meshery-broker",
    );
  }
  return { files, live };
}

/** The resources of files and of the cluster that some arguments name. Without the latter no cluster is asked. */
export async function readGiven(args: string[], options: GivenOptions): Promise<Given> {
  const { files, live } = argumentsOf(args, options);
  const given = await readResources(files);
  if (live.length === 0) return { ...given, settings: {} };
  const [{ connect }, { liveResource }, { operatorSettings }] = await Promise.all([
    import('./cluster/connection.ts'),
    import('./live/observe.ts'),
    import('./live/settings.ts'),
  ]);
  const connection = connect(options);
  const resources: GivenResource[] = [];
  for (const argument of live) resources.push(await liveResource(connection, argument));
  const { settings, note } = await operatorSettings(connection);
  const skipped = [...given.skipped, ...(note ? [note] : [])];
  return { resources: [...given.resources, ...resources], secrets: given.secrets, skipped, settings };
}
