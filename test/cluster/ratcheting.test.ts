import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { parse } from 'yaml';
import { walk } from '../stand-in/json.ts';
import { definitions } from '../support/go-operator.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { broker, eventually, meshSync } from './expectations.ts';
import type { Kubernetes, KubernetesObject } from './kubernetes.ts';
import { applyPatiently } from './world.ts';

/** A resource that was stored when its kind had no such rule. */
interface Stored {
  kind: 'Broker' | 'MeshSync';
  /** Where the object is whose rule it breaks: the API server looks at that as a whole. */
  at: string;
  spec: object;
  /** A merge patch that changes the object and leaves it wrong. */
  change: object;
  message: string;
}

const pod = (spec: object) => ({ podTemplate: { spec } });
const requirement = (values: string[]) => [{ key: 'a', operator: 'Exists', values }];
const peers = (values: string[]) => [{ podSelector: { matchExpressions: requirement(values) } }];
const affinity = (values: string[]) =>
  pod({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: requirement(values) }],
        },
      },
    },
  });
const spread = (maxSkew: number) =>
  pod({
    topologySpreadConstraints: [{ maxSkew, minDomains: 2, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }],
  });
const tooMuch = (cpu: number) => ({ resources: { requests: { cpu }, limits: { cpu: 1 } } });

/** One for each kind of object with rules, and for what a schema says without rules. */
const cases: Stored[] = [
  ...(['Broker', 'MeshSync'] as const).flatMap((kind): Stored[] => [
    { kind, at: 'resources', spec: tooMuch(2), change: tooMuch(3), message: 'must not be more than the limit of cpu' },
    {
      ...{ kind, at: 'podTemplate.spec', spec: pod({ dnsPolicy: 'None' }) },
      ...{ change: pod({ schedulerName: 'other' }), message: 'must have nameservers' },
    },
    {
      ...{ kind, at: 'podTemplate.spec.tolerations[]', message: 'must be Exists when there is no key' },
      ...{ spec: pod({ tolerations: [{ value: 'a' }] }), change: pod({ tolerations: [{ value: 'b' }] }) },
    },
    {
      ...{ kind, at: 'matchExpressions[]', message: 'must have values for In and NotIn' },
      ...{ spec: affinity(['a']), change: affinity(['b']) },
    },
    {
      ...{ kind, at: 'podTemplate.spec.topologySpreadConstraints[]', message: 'is only valid with whenUnsatisfiable' },
      ...{ spec: spread(1), change: spread(2) },
    },
    { kind, at: '', spec: { size: 11 }, change: { size: 12 }, message: 'should be less than or equal to 10' },
    {
      ...{ kind, at: '', message: 'should match', spec: { serviceAccountName: 'A' } },
      change: { serviceAccountName: 'B' },
    },
    {
      kind,
      at: '',
      spec: { podTemplate: { spec: { extraContainers: [{ name: 'a' }] } } },
      change: pod({ extraContainers: [{ name: 'b' }] }),
      message: 'Required value',
    },
  ]),
  {
    ...{ kind: 'Broker', at: 'service', spec: { service: { externalTrafficPolicy: 'Local' } } },
    ...{ change: { service: { port: 4333 } }, message: 'is only valid when service type is NodePort' },
  },
  {
    ...{ kind: 'Broker', at: 'auth.users[]', spec: { auth: { users: [{ user: 'a' }] } } },
    ...{ change: { auth: { users: [{ user: 'a', permissions: {} }] } }, message: 'must have either passwordSecretRef' },
  },
  {
    ...{ kind: 'Broker', at: 'tls', spec: { tls: { verify: true } }, change: { tls: { monitor: true } } },
    message: 'is required by verify',
  },
  {
    ...{ kind: 'Broker', at: 'jetstream', spec: { jetstream: { maxOutstandingCatchup: '2Ti' } } },
    ...{ change: { jetstream: { domain: 'a' } }, message: 'must not be more than 1Ti' },
  },
  {
    ...{
      kind: 'Broker',
      at: 'jetstream.fileStore',
      spec: { jetstream: { fileStore: { size: '1Gi', maxSize: '2Gi' } } },
    },
    ...{ change: { jetstream: { fileStore: { size: '1.5Gi' } } }, message: 'must not be more than size' },
  },
  {
    ...{
      kind: 'Broker',
      at: 'leafNodes',
      spec: { leafNodes: { enabled: true } },
      change: { leafNodes: { port: 7423 } },
    },
    message: 'is required by enabled',
  },
  {
    ...{ kind: 'Broker', at: 'leafNodes.remotes[]', spec: { leafNodes: { remotes: [{ url: 'tls://a', user: 'a' }] } } },
    ...{ change: { leafNodes: { remotes: [{ url: 'tls://a', user: 'b' }] } }, message: 'is required by user' },
  },
  {
    ...{ kind: 'Broker', at: 'websocket', spec: { websocket: { port: 4222 } }, change: { websocket: { port: 8222 } } },
    message: 'must not be a port that the operator uses',
  },
  {
    ...{ kind: 'Broker', at: 'config', spec: { config: { maxPayload: '65Mi' } }, change: { config: { debug: true } } },
    message: 'must not be more than 64Mi',
  },
  {
    ...{ kind: 'Broker', at: 'networkPolicy.[]', spec: { networkPolicy: { clients: [{}] } } },
    ...{ change: { networkPolicy: { clients: [{}, {}] } }, message: 'must have either ipBlock' },
  },
  {
    ...{ kind: 'Broker', at: 'matchExpressions[]', spec: { networkPolicy: { monitor: peers(['a']) } } },
    ...{ change: { networkPolicy: { monitor: peers(['b']) } }, message: 'must have values for In and NotIn' },
  },
  {
    ...{ kind: 'Broker', at: 'podDisruptionBudget', message: 'must be absent when there is a maxUnavailable' },
    spec: { podDisruptionBudget: { minAvailable: 1, maxUnavailable: 1 } },
    change: { podDisruptionBudget: { minAvailable: 2 } },
  },
  {
    ...{ kind: 'Broker', at: 'resources', spec: { promExporter: tooMuch(2) }, change: { promExporter: tooMuch(3) } },
    message: 'must not be more than the limit of cpu',
  },
  {
    ...{ kind: 'MeshSync', at: 'broker', spec: { broker: { native: { name: 'b' }, custom: { url: 'nats://a' } } } },
    ...{ change: { broker: { native: { name: 'c' } } }, message: 'must be absent when native names a Broker' },
  },
  {
    ...{ kind: 'MeshSync', at: 'broker.custom', message: 'must not contain credentials' },
    spec: { broker: { custom: { url: 'nats://t@a', credentialsSecretRef: { name: 's' } } } },
    change: { broker: { custom: { url: 'nats://t@b' } } },
  },
];

const wholeSpec = broker('default', 'whole', { jetstream: { memoryStore: { maxSize: '1Gi' } } });

/** Before 1.33, Kubernetes repeats the rules of the spec with each write of the status; schemas it does not. */
const repeatsRules = process.env.KUBERNETES === '1.30';

const CRDS = ['brokers', 'meshsyncs'].map((plural) => `manifests/crds/meshery.io_${plural}.yaml`);

describe('a resource that was stored before its kind had the rules that it breaks', () => {
  let controlPlane: ControlPlane;
  let kubernetes: Kubernetes;
  let failed = false;
  const keepLogs = () => {
    failed = true;
  };
  const names = new Map(cases.map((one, index) => [one, `case-${index}`]));
  const stored = (one: Stored): KubernetesObject => {
    const name = names.get(one) ?? '';
    const object = one.kind === 'Broker' ? broker('default', name) : meshSync('default', name);
    return { ...object, spec: one.spec };
  };
  /** The message of the API server, `undefined` when it accepts the request. */
  const refusal = (request: Promise<unknown>) =>
    request.then(
      () => undefined,
      (error: Error) => error.message,
    );

  beforeAll(async () => {
    controlPlane = await startControlPlane(() => {});
    kubernetes = controlPlane.kubernetes;
    // Their schemas accept everything.
    for (const crd of definitions()) await kubernetes.create(crd, 'kubectl');
    for (const object of [...cases.map(stored), wholeSpec]) await applyPatiently(kubernetes, object);
    for (const file of CRDS) await kubernetes.apply(parse(await readFile(file, 'utf8')));
    await eventually(async () => {
      for (const object of [
        broker('default', 'probe', { size: 11 }),
        { ...meshSync('default', 'probe'), spec: { size: 11 } },
      ])
        expect(await refusal(kubernetes.apply(object))).toContain('422');
    });
  });
  afterAll(() => controlPlane?.stop(failed));

  it.each(cases)('is edited elsewhere, and refused where it is wrong: $kind $at, $message', async (one) => {
    onTestFailed(keepLogs);
    const { apiVersion, kind, metadata } = stored(one);
    const of = { apiVersion, kind, metadata };
    const before = await kubernetes.get(apiVersion, kind, metadata.name, metadata.namespace);
    expect(before?.spec).toMatchObject(one.spec);
    expect(
      await refusal(kubernetes.create({ ...stored(one), metadata: { name: 'new', namespace: 'default' } })),
    ).toContain(one.message);

    // By the operator, which writes the status, and by a person.
    const status = { ...before?.status, observedGeneration: 1, replicas: 1 };
    const written = await refusal(kubernetes.update({ ...before, status }, 'metacontroller', '/status'));
    const isWritten = one.at === '' || !repeatsRules;
    expect(written).toEqual(isWritten ? undefined : expect.stringContaining(one.message));
    const elsewhere = { commonMetadata: { labels: { team: 'payments' } } };
    expect(await refusal(kubernetes.patch({ ...of, spec: elsewhere } as KubernetesObject))).toBeUndefined();

    expect(await refusal(kubernetes.patch({ ...of, spec: one.change } as KubernetesObject))).toContain(one.message);
    const after = await kubernetes.get(apiVersion, kind, metadata.name, metadata.namespace);
    expect(after?.spec).toEqual({ ...before?.spec, ...elsewhere });
    if (isWritten) expect(after?.status).toMatchObject(status);
  });

  it('is among those above for every kind of object that has rules', async () => {
    for (const file of CRDS) {
      const crd = parse(await readFile(file, 'utf8'));
      const { spec } = crd.spec.versions.at(-1).schema.openAPIV3Schema.properties;
      const objects = [...walk(spec)].filter(([path]) => path.at(-1) === 'x-kubernetes-validations');
      expect(objects.length).toBeGreaterThan(15);
      const tested = cases.filter(({ kind }) => kind === crd.spec.names.kind).map(({ at }) => at);
      expect(new Set(objects.flatMap(([path]) => placeOf(path)))).toEqual(new Set(tested.filter((at) => at !== '')));
    }
  });

  it('is edited in its metadata and its status where it breaks a rule of the whole spec, and in the spec once that is mended', async () => {
    onTestFailed(keepLogs);
    const { apiVersion, kind, metadata } = wholeSpec;
    const patch = (fields: object) => kubernetes.patch({ apiVersion, kind, metadata, ...fields } as KubernetesObject);
    expect(await refusal(kubernetes.create({ ...wholeSpec, metadata: { ...metadata, name: 'new' } }))).toContain(
      'must be less than resources.limits.memory',
    );
    const labelled = await patch({ metadata: { ...metadata, labels: { team: 'payments' } } });
    const status = { ...labelled.status, observedGeneration: 1, replicas: 1 };
    const written = await refusal(kubernetes.update({ ...labelled, status }, 'metacontroller', '/status'));
    expect(written).toEqual(repeatsRules ? expect.stringContaining('must be less than') : undefined);
    expect(await refusal(patch({ spec: { size: 3 } }))).toContain('must be less than resources.limits.memory');
    expect(await refusal(patch({ spec: { size: 3, resources: { limits: { memory: '2Gi' } } } }))).toBeUndefined();
  });

  it('may be written by v1alpha1 where its fields are newer than that, and keeps all of them', async () => {
    onTestFailed(keepLogs);
    for (const one of cases) {
      const object = { ...stored(one), metadata: { name: 'older', namespace: 'default' } };
      const refused = await refusal(kubernetes.create({ ...object, apiVersion: 'meshery.io/v1alpha1' }));
      const [field = ''] = Object.keys(one.spec);
      const isChecked = ['size', 'service', 'broker'].includes(field) || one.message === 'Required value';
      if (isChecked) expect(refused).toContain(one.message);
      else expect(refused, JSON.stringify(one.spec)).toBeUndefined();
      const found = await kubernetes.get('meshery.io/v1alpha2', one.kind, 'older', 'default');
      expect(found?.spec).toEqual(isChecked ? undefined : { size: 1, ...one.spec });
      const status = { observedGeneration: 1 };
      const written = found && (await refusal(kubernetes.update({ ...found, status }, 'metacontroller', '/status')));
      expect(written).toEqual(found && one.at && repeatsRules ? expect.stringContaining(one.message) : undefined);
      await kubernetes.delete('meshery.io/v1alpha2', one.kind, 'older', 'default');
    }
  });

  it('leaves room for rules: the API server accepts lists that are eight times as long', async () => {
    for (const file of CRDS) {
      const crd = JSON.parse(JSON.stringify(parse(await readFile(file, 'utf8'))), (key, value) =>
        key === 'maxItems' && typeof value === 'number' ? value * 8 : value,
      );
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crd.metadata.name}?dryRun=All&fieldManager=kubectl&force=true`;
      const headers = { 'content-type': 'application/apply-patch+yaml' };
      const { status, body } = await kubernetes.request('PATCH', path, crd, headers);
      expect(status, JSON.stringify(body).slice(0, 2_000)).toBe(200);
    }
  });
});

/** The object whose rules are at a path of a schema, as the cases name it; the same objects in several places by the same name. */
function placeOf(path: (string | number)[]): string[] {
  const fields = path
    .slice(0, -1)
    .flatMap((step, index) => (step === 'items' ? ['[]'] : path[index - 1] === 'properties' ? [`.${step}`] : []));
  const place = fields.join('').slice(1);
  if (place === '') return [];
  return [
    place
      .replace(/^.*\.matchExpressions\[\]$/, 'matchExpressions[]')
      .replace(/^.*\.resources$/, 'resources')
      .replace(/^networkPolicy\.\w+\[\]$/, 'networkPolicy.[]'),
  ];
}
