import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { controllers } from '../../../src/controllers.ts';
import { customResourceDefinition } from '../../../src/metacontroller/crd.ts';
import { OnlyRequiredInCrd } from '../../../src/schema/rules.ts';
import { at, isObject, walk } from '../../stand-in/json.ts';

/** Half of what the annotations of an object may have, where `kubectl apply` puts the object as compact JSON. */
const HALF_OF_ANNOTATIONS = 262_144 / 2;
/** Half of a request to etcd. */
const HALF_OF_ETCD = 1_572_864 / 2;

/** Fields of a schema that is shared, which the hooks refuse in one of its places. */
const IN_ONE_LIST_ONLY = ['restartPolicy'];

const isDeclared = (node: unknown, field: string) => [at(node, 'required')].flat().includes(field);

/** The fields of the specs of v1alpha1 of Meshery's Go operator. */
const GO_BROKER = ['size', 'version', 'service'];
const GO_MESHSYNC = ['size', 'version', 'broker', 'watch-list'];

/** What a node of a schema says about the fields that are kept, and how they are merged. */
function kept(path: (string | number)[], value: unknown): [string, unknown][] {
  const keyword = String(path.at(-1));
  const keywords = [
    'type',
    'default',
    'required',
    'x-kubernetes-int-or-string',
    'x-kubernetes-preserve-unknown-fields',
  ];
  const isKept = keywords.includes(keyword) || keyword.startsWith('x-kubernetes-list-');
  return isKept && path.at(-2) !== 'properties' ? [[path.join('.'), value]] : [];
}

const crds = controllers.map((controller) => customResourceDefinition(controller, {}));

describe.each(crds.map((crd) => [crd.spec.names.kind, crd] as const))('the CRD of %s', (_kind, crd) => {
  const schemas = crd.spec.versions.map(({ schema }) => schema?.openAPIV3Schema);
  const newest = schemas.at(-1);
  const nodes = [...walk(newest?.properties?.spec), ...walk(newest?.properties?.status)];

  it('serves both versions, stores the newer, and converts nothing', () => {
    expect(crd.spec.versions.map(({ name, served, storage }) => [name, served, storage])).toEqual([
      ['v1alpha1', true, false],
      ['v1alpha2', true, true],
    ]);
    expect(crd.spec.conversion).toEqual({ strategy: 'None' });
  });

  it('keeps the same fields in both versions, and merges their lists in the same way, so that neither loses what the other stores', () => {
    const [older, newer] = schemas.map((schema) => [...walk(schema)].flatMap(([path, value]) => kept(path, value)));
    expect(newer?.length).toBeGreaterThan(200);
    expect(older).toEqual(newer);
  });

  it('checks in the older version what Meshery Operator 1.0 checks in it, and bounds all lists with rules', () => {
    const { checkedInAll = [], kind } = controllers.find((each) => each.kind === crd.spec.names.kind) ?? {};
    expect(checkedInAll).toEqual(kind === 'Broker' ? GO_BROKER : GO_MESHSYNC);
    const [older, newer] = schemas.map((schema) => schema?.properties?.spec?.properties ?? {});
    for (const field of checkedInAll) {
      const bare = JSON.stringify(newer?.[field], (key, value) =>
        key === 'description' && typeof value === 'string' ? undefined : value,
      );
      expect(older?.[field]).toEqual(JSON.parse(bare));
    }
    const bounds = (schema: unknown) => [...walk(schema)].filter(([path]) => path.at(-1) === 'maxItems');
    expect(bounds(older)).toEqual(bounds(newer));
  });

  it('has the plural, singular and kind that Meshery uses', () => {
    expect(crd.spec.group).toBe('meshery.io');
    expect(crd.spec.scope).toBe('Namespaced');
    expect(crd.spec.names.categories).toEqual(['meshery']);
    expect(crd.metadata?.name).toBe(`${crd.spec.names.plural}.meshery.io`);
  });

  it('has the status and scale subresources, and declares the fields that Metacontroller writes into the status', () => {
    for (const { subresources, schema } of crd.spec.versions) {
      expect(subresources).toEqual({
        status: {},
        scale: {
          specReplicasPath: '.spec.size',
          statusReplicasPath: '.status.replicas',
          labelSelectorPath: '.status.selector',
        },
      });
      const status = schema?.openAPIV3Schema?.properties?.status?.properties;
      for (const field of ['observedGeneration', 'replicas', 'selector', 'conditions'])
        expect(status).toHaveProperty(field);
      expect(status?.conditions).toMatchObject({
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      });
      expect(status?.conditions?.items).toMatchObject({
        required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
      });
    }
  });

  it('has a status with an impossible generation before the first sync, in every version', () => {
    expect(schemas).toHaveLength(2);
    for (const schema of schemas) {
      const status = schema?.properties?.status as { default?: object } | undefined;
      expect(status?.default).toEqual({ observedGeneration: -1 });
    }
  });

  it('allows a size of 1 to 10, with the default 1', () => {
    for (const schema of schemas) {
      expect(schema?.properties?.spec?.properties?.size).toMatchObject({
        type: 'integer',
        format: 'int32',
        minimum: 1,
        maximum: 10,
        default: 1,
      });
    }
  });

  it('is structural: every field has a type and a description, and there is no keyword that structural schemas forbid', () => {
    const allowed = new Set([
      ...['type', 'description', 'format', 'default', 'enum', 'pattern', 'required', 'properties', 'items'],
      ...['minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'additionalProperties'],
      ...['x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-validations'],
      'x-kubernetes-preserve-unknown-fields',
    ]);
    const fields = nodes.filter(([path, node]) => {
      const parent = path.at(-2);
      return (
        isObject(node) &&
        (path.length === 0 ||
          parent === 'properties' ||
          path.at(-1) === 'items' ||
          path.at(-1) === 'additionalProperties')
      );
    });
    expect(fields.length).toBeGreaterThan(20);
    for (const [path, field] of fields) {
      if (!isObject(field)) continue;
      if (field['x-kubernetes-int-or-string']) {
        // Quantities are written as in the CRDs of Kubernetes.
        expect(Object.keys(field).sort(), path.join('.')).toEqual([
          ...['anyOf', 'description', 'maxLength', 'pattern', 'x-kubernetes-int-or-string'],
        ]);
        expect(field.anyOf).toEqual([{ type: 'integer' }, { type: 'string' }]);
        continue;
      }
      expect(field.type, path.join('.')).toMatch(/^(object|array|string|integer|boolean)$/);
      if (path.at(-1) !== 'additionalProperties') expect(field.description, path.join('.')).toMatch(/\S.*\.$/);
      expect(
        Object.keys(field).filter((key) => !allowed.has(key)),
        path.join('.'),
      ).toEqual([]);
      expect(Boolean(field.properties && field.additionalProperties), path.join('.')).toBe(false);
    }
  });

  it('names in a description the fields that it leaves to the hooks, so that kubectl explain prints them', () => {
    const { spec } = controllers.find(({ kind }) => kind === crd.spec.names.kind) ?? {};
    const loose = [...walk(spec)].filter(([, node]) => isObject(node) && OnlyRequiredInCrd in node);
    expect(loose.length).toBeGreaterThan(5);
    for (const [path, node] of loose) {
      const list = path.at(-1) === 'items' ? at(spec, ...path.slice(0, -1)) : undefined;
      const description = `${at(list, 'description') ?? ''} ${at(node, 'description')}`;
      for (const field of Object.keys(at(node, 'properties') ?? {})) {
        if (isDeclared(node, field) || IN_ONE_LIST_ONLY.includes(field)) continue;
        expect(description, path.join('.')).toMatch(new RegExp(`\\b${field}\\b`));
      }
    }
  });

  it('has patterns with the same meaning in Go: no look-around and no back-reference', () => {
    const patterns = nodes.flatMap(([path, value]) => (path.at(-1) === 'pattern' ? [String(value)] : []));
    expect(patterns.length).toBeGreaterThan(0);
    for (const pattern of patterns) {
      expect(pattern).toMatch(/^\^.*\$$/);
      expect(pattern).not.toMatch(/\(\?|\\[1-9kdwbpD]/);
    }
  });

  it('prints readiness first, and its reason and message with -o wide', () => {
    for (const { additionalPrinterColumns = [] } of crd.spec.versions) {
      expect(additionalPrinterColumns[0]).toMatchObject({
        name: 'Ready',
        jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      });
      const wide = additionalPrinterColumns.filter(({ priority = 0 }) => priority > 0).map(({ name }) => name);
      expect(wide).toEqual(['Reason', 'Message']);
      expect(additionalPrinterColumns.map(({ name }) => name)).toContain('Age');
    }
  });
});

it.each(
  ['manifests/crds', 'manifests/chart/crds'].flatMap((folder) => crds.map((crd) => [folder, crd.spec.names.plural])),
)('the CRD in %s of %s fits twice into the annotation of kubectl, and into etcd', (folder, plural) => {
  const yaml = readFileSync(`${folder}/meshery.io_${plural}.yaml`, 'utf8');
  expect(Buffer.byteLength(JSON.stringify(parse(yaml)))).toBeLessThan(HALF_OF_ANNOTATIONS);
  expect(Buffer.byteLength(yaml)).toBeLessThan(HALF_OF_ETCD);
});

describe('the CRD of Broker', () => {
  const [broker] = crds;
  const service = at(
    broker,
    'spec',
    'versions',
    0,
    'schema',
    'openAPIV3Schema',
    'properties',
    'spec',
    'properties',
    'service',
  );

  it('has the short name br and its original printer columns', () => {
    expect(broker?.spec.names.shortNames).toEqual(['br']);
    const columns = broker?.spec.versions[0]?.additionalPrinterColumns?.map(({ name }) => name);
    expect(columns).toEqual(expect.arrayContaining(['Size', 'External', 'Internal', 'Age']));
  });

  it('rejects load balancer fields with another type, by CEL', () => {
    expect(at(service, 'properties', 'type', 'enum')).toEqual(['ClusterIP', 'NodePort', 'LoadBalancer']);
    const rules = at(service, 'x-kubernetes-validations');
    for (const field of ['loadBalancerClass', 'loadBalancerSourceRanges']) {
      expect(rules).toContainEqual({
        rule: expect.stringMatching(new RegExp(`!has\\(self\\.${field}\\).*self\\.type == 'LoadBalancer'$`)),
        message: 'is only valid when service type is LoadBalancer',
        fieldPath: `.${field}`,
      });
    }
  });
});
