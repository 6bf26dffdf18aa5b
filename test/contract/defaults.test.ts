import type { TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';
import { simulate } from '../../src/cli/render.ts';
import type { GivenResource, GivenSecret } from '../../src/cli/resources.ts';
import { controllers } from '../../src/controllers.ts';
import { REVISION_ANNOTATION } from '../../src/kubernetes/rollout.ts';
import { encode } from '../../src/kubernetes/secrets.ts';
import { defaultOf } from '../../src/schema/defaults.ts';
import { clone, isObject } from '../stand-in/json.ts';
import { goldenCases, goldenSecrets, readGolden } from '../support/golden.ts';

/** A field with a default that is a value; `[]` in its path stands for each item of a list. */
interface Known {
  path: string[];
  schema: TSchema;
  value: unknown;
}

function defaultsIn(schema: TSchema, path: string[] = []): Known[] {
  const found = defaultOf(schema);
  const own = found && 'value' in found ? [{ path, schema, value: found.value }] : [];
  const inside = Object.entries<TSchema>(schema.properties ?? {}).flatMap(([name, field]) =>
    defaultsIn(field, [...path, name]),
  );
  return [...own, ...inside, ...(schema.items ? defaultsIn(schema.items, [...path, '[]']) : [])];
}

/** The objects of a spec that may have a field, by the path of the field; made where they are absent and need no other field. */
function parentsOf(value: unknown, schema: TSchema, [step = '', ...rest]: string[]): Record<string, unknown>[] {
  if (step === '[]') return Array.isArray(value) ? value.flatMap((item) => parentsOf(item, schema.items, rest)) : [];
  if (!isObject(value)) return [];
  if (rest.length === 0) return [value];
  const inside = schema.properties[step];
  if (value[step] === undefined && inside.properties && !inside.required) value[step] = {};
  return parentsOf(value[step], inside, rest);
}

/** Defaults of NATS and of Kubernetes, which the operator leaves to them unless the field is set. */
const LEFT_TO_OTHERS = [
  ...['maxPayload', 'maxConnections', 'writeDeadline', 'pingInterval', 'pingMax'].map((name) => `spec.config.${name}`),
  ...['spec.config.debug', 'spec.config.trace', 'spec.jetstream.maxOutstandingCatchup'],
  ...[
    'spec.service.externalTrafficPolicy',
    'spec.service.ipFamilyPolicy',
    'spec.podTemplate.spec.tolerations.[].operator',
  ],
];

const options = { mint: false, namespace: 'default', now: () => new Date('2026-01-01T00:00:00Z') };
const cases = await Promise.all(
  goldenCases.map(async (name) => ({ name, given: { resources: await readGolden(name), secrets: goldenSecrets } })),
);

const TOLERANT = { spec: { tolerations: [{ key: 'a', value: 'b' }] } };

/** Fields that every golden case with their parent sets. */
const MORE: { kind: string; spec: object }[] = [
  { kind: 'Broker', spec: { auth: { tokenSecretRef: { name: 'own' } } } },
  { kind: 'Broker', spec: { podTemplate: TOLERANT } },
  { kind: 'Broker', spec: { service: { sessionAffinity: 'ClientIP' } } },
  { kind: 'MeshSync', spec: { podTemplate: TOLERANT, broker: { custom: { url: 'nats.example.com' } } } },
  {
    kind: 'MeshSync',
    spec: { broker: { custom: { url: 'nats.example.com', credentialsSecretRef: { name: 'own' } } } },
  },
];
for (const { kind, spec } of MORE) {
  const metadata = { name: 'more', namespace: 'meshery' };
  const place = { place: { file: 'more' }, source: 'more' };
  const resource = { apiVersion: 'meshery.io/v1alpha2', kind, metadata, spec, ...place };
  const data = { token: encode('a-token'), credentials: encode('a-token') };
  const secret: GivenSecret = { apiVersion: 'v1', kind: 'Secret', metadata: { ...metadata, name: 'own' }, data };
  cases.push({ name: `${kind} ${JSON.stringify(spec)}`, given: { resources: [resource], secrets: [secret] } });
}

/** What the hooks answer for the resources of a case, whatever the order of fields, which the checksum of a workload depends on. */
const answers = (resources: GivenResource[], { given }: (typeof cases)[number]) =>
  JSON.stringify(
    simulate({ ...given, resources }, options).map(({ response }) => response),
    (key, value) => {
      if (key === REVISION_ANNOTATION) return undefined;
      return isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
    },
  );

const expected = new Map(cases.map((each) => [each.name, answers(each.given.resources, each)]));

/** How many cases stay the same and how many change when a field that they leave out is set. */
function whenSet({ kind, path, value, spec }: { kind: string; path: string[]; value: unknown; spec: TSchema }) {
  const field = path.at(-1) ?? '';
  const found = { same: [] as string[], changed: [] as string[] };
  for (const each of cases) {
    const resources = clone(each.given.resources);
    const parents = resources
      .filter((resource) => resource.kind === kind)
      .flatMap((resource) => {
        resource.spec ??= {};
        return parentsOf(resource.spec, spec, path);
      })
      .filter((parent) => !(field in parent));
    for (const parent of parents) parent[field] = value;
    const answer = answers(resources, each);
    // Another field excludes this one.
    if (parents.length === 0 || answer.includes('InvalidSpec')) continue;
    found[answer === expected.get(each.name) ? 'same' : 'changed'].push(each.name);
  }
  return found;
}

const known = controllers.flatMap(({ kind, spec }) =>
  defaultsIn(spec).map((field) => ({ kind, spec, name: `spec.${field.path.join('.')}`, ...field })),
);

describe('the default of', () => {
  it.each(known)('$kind $name is a value of the field', ({ schema, value }) => {
    expect(Value.Check(schema, value)).toBe(true);
  });

  it.each(known)('$kind $name changes nothing when it is set', (field) => {
    const { same, changed } = whenSet(field);
    if (LEFT_TO_OTHERS.includes(field.name)) expect(changed).not.toEqual([]);
    else {
      expect(changed).toEqual([]);
      expect(same).not.toEqual([]);
    }
  });
});
