import type { TSchema } from '@sinclair/typebox';
import type { Controller } from '../../src/metacontroller/controller.ts';
import { anchor, code, item, paragraph, prose, title } from './markdown.ts';
import { type Described, describe, describeField, type Field, type FieldRule, structureOf } from './schema.ts';
import { everything, firstRelease, type Since, updatedSince } from './since.ts';

/** The fields of a kind. */
interface Kind {
  controller: Controller;
  /** Of the spec, by name. */
  sections: Section[];
  status: Described;
  /** Rules over several fields of the spec. */
  rules: FieldRule[];
}

/** A field of a spec with what is inside. */
interface Section {
  name: string;
  field: Field;
  inside: Described;
}

/**
 * The page of the fields of some controllers, and the record of the releases that they came with.
 * @param known that record as it is
 * @param version of this release
 */
export function fieldsPage(list: readonly Controller[], known: Since, version: string): { page: string; since: Since } {
  const kinds = list.map(kindOf);
  const all = everything(list);
  const since = updatedSince(known, all, version);
  const structures = structuresOf(
    kinds.flatMap(({ sections, status }) => [...sections.map(({ inside }) => inside), status]),
  );
  const page = [
    title('src/controllers.ts', 'Fields'),
    INTRODUCTION,
    ...kinds.map((kind, index) => kindPart(kind, kinds.slice(0, index), since)),
    '## Structures\n\nWhat several fields have, or what is large.\n',
    ...[...structures].map(([name, structure]) =>
      structurePart(name, structure, (path) => firstRelease(since, all.places.get(name) ?? [], path)),
    ),
  ];
  return { page: page.join('\n'), since };
}

const INTRODUCTION = `All fields of both kinds, with their types, limits and defaults, and the first release that had them: 1.0 is Meshery's Go
operator. \`kubectl explain broker.spec\` prints the same in a terminal, but for limits and releases.

- An absent field has its default. But for \`size\`, it is not stored: another version of the operator can have another one.
- What is empty counts as absent: a text where it says "or empty", a list, a map, an object.
- A field without a default has no effect while it is absent.
- A field without a description means what it means in Kubernetes.
- The API server checks types, limits and rules when a resource is applied. The operator checks them again, and what no schema can
  say, such as whether a Secret exists: see [SpecApplied](conditions.md#broker-specapplied).
`;

function kindOf(controller: Controller): Kind {
  const { spec, status } = controller;
  const sections = Object.entries<TSchema>(spec.properties).map(([name, schema]) => {
    const path = `spec.${name}`;
    const wrapped = { type: 'object', properties: { [name]: schema }, required: spec.required } as unknown as TSchema;
    const inside = describe(wrapped, 'spec');
    const fields = inside.fields.filter((field) => field.path !== path);
    return { name, field: describeField(schema, path, spec.required?.includes(name)), inside: { ...inside, fields } };
  });
  const { rules } = describe({ ...spec, properties: {} }, 'spec');
  return {
    controller,
    sections,
    status: describe(status, 'status'),
    rules: [...sections.flatMap(({ inside }) => inside.rules), ...rules],
  };
}

/** A structure with what its schema says of it; absent where that differs from place to place. */
interface Structure extends Described {
  description?: string | undefined;
}

/** All structures with a name, also those that are only in others. */
function structuresOf(described: Described[]): Map<string, Structure> {
  const found = new Map<string, Structure>();
  const add = (each: Described) => {
    for (const schema of each.structures) {
      const name = structureOf(schema) ?? '';
      const structure: Structure = { ...describe(schema, ''), description: schema.description };
      const first = found.get(name);
      if (!first) {
        found.set(name, structure);
        add(structure);
        continue;
      }
      if (shapeOf(first) !== shapeOf(structure)) throw new Error(`there are two structures called ${name}`);
      if (first.description !== structure.description) first.description = undefined;
    }
  };
  for (const each of described) add(each);
  return found;
}

function shapeOf({ fields }: Described): string {
  return fields
    .map(({ path, type, validation }) => JSON.stringify([path, type, validation]))
    .sort()
    .join();
}

function kindPart(kind: Kind, earlier: Kind[], since: Since): string {
  const { controller, sections, status, rules } = kind;
  const own = since[controller.kind] ?? {};
  const links = [...sections.map(({ name, field }) => [name, field.description ?? ''] as const)].map(
    ([name, text]) => `- [${name}](#${anchor(`${controller.kind} ${name}`)}): ${firstSentence(text)}`,
  );
  const list = status.fields.map((field) => item(entryOf(field, own[field.path])));
  return `## ${controller.kind}

${aboutKind(controller)}

${links.join('\n')}
- [status](#${anchor(`${controller.kind} status`)}): ${prose(controller.status.description ?? '')}
- [rules](#${anchor(`${controller.kind} rules`)}) over several fields

${sections.map((section) => sectionPart(controller.kind, section, earlier, since)).join('\n')}
### ${controller.kind} status

${prose(controller.status.description ?? '')}

${list.join('\n')}

### ${controller.kind} rules

What is checked over several fields, besides the limits of each.

${ruleList(rules) || 'None.'}
`;
}

function aboutKind({
  kind,
  plural,
  group,
  versions,
  description,
  shortNames = [],
  categories = [],
  ...rest
}: Controller) {
  const older = versions.slice(0, -1).map(code).join(', ');
  const checked = (rest.checkedInAll ?? []).map(code).join(', ');
  const names = [plural, ...shortNames].map((name) => code(`kubectl get ${name}`)).join(' or ');
  const all = categories.map((category) => `; ${code(`kubectl get ${category}`)} prints all kinds`).join('');
  const columns = ['Ready', ...rest.columns.map(({ name }) => name), 'Age'].join(', ');
  return [
    prose(description),
    `Version ${code(`${group}/${versions.at(-1)}`)} checks all fields when a ${kind} is applied.${older && ` ${older} has the same fields, and checks ${checked || 'none of them'}. What is wrong in another field, the condition SpecApplied says, or, before Kubernetes 1.33, an Event of the resource.`}`,
    `${names} prints the columns ${columns}${all}. ${code('-o wide')} adds reason and message of Ready.${rest.scale ? ` ${code(`kubectl scale ${kind.toLowerCase()} NAME --replicas=3`)} sets ${code(rest.scale.specReplicasPath.slice(1))}.` : ''}`,
  ].join('\n\n');
}

function sectionPart(kind: string, { name, field, inside }: Section, earlier: Kind[], since: Since): string {
  const release = since[kind]?.[field.path];
  const head = `### ${kind} ${name}\n\n${paragraph(entryOf(field, release))}\n`;
  if (inside.fields.length === 0) return head;
  const same = earlier.find((other) =>
    other.sections.some(
      (section) => signature(section, since[other.controller.kind]) === signature({ name, field, inside }, since[kind]),
    ),
  );
  if (same) {
    const heading = `${same.controller.kind} ${name}`;
    return `${head}\nThe fields inside are [those of a ${same.controller.kind}](#${anchor(heading)}).\n`;
  }
  return `${head}\n${inside.fields.map((each) => item(entryOf(each, since[kind]?.[each.path]))).join('\n')}\n`;
}

/** What is the same for two sections with the same text. */
function signature({ inside }: Section, since: Since[string] | undefined): string {
  return JSON.stringify([inside.fields.map((field) => [field, since?.[field.path]]), inside.rules]);
}

function structurePart(
  name: string,
  { fields, rules, description }: Structure,
  releaseOf: (path: string) => string | undefined,
): string {
  const about = description ? `${prose(description)}\n\n` : '';
  const list = fields.map((field) => item(entryOf(field, releaseOf(field.path)))).join('\n');
  const checked = rules.length > 0 ? `\nRules:\n\n${ruleList(rules)}\n` : '';
  return `### ${name.charAt(0).toUpperCase()}${name.slice(1)}\n\n${about}${list}\n${checked}`;
}

function entryOf({ path, type, validation, isRequired, absent, description }: Field, release: string | undefined) {
  return {
    name: path,
    facts: [
      [type, ...validation].join('; '),
      isRequired && 'required',
      absent !== undefined && `default: ${absent}`,
      release !== undefined && `since ${release}`,
    ],
    text: description,
  };
}

function ruleList(rules: FieldRule[]): string {
  return rules.map(({ path, message }) => `- ${code(path)} ${prose(message)}.`).join('\n');
}

function firstSentence(markdown: string): string {
  const [sentence = markdown] = /^.*?\.(?= [A-Z]|$)/.exec(markdown) ?? [];
  return sentence;
}
