import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { Config, configRules } from '../../src/server/config.ts';
import { item, prose, title } from './markdown.ts';
import { describeField } from './schema.ts';

const DEPLOYMENT = 'manifests/operator/deployment.yaml';

/** The page of the environment variables of the service. */
export function environmentPage(): string {
  const { spec } = parse(readFileSync(DEPLOYMENT, 'utf8'));
  const set: string[] = spec.template.spec.containers[0].env.map(({ name }: { name: string }) => name);
  const variables = Object.entries(Config.properties).map(([name, schema]) => {
    const { type, validation, absent, description } = describeField(schema, name);
    const facts = [
      [type, ...validation].join('; '),
      absent !== undefined && `default: ${absent}`,
      set.includes(name) && 'set by the manifests',
    ];
    return item({ name, facts, text: description });
  });
  const rules = configRules.map(({ message }) => `- ${prose(message)}.`);
  return `${title('src/server/config.ts', 'Environment')}
The service is configured by environment variables, which it reads when it starts. An empty one counts as absent. An invalid one ends
the service with one line that names it and what it must be. The command line has [variables of its own](command-line.md#environment).

- With the Helm chart, set them by the value [\`env\`](chart-values.md).
- With kustomize, patch \`env\` of container \`manager\` of Deployment \`meshery-operator\` in an overlay.
- To try one: \`kubectl set env -n meshery deployment/meshery-operator LOG_LEVEL=debug\`. The next apply or upgrade takes back what
  the manifests set, such as \`LOG_LEVEL\`; end others by their name and a minus: \`IMAGE_REGISTRY-\`.

A change restarts the pods of the operator, and all resources are synced anew. Brokers and MeshSyncs keep running meanwhile.

## Variables

${variables.join('\n')}

## Rules

${rules.join('\n')}
`;
}
