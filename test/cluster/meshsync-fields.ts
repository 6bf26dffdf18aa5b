import { expect, it, onTestFailed } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { rbac } from '../../src/cli/rbac.ts';
import { decode } from '../../src/kubernetes/secrets.ts';
import { resolveMeshSync } from '../../src/meshsync/spec.ts';
import { authority } from '../support/certificates.ts';
import { countChanges } from './changes.ts';
import { conditionOf, eventually, isReady, meshSync, namespace } from './expectations.ts';
import type { KubernetesObject } from './kubernetes.ts';
import type { Scene } from './scenarios.ts';

const MESHERY = 'meshery.io/v1alpha2';
const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' };

/** The fields of a MeshSync in a cluster, each with its effect, and with the condition for values that can not work. */
export function meshSyncFields({ kubernetes: cluster, keepLogs, pair, get, patchSpec }: Scene): void {
  const deployment = (of: string, name = 'meshery-meshsync') => get('apps/v1', 'Deployment', name, of);
  const change = (of: string, spec: object, name = 'meshery-meshsync') => patchSpec(of, spec, 'MeshSync', name);
  const custom = (of: string, name: string, fields: object): KubernetesObject => ({
    ...meshSync(of, name),
    spec: { broker: { custom: { url: 'nats://nats.example.com:4222', ...fields } } },
  });
  const secret = (of: string, name: string, stringData: Record<string, string>) =>
    cluster().apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: of }, stringData });

  it('a MeshSync passes the fields of its pods to the pods, and removes them again', async () => {
    onTestFailed(keepLogs);
    const of = 'meshsync-pods';
    const { meshSync: applied } = await pair(of);
    const changes = await countChanges(cluster(), of);
    await cluster().apply({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'watching' },
      value: 1_000,
    });
    const metadata = { name: 'reader', namespace: of };
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false };
    await cluster().apply(account);
    const plain = (await deployment(of)).spec;
    const spec = {
      size: 2,
      serviceAccountName: 'reader',
      image: { repository: 'registry.example.com/meshsync', pullPolicy: 'Always' },
      resources: { requests: { cpu: '0.25', memory: '100Mi' }, limits: { cpu: 2, memory: '1024Mi' } },
      podTemplate: {
        metadata: { labels: { team: 'platform' }, annotations: { 'example.com/note': 'ours' } },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': 'node-2' },
          tolerations: [{ key: '', operator: 'Exists', value: '' }],
          affinity: { podAntiAffinity: {} },
          topologySpreadConstraints: [{ maxSkew: 3, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }],
          priorityClassName: 'watching',
          imagePullSecrets: [{ name: 'registry' }],
        },
      },
    };
    await change(of, spec);
    const ready = await isReady(cluster(), applied);
    expect(conditionOf(ready, 'PublishesOnce')).toMatchObject({ status: 'False', reason: 'MultipleReplicas' });
    expect(conditionOf(ready, 'RoleBound')).toMatchObject({ status: 'Unknown' });
    const { template } = (await deployment(of)).spec;
    expect(template.spec.containers[0]).toMatchObject({
      image: 'registry.example.com/meshsync:1.0.3',
      imagePullPolicy: 'Always',
      resources: { requests: { cpu: '250m', memory: '100Mi' }, limits: { cpu: '2', memory: '1Gi' } },
    });
    expect(template.metadata).toMatchObject(spec.podTemplate.metadata);
    expect(template.spec).toMatchObject({
      serviceAccountName: 'reader',
      nodeSelector: { 'kubernetes.io/hostname': 'node-2' },
      tolerations: [{ operator: 'Exists' }],
      priorityClassName: 'watching',
      imagePullSecrets: [{ name: 'registry' }],
      topologySpreadConstraints: [{ topologyKey: 'zone', labelSelector: { matchLabels: plain.selector.matchLabels } }],
    });
    const pods = (await cluster().list('v1', 'Pod', of)).filter(({ metadata }) => metadata.labels?.team);
    expect(pods.map(({ spec }) => [spec.nodeName, spec.serviceAccountName])).toEqual([
      ['node-2', 'reader'],
      ['node-2', 'reader'],
    ]);
    // The API server adds the token as a volume.
    for (const { spec } of pods) {
      expect(spec.volumes).toContainEqual(
        expect.objectContaining({ name: expect.stringContaining('kube-api-access'), projected: expect.anything() }),
      );
    }
    await eventually(async () => {
      expect(await cluster().get('v1', 'ServiceAccount', 'meshery-meshsync', of)).toBeUndefined();
    });

    await change(of, Object.fromEntries(Object.keys(spec).map((field) => [field, null])));
    await isReady(cluster(), applied);
    expect((await deployment(of)).spec).toEqual(plain);
    await get('v1', 'ServiceAccount', 'meshery-meshsync', of);
    await get('v1', 'ServiceAccount', 'reader', of);
    expect(await changes()).toMatchObject({ 'Deployment/meshery-meshsync': 2, 'ServiceAccount/meshery-meshsync': 2 });
  });

  it('a field of a MeshSync replaces what Meshery Server wrote', async () => {
    onTestFailed(keepLogs);
    const of = 'server-gives-way';
    const { meshSync: applied } = await pair(of);
    const changes = await countChanges(cluster(), of);
    const write = async () => {
      const container = {
        name: 'meshsync',
        args: ['--outputNamespaces', 'a,b'],
        env: [{ name: 'DEBUG', value: 'true' }],
      };
      const template = {
        metadata: { annotations: { 'meshery.io/restarted-at': 'now' } },
        spec: { containers: [container] },
      };
      const path = `/apis/apps/v1/namespaces/${of}/deployments/meshery-meshsync`;
      expect((await cluster().request('PATCH', path, { spec: { template } }, STRATEGIC)).status).toBe(200);
    };
    await write();
    const fields = {
      output: { namespaces: ['c'], resources: ['pod', 'service'] },
      debug: false,
      redactSecrets: true,
      contentDeduplication: true,
    };
    await change(of, fields);
    const fieldsAreApplied = () =>
      eventually(async () => {
        const { template } = (await deployment(of)).spec;
        const { args, env } = template.spec.containers[0];
        expect(args).toEqual(['--outputNamespaces', 'c', '--outputResources', 'pod,service']);
        expect(env).toHaveLength(5);
        for (const [name, value] of [
          ['DEBUG', 'false'],
          ['MESHSYNC_REDACT_SECRETS', 'true'],
          ['MESHSYNC_BROKER_CONTENT_DEDUP', 'true'],
        ]) {
          expect(env).toContainEqual({ name, value });
        }
        expect(template.metadata.annotations['meshery.io/restarted-at']).toBe('now');
      });
    await fieldsAreApplied();
    await write();
    await fieldsAreApplied();
    await isReady(cluster(), applied);
    await change(of, { output: null, debug: null, redactSecrets: null, contentDeduplication: null });
    await eventually(async () => {
      const { args, env } = (await deployment(of)).spec.template.spec.containers[0];
      expect(args).toBeUndefined();
      // Of a variable that Meshery Server writes too, its own entry may remain, without a value.
      expect(
        env.filter(({ value, valueFrom }: { value?: string; valueFrom?: object }) => value || valueFrom),
      ).toHaveLength(2);
    });
    await isReady(cluster(), applied);
    // Twice by hand, three times by the operator.
    expect(await changes()).toMatchObject({ 'Deployment/meshery-meshsync': 5 });
  });

  it('a MeshSync connects to a custom broker with Secrets of the user, and waits for them', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(cluster(), 'custom');
    const applied = custom(of, 'elsewhere', {
      url: 'tls://a.example.com,tls://b.example.com:4333',
      credentialsSecretRef: { name: 'mine' },
      caSecretRef: { name: 'authority', key: 'bundle' },
    });
    await cluster().apply(applied);
    await isReady(cluster(), applied, 'SecretNotFound');
    await secret(of, 'mine', { other: 'x' });
    await isReady(cluster(), applied, 'SecretKeyMissing');
    await secret(of, 'mine', { credentials: 'not usable' });
    await isReady(cluster(), applied, 'SecretInvalid');
    await secret(of, 'mine', { credentials: 'user:word' });
    await isReady(cluster(), applied, 'SecretNotFound');
    expect(await cluster().get('apps/v1', 'Deployment', 'elsewhere', of)).toBeUndefined();
    await secret(of, 'authority', { bundle: (await authority()).certificate });
    const ready = await isReady(cluster(), applied);
    const changes = await countChanges(cluster(), of);
    expect(ready.status).toMatchObject({
      broker: 'custom',
      'publishing-to': 'tls://a.example.com/,tls://b.example.com:4333',
    });
    const { template } = (await deployment(of, 'elsewhere')).spec;
    expect(template.spec.containers[0].env).toEqual([
      { name: 'BROKER_CREDENTIALS', valueFrom: { secretKeyRef: { key: 'credentials', name: 'mine' } } },
      {
        name: 'BROKER_URL',
        value: 'tls://$(BROKER_CREDENTIALS)@a.example.com/,tls://$(BROKER_CREDENTIALS)@b.example.com:4333',
      },
      { name: 'SSL_CERT_DIR', value: '/etc/meshery/broker-ca' },
    ]);
    await secret(of, 'mine', { credentials: 'another' });
    await eventually(async () => expect((await deployment(of, 'elsewhere')).spec.template).not.toEqual(template));
    await isReady(cluster(), applied);

    await change(
      of,
      { broker: { custom: { url: 'nats://word@c.example.com', credentialsSecretRef: null, caSecretRef: null } } },
      'elsewhere',
    );
    await eventually(async () => {
      const { data } = await get('v1', 'Secret', 'elsewhere-broker-auth', of);
      expect(decode(data?.url)).toBe('nats://word@c.example.com');
      const { spec } = (await deployment(of, 'elsewhere')).spec.template;
      expect(spec.containers[0].env).toEqual([
        { name: 'BROKER_URL', valueFrom: { secretKeyRef: { key: 'url', name: 'elsewhere-broker-auth' } } },
      ]);
      expect(spec.volumes).toHaveLength(1);
    });
    expect((await isReady(cluster(), applied)).status?.['publishing-to']).toBe('nats://c.example.com');
    expect(await changes()).toEqual({
      'Secret/mine': 1,
      'Secret/elsewhere-broker-auth': 1,
      'Deployment/elsewhere': 2,
      'Pod/elsewhere': 2,
    });
  });

  it('a MeshSync with an invalid watch-list keeps its children, and a new one starts no pods', async () => {
    onTestFailed(keepLogs);
    const of = 'watch-list';
    const { meshSync: applied } = await pair(of);
    const changes = await countChanges(cluster(), of);
    const { spec } = await deployment(of);
    const broken = { 'watch-list': { data: { whitelist: '["pods.v1."]' } } };
    await change(of, { ...broken, debug: true });
    const { status } = await isReady(cluster(), applied, 'InvalidWatchList');
    expect(status?.conditions?.[0]?.message).toContain('spec.watch-list.data.whitelist[0]');
    const fresh = { ...meshSync(of, 'fresh'), spec: { ...meshSync(of, 'fresh').spec, ...broken } };
    await cluster().apply(fresh);
    await isReady(cluster(), fresh, 'InvalidWatchList');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect((await deployment(of)).spec).toEqual(spec);
    expect(await cluster().get('apps/v1', 'Deployment', 'fresh', of)).toBeUndefined();
    for (const name of ['meshery-meshsync', 'fresh']) await change(of, { 'watch-list': null, debug: null }, name);
    await Promise.all([isReady(cluster(), applied), isReady(cluster(), fresh)]);
    expect((await deployment(of)).spec).toEqual(spec);
    expect(await changes()).toEqual({ 'ServiceAccount/fresh': 1, 'Deployment/fresh': 1, 'Pod/fresh': 1 });
  });

  it('a MeshSync reports which watch-list is in force, and that its binding is unknown', async () => {
    onTestFailed(keepLogs);
    const { meshSync: applied } = await pair('elsewhere');
    const ready = await get(MESHERY, 'MeshSync', applied.metadata.name, 'elsewhere');
    expect(conditionOf(ready, 'WatchListActive')?.message).toContain('meshery/meshery-meshsync');
    expect(conditionOf(ready, 'RoleBound')).toMatchObject({
      status: 'Unknown',
      message: expect.stringMatching(/--serviceaccount=elsewhere:meshery-meshsync$/),
    });
    expect(conditionOf(ready, 'BrokerConnected')).toMatchObject({ status: 'True' });
  });

  it('the API server rejects a MeshSync that can not work, and the hooks report the same', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(cluster(), 'meshsync-refused');
    const url = 'nats://a';
    const rejected: [spec: object, path: string, message: string][] = [
      [{ broker: { native: { name: 'b' }, custom: { url } } }, 'spec.broker.custom', 'must be absent'],
      [
        { broker: { custom: { url: 'nats://t@a', credentialsSecretRef: { name: 's' } } } },
        'spec.broker.custom.url',
        'must not contain credentials',
      ],
      [{ broker: { custom: { url: 'nats://a b' } } }, 'spec.broker.custom.url', ''],
      [{ broker: { custom: { url, caSecretRef: { name: 'A' } } } }, 'spec.broker.custom.caSecretRef.name', ''],
      [{ broker: { custom: { url, caSecretRef: { name: 'a', key: '/' } } } }, 'spec.broker.custom.caSecretRef.key', ''],
      [{ output: { namespaces: ['a,b'] } }, 'spec.output.namespaces[0]', ''],
      [{ output: { resources: ['pods.v1.'] } }, 'spec.output.resources[0]', ''],
      [{ serviceAccountName: '-' }, 'spec.serviceAccountName', ''],
      [{ resources: { requests: { cpu: 2 }, limits: { cpu: 1 } } }, 'spec.resources.requests.cpu', 'must not be more'],
    ];
    for (const [spec, path, message] of rejected) {
      const applied = { ...meshSync(of, 'refused'), spec };
      const error = await cluster()
        .apply(applied)
        .then(
          () => 'accepted',
          (reason: Error) => reason.message,
        );
      for (const text of ['422', path, message]) expect(error, JSON.stringify(spec)).toContain(text);
      const parent = { ...applied, metadata: { name: 'refused', namespace: of, uid: 'uid' } };
      expect(resolveMeshSync(parent), JSON.stringify(spec)).toMatchObject({
        path,
        message: expect.stringContaining(message),
      });
    }
    const accepted: object[] = [
      { broker: { native: { name: 'b' }, custom: { url: '' } } },
      { broker: { native: { name: '' }, custom: { url, credentialsSecretRef: { name: '' } } } },
      { broker: { custom: { url: 'nats://t@a', credentialsSecretRef: { name: '' } } } },
      { output: {}, serviceAccountName: '', image: {}, podTemplate: {} },
    ];
    for (const spec of accepted) {
      const applied = { ...meshSync(of, 'accepted'), spec };
      await cluster().apply(applied);
      const parent = { ...applied, metadata: { name: 'accepted', namespace: of, uid: 'uid' } };
      expect(resolveMeshSync(parent), JSON.stringify(spec)).not.toHaveProperty('path');
      await cluster().delete(MESHERY, 'MeshSync', 'accepted', of);
    }
  });

  it('a MeshSync needs only the role that the command prints for its whitelist', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(cluster(), 'least');
    const names = ['pods.v1.', 'configmaps.v1.', 'deployments.v1.apps', 'ingresses.v1.networking.k8s.io'];
    const whitelist = JSON.stringify(names.map((Resource) => ({ Resource, Events: ['ADDED'] })));
    const { yaml } = rbac(
      [
        {
          ...{ apiVersion: MESHERY, kind: 'MeshSync', metadata: { name: 'least', namespace: of } },
          ...{ spec: { 'watch-list': { data: { whitelist } } }, place: { file: '', document: 1 }, source: '' },
        },
      ],
      of,
    );
    for (const document of parseAllDocuments(yaml)) await cluster().apply(document.toJS());
    for (const name of ['least', 'stranger']) {
      await cluster().apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: of } });
    }

    /** The rights of a ServiceAccount for all resources of the server, as `verb group/resource`, checked with its own token. */
    const rights = async (account: string) => {
      const path = `/api/v1/namespaces/${of}/serviceaccounts/${account}/token`;
      const { body } = await cluster().request('POST', path, { spec: {} });
      const authorization = `Bearer ${(body as KubernetesObject).status?.token}`;
      const reviews: Promise<string[]>[] = [];
      for (const { group, resource, subresource } of await resources()) {
        for (const verb of VERBS) {
          const spec = { resourceAttributes: { verb, group, resource, subresource } };
          const review = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
          const response = cluster().request('POST', review, { spec }, { authorization });
          const what = `${verb} ${group}/${resource}${subresource ? `/${subresource}` : ''}`;
          reviews.push(response.then(({ body }) => ((body as KubernetesObject).status?.allowed ? [what] : [])));
        }
      }
      return { authorization, allowed: (await Promise.all(reviews)).flat().sort(), reviews: reviews.length };
    };
    const stranger = await rights('stranger');
    const least = await rights('least');
    expect(least.reviews).toBeGreaterThan(1_000);
    // The rights that Kubernetes grants every ServiceAccount: self reviews, and read access to the public certificate authorities.
    const everyone = /^create \S+\/self|^(get|list|watch) certificates\.k8s\.io\/clustertrustbundles$/;
    // It grants them some time after its start, so both accounts must be checked in the same way.
    const beyond = least.allowed.filter((right) => !everyone.test(right));
    expect(beyond).toEqual(
      ['/pods', '/configmaps', 'apps/deployments', 'networking.k8s.io/ingresses']
        .flatMap((resource) => [`list ${resource}`, `watch ${resource}`])
        .sort(),
    );
    expect(stranger.allowed.filter((right) => !everyone.test(right))).toEqual([]);

    const { authorization } = least;
    const status = async (path: string) => (await cluster().request('GET', path, undefined, { authorization })).status;
    expect(await status('/api/v1/pods')).toBe(200);
    expect(await status('/api/v1/namespaces/kube-system')).toBe(200);
    expect(await status(`/apis/${MESHERY}/namespaces/meshery/meshsyncs/meshery-meshsync`)).not.toBe(403);
    for (const forbidden of [
      '/api/v1/secrets',
      `/api/v1/namespaces/${of}`,
      `/apis/${MESHERY}/meshsyncs`,
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    ]) {
      expect(await status(forbidden), forbidden).toBe(403);
    }
  });

  /** Every resource and subresource of the server. */
  async function resources(): Promise<{ group: string; resource: string; subresource: string }[]> {
    const { groups } = (await cluster().request('GET', '/apis')).body as {
      groups: { name: string; versions: { groupVersion: string }[] }[];
    };
    const paths: [group: string, path: string][] = [
      ['', '/api/v1'],
      ...groups.flatMap(({ name, versions }) =>
        versions.map(({ groupVersion }): [string, string] => [name, `/apis/${groupVersion}`]),
      ),
    ];
    const found = new Map<string, { group: string; resource: string; subresource: string }>();
    for (const [group, path] of paths) {
      const { resources } = (await cluster().request('GET', path)).body as { resources: { name: string }[] };
      for (const { name } of resources) {
        const [resource = '', subresource = ''] = name.split('/');
        found.set(`${group} ${name}`, { group, resource, subresource });
      }
    }
    return [...found.values()];
  }
}

const VERBS = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
  'impersonate',
  'bind',
  'escalate',
];
