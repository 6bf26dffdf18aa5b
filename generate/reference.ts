import type { TSchema } from '@sinclair/typebox';
import { commonConditions } from '../src/metacontroller/conditions.ts';
import type { Controller } from '../src/metacontroller/controller.ts';
import { structural } from '../src/schema/structural.ts';

const HEADER = '<!-- Generated from src/controllers.ts by "npm run generate". -->';

/** The page of the conditions of some controllers, in Markdown. */
export function conditionsPage(list: readonly Controller[]): string {
  const sections = list.map(({ kind, conditions, needEdits }) => {
    const ofReady = [...needEdits].map((reason) => `\`${reason}\``).join(', ');
    const rows = Object.entries({ ...commonConditions, ...conditions }).flatMap(([type, { description, reasons }]) => [
      `| **\`${type}\`** | | ${description} |`,
      ...Object.entries(reasons).map(([reason, meaning]) => `| | \`${reason}\` | ${meaning} |`),
      ...(type === 'Stalled' ? [`| | ${ofReady} | True: Ready has this reason. |`] : []),
    ]);
    return `## ${kind}\n\n| condition | reason | meaning |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `${HEADER}
# Conditions

Types and reasons are part of the API: programs may rely on them. Messages are for people and may change. \`Ready\` has the
reason of the first condition that is not met.

While \`Ready\` is False for a reason that ends only when a person edits something, such as the spec or a Secret, \`Stalled\` is True
with the same reason. All other reasons end by themselves, or when a missing object arrives. [GitOps](../gitops.md) shows what
tools make of both.

${sections.join('\n')}`;
}

/** The page of the fields of some controllers, in Markdown: as `kubectl explain` prints them. */
export function fieldsPage(list: readonly Controller[]): string {
  const sections = list.map(({ kind, apiVersion, description, spec, status }) => {
    const rows = [...fields('spec', crdSchema(spec)), ...fields('status', crdSchema(status))];
    const table = `| field | type | description |\n|---|---|---|\n${rows.join('\n')}`;
    return `## ${kind}\n\n\`${apiVersion}\`: ${description}\n\n${table}\n`;
  });
  return `${HEADER}\n# Fields\n\nAlso printed by \`kubectl explain --recursive\`.\n\n${sections.join('\n')}`;
}

/** What is read of the schema in a CRD. */
interface CrdSchema {
  type?: string;
  description?: string;
  properties?: Record<string, CrdSchema>;
  required?: string[];
  items?: CrdSchema;
  additionalProperties?: CrdSchema;
  enum?: string[];
  'x-kubernetes-int-or-string'?: boolean;
}

function crdSchema(schema: TSchema): CrdSchema {
  return JSON.parse(JSON.stringify(structural(schema)));
}

function fields(path: string, { properties = {}, required = [], items }: CrdSchema): string[] {
  const inside = Object.entries(properties).flatMap(([name, property]) => {
    const nested = fields(`${path}.${name}`, property);
    const isRequired = required.includes(name) ? ' Required.' : '';
    const description = (property.description ?? '').replaceAll('|', '\\|');
    return [`| \`${path}.${name}\` | ${typeOf(property)} | ${description}${isRequired} |`, ...nested];
  });
  return items?.properties ? [...inside, ...fields(`${path}[]`, items)] : inside;
}

function typeOf(schema: CrdSchema): string {
  if (schema.enum) return schema.enum.join(', ');
  if (schema['x-kubernetes-int-or-string']) return 'quantity';
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties) return `map of ${typeOf(schema.additionalProperties)}`;
  return schema.type ?? 'any';
}
