import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };
import { crdFiles } from '../../src/cli/crds.ts';
import { at, type KubeObject } from '../stand-in/json.ts';
import { type Bundles, buildBundles, start } from '../support/built.ts';

let bundles: Bundles;
let folder: string;

beforeAll(async () => {
  bundles = await buildBundles();
  folder = await mkdtemp(join(tmpdir(), 'meshery-operator-cli-'));
});

afterAll(async () => {
  await bundles.remove();
  await rm(folder, { recursive: true, force: true });
});

const run = (args: string[], input = '') => start(bundles.cli, args, {}, input).finished;

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const objects = (yaml: string) => parseAllDocuments(yaml).map((document) => document.toJS() as KubeObject);
const kinds = (yaml: string) =>
  objects(yaml).map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`);

const BROKER = 'apiVersion: meshery.io/v1alpha2\nkind: Broker\nmetadata: { name: meshery-broker }\n';
const MESHSYNC =
  'apiVersion: meshery.io/v1alpha2\nkind: MeshSync\nmetadata: { name: m }\nspec: { broker: { native: { name: meshery-broker } } }\n';

const BROKER_CHILDREN = [
  'Secret default/meshery-nats-auth',
  'Secret default/meshery-nats-server',
  'ConfigMap default/meshery-nats-config',
  'Service default/meshery-nats-headless',
  'Service default/meshery-nats',
  'StatefulSet default/meshery-nats',
  'Broker default/meshery-broker',
];
const MESHSYNC_CHILDREN = ['ServiceAccount default/m', 'Deployment default/m', 'MeshSync default/m'];

describe('validate', () => {
  const WRONG = `${BROKER}spec: { size: 11, servce: {}, service: { port: 8222 } }\n`;
  const LIST = (list: string) => `${MESHSYNC.trim().slice(0, -2)}, watch-list: { data: { whitelist: '${list}' } } }\n`;

  it('prints nothing for valid files, and exits with 0', async () => {
    const main = MESHSYNC.replace('name: m ', 'name: meshery-meshsync, namespace: meshery ');
    const whitelist = 'watch-list: { data: { whitelist: \'[{"Resource":"pods.v1.","Events":["ADDED"]}]\' } }';
    const meshSync = main.replace('{ name: meshery-broker } }', `{ name: meshery-broker } }, ${whitelist}`);
    const { code, stdout, stderr } = await run(['validate', '-n', 'meshery', '-'], `${meshSync}---\n${BROKER}`);
    expect([code, stdout, stderr]).toEqual([0, '', '']);
  });

  it('prints a line for each error, with file, document and path, and exits with 1', async () => {
    const path = await file('wrong.yaml', `${BROKER}---\n${WRONG}`);
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects(LIST('{}')) });
    const { code, stdout } = await run(['validate', path, '-'], list);
    expect(code).toBe(1);
    expect(stdout.split('\n')).toEqual([
      `${path}, document 2: error: Broker meshery-broker: spec.size must be less or equal to 10`,
      `${path}, document 2: error: Broker meshery-broker: spec.servce is not a field`,
      `${path}, document 2: warning: Broker meshery-broker: metadata.name would create Broker default/meshery-broker, which ${path}, document 1 also creates`,
      expect.stringMatching(/^standard input, document 1, item 1: warning: MeshSync m: CredentialsPending: /),
      expect.stringMatching(
        /^standard input, document 1, item 1: error: MeshSync m: spec\.watch-list\.data\.whitelist must be a JSON list\. /,
      ),
      expect.stringMatching(/^standard input, document 1, item 1: warning: MeshSync m: DefaultSet: /),
      expect.stringMatching(/^standard input, document 1, item 1: warning: MeshSync m: BindingUnknown: /),
      '',
    ]);
  });

  it('reports violated CEL rules, and unknown fields at every level', async () => {
    const both = MESHSYNC.replace('{ native:', '{ custom: { url: a, urls: [] }, native:');
    const { code, stdout } = await run(['validate', '-'], both);
    expect(code).toBe(1);
    expect(stdout).toContain('error: MeshSync m: spec.broker.custom must be absent when native names a Broker\n');
    expect(stdout).toContain('error: MeshSync m: spec.broker.custom.urls is not a field\n');
  });

  it('rejects names that the API server rejects, and names that are invalid for children', async () => {
    const named = (name: string) => BROKER.replace('name: meshery-broker', name);
    const long = 'a'.repeat(70);
    const { stdout } = await run(
      ['validate', '-'],
      [named('name: A_b'), named('name: a, namespace: b.c'), named(`name: ${long}`)].join('---\n'),
    );
    expect(stdout).toContain('document 1: error: Broker A_b: metadata.name must be a DNS subdomain');
    expect(stdout).toContain('document 2: error: Broker a: metadata.namespace must be a DNS label');
    expect(stdout).toContain(`document 3: error: Broker ${long}: metadata.name `);
  });

  it.each([
    ['name: bröker', 'metadata.name'],
    [`name: ${'a'.repeat(254)}`, 'metadata.name'],
    ['name: Broker', 'metadata.name'],
    ['name: ""', 'metadata.name'],
    [`name: a, namespace: ${'a'.repeat(64)}`, 'metadata.namespace'],
    ['name: a, namespace: Ä', 'metadata.namespace'],
    ['name: a, labels: { app: 5 }', 'metadata.labels["app"]'],
    ['name: a, labels: { "a b": c }', 'metadata.labels["a b"]'],
    ['name: a, labels: [a]', 'metadata.labels'],
    ['name: a, annotations: { meshery.io/hibernation: on }', 'metadata.annotations["meshery.io/hibernation"]'],
  ])(
    'reports what the API server rejects in { %s }, and continues with the other resources',
    async (metadata, path) => {
      const given = `${BROKER.replace('name: meshery-broker', metadata)}---\n${WRONG}---\n${BROKER}`;
      const { code, stdout, stderr } = await run(['validate', '-'], given);
      expect([code, stderr]).toEqual([1, '']);
      expect(stdout).toContain(
        `standard input, document 1: error: Broker ${/name: "?([^,"]*)/.exec(metadata)?.[1]}: ${path} must `,
      );
      expect(stdout).toContain('document 2: error: Broker meshery-broker: spec.size must be');
      const rendered = await run(['render', '-'], `${BROKER.replace('name: meshery-broker', metadata)}---\n${BROKER}`);
      expect([rendered.code, kinds(rendered.stdout)]).toEqual([1, BROKER_CHILDREN]);
      expect(rendered.stderr).toContain(`meshery-operator: standard input, document 1: ${path} must `);
    },
  );

  it('accepts an empty namespace, labels without a value and quoted annotations, as kubectl does', async () => {
    const metadata = 'name: a, namespace: "", labels: { app: }, annotations: { meshery.io/hibernation: "on" }';
    const { code, stdout } = await run(['validate', '-'], BROKER.replace('name: meshery-broker', metadata));
    expect([code, stdout]).toEqual([0, '']);
  });

  it('warns that a paused resource is not reconciled, and still checks its spec', async () => {
    const paused = 'name: meshery-broker, annotations: { meshery.io/pause-reconciliation: "true" }';
    const { code, stdout } = await run(['validate', '-'], WRONG.replace('name: meshery-broker', paused));
    expect(code).toBe(1);
    expect(stdout).toContain('error: Broker meshery-broker: spec.size must be');
    expect(stdout).toContain('warning: Broker meshery-broker: ReconciliationPaused: All children are left unchanged');
  });

  it('warns of references to objects outside the files, and resolves those to objects in the files', async () => {
    const waiting = await run(['validate', '-'], MESHSYNC);
    expect(waiting.code).toBe(0);
    expect(waiting.stdout).toContain(
      'warning: MeshSync m: BrokerNotFound: Broker default/meshery-broker does not exist.',
    );
    const followed = await run(['validate', '-'], `${MESHSYNC}---\n${BROKER}`);
    expect(followed.stdout).not.toContain('Broker default/meshery-broker');
    const none = await run(['validate', '-'], MESHSYNC.replace('{ native: { name: meshery-broker } }', '{}'));
    expect(none.code).toBe(1);
    expect(none.stdout).toContain('error: MeshSync m: BrokerNotSpecified: ');

    const own = 'spec: { broker: { custom: { url: a, credentialsSecretRef: { name: own } } } }\n';
    const custom = MESHSYNC.replace(/spec: .*\n/, own);
    expect(await run(['validate', '-'], custom)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(
        'warning: MeshSync m: spec.broker.custom.credentialsSecretRef: Secret own does not exist',
      ),
    });
    const secret = (value: string) =>
      `apiVersion: v1\nkind: Secret\nmetadata: { name: own }\nstringData: { credentials: "${value}" }\n`;
    const rejected = await run(['validate', '-'], `${custom}---\n${secret('not@usable')}`);
    expect(rejected.code).toBe(1);
    expect(rejected.stdout).toContain('error: MeshSync m: spec.broker.custom.credentialsSecretRef key credentials');
    expect(rejected.stdout).not.toContain('not@usable');
    expect((await run(['validate', '-'], `${custom}---\n${secret('usable')}`)).stdout).not.toContain('Secret');
  });

  it('reports children that belong to two resources', async () => {
    const two = `${BROKER}---\n${BROKER.replace('meshery-broker', 'meshery-nats')}`;
    const rendered = kinds((await run(['render', '-'], two)).stdout);
    const twice = rendered.filter((name, index) => rendered.indexOf(name) !== index);
    const { code, stdout } = await run(['validate', '-'], two);
    expect([code, stdout.split('\n').length - 1]).toEqual([twice.length > 0 ? 1 : 0, twice.length]);
    const secretOf = 'kind: MeshSync\nmetadata: { name: a }\nspec: { broker: { custom: { url: t@a } } }\n';
    const distinct = await run(['validate', '-'], `apiVersion: meshery.io/v1alpha2\n${secretOf}---\n${MESHSYNC}`);
    expect(distinct.stdout).not.toContain('also creates');
  });

  it('prints JSON with --output json', async () => {
    const path = await file('wrong.yaml', `${BROKER}---\n${WRONG}`);
    const { code, stdout } = await run(['validate', '--output', 'json', path]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toContainEqual({
      file: path,
      document: 2,
      kind: 'Broker',
      namespace: 'default',
      name: 'meshery-broker',
      severity: 'error',
      path: 'spec.size',
      message: 'must be less or equal to 10',
    });
    expect(await run(['validate', '-o', 'json', '-'], BROKER)).toMatchObject({ code: 0, stdout: '[]\n' });
  });

  it('accepts files without a resource of Meshery, as a hook of a repository passes them', async () => {
    const { code, stdout, stderr } = await run(['validate', '-'], 'apiVersion: v1\nkind: Pod\n');
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toBe('meshery-operator: the files contain no Broker and no MeshSync\n');
  });

  it('exits with 2 for invalid YAML and invalid options', async () => {
    expect(await run(['validate', '-'], 'a: [b')).toMatchObject({ code: 2, stdout: '' });
    expect(await run(['validate', '-o', 'xml', '-'], BROKER)).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('rbac', () => {
  const meshSync = (data: string, name = 'meshery-meshsync', namespace = 'meshery') =>
    `apiVersion: meshery.io/v1alpha2\nkind: MeshSync\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { watch-list: { data: ${data} } }\n`;
  const WHITELIST = `{ whitelist: '[{"Resource":"pods.v1.","Events":["ADDED"]},{"Resource":"services.v1.","Events":["ADDED"]},{"Resource":"deployments.v1.apps","Events":["ADDED"]}]' }`;
  const ITSELF = [
    { apiGroups: ['meshery.io'], resources: ['meshsyncs'], resourceNames: ['meshery-meshsync'], verbs: ['get'] },
    { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
  ];
  const EVERYTHING = { apiGroups: ['*'], resources: ['*'], verbs: ['list', 'watch'] };
  const rules = (yaml: string) => objects(yaml).flatMap(({ kind, rules }) => (kind === 'ClusterRole' ? [rules] : []));

  it('prints the rules for the whitelist, for the ServiceAccount of the pods', async () => {
    const { code, stdout, stderr } = await run(['rbac', '-'], `${BROKER}---\n${meshSync(WHITELIST)}`);
    expect([code, stderr]).toEqual([0, '']);
    const [role, binding, ...others] = objects(stdout);
    expect(others).toEqual([]);
    expect(role).toMatchObject({
      kind: 'ClusterRole',
      metadata: { name: 'meshery-meshsync:meshery:meshery-meshsync' },
      rules: [
        { apiGroups: [''], resources: ['pods', 'services'], verbs: ['list', 'watch'] },
        { apiGroups: ['apps'], resources: ['deployments'], verbs: ['list', 'watch'] },
        ...ITSELF,
      ],
    });
    expect(binding).toMatchObject({
      kind: 'ClusterRoleBinding',
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role?.metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: 'meshery-meshsync', namespace: 'meshery' }],
    });
  });

  it.each(['{}', `{ blacklist: '["secrets.v1."]' }`])('prints list and watch of everything with %s', async (data) => {
    const { stdout } = await run(['rbac', '-'], meshSync(data));
    expect(rules(stdout)).toEqual([[EVERYTHING, ...ITSELF]]);
  });

  it('uses the watch-list that is in force, for whichever MeshSync', async () => {
    const other = meshSync('{}', 'other', 'elsewhere');
    const { stdout } = await run(['rbac', '-'], `${other}---\n${meshSync(WHITELIST)}`);
    const [first, second] = rules(stdout);
    expect(first).toEqual(second);
    expect(first).not.toContainEqual(EVERYTHING);
    const alone = await run(['rbac', '-'], meshSync(WHITELIST, 'other', 'elsewhere'));
    expect(rules(alone.stdout)).toEqual([first]);
    expect(alone.stderr).toContain('MeshSync reads that of meshery/meshery-meshsync');
  });

  it('exits with 2 for an invalid watch-list and without a MeshSync', async () => {
    const broken = await run(['rbac', '-'], meshSync(`{ whitelist: '{}' }`));
    expect(broken).toMatchObject({ code: 2, stdout: '' });
    expect(broken.stderr).toContain('standard input, document 1: spec.watch-list.data.whitelist must be a JSON list');
    expect(await run(['rbac', '-'], BROKER)).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('render', () => {
  it('prints the children and resources of files in any order, and resolves the Broker of a MeshSync', async () => {
    const { code, stdout, stderr } = await run([
      'render',
      await file('m.yaml', MESHSYNC),
      await file('b.yaml', BROKER),
    ]);
    expect([code, stderr]).toEqual([0, '']);
    expect(kinds(stdout)).toEqual([...BROKER_CHILDREN, ...MESHSYNC_CHILDREN]);
  });

  it('reads standard input, JSON and lists, and uses the given namespace', async () => {
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects(`${MESHSYNC}---\n${BROKER}`) });
    const { code, stdout } = await run(['render', '-n', 'other', '-'], list);
    expect(code).toBe(0);
    expect(kinds(stdout)).toEqual(
      [...BROKER_CHILDREN, ...MESHSYNC_CHILDREN].map((line) => line.replace('default', 'other')),
    );
  });

  it('prints placeholders for credentials, and generated credentials with --mint', async () => {
    const path = await file('b.yaml', BROKER);
    const [placeholders] = objects((await run(['render', path])).stdout);
    expect(at(placeholders, 'stringData', 'token')).toMatch(/^PLACEHOLDER/);
    const [generated, ofServers] = objects((await run(['render', '--mint', path])).stdout);
    expect(Buffer.from(String(at(generated, 'data', 'token')), 'base64').toString()).toMatch(/^t[0-9a-f]{64}$/);
    expect(at(generated, 'data', 'token')).not.toBe(at(ofServers, 'data', 'route-password'));
  });

  it('uses Secrets among the files for a Broker, reports missing ones, and prints none of them', async () => {
    const broker = `${BROKER}spec: { auth: { tokenSecretRef: { name: own, key: password } } }\n`;
    const without = await run(['render', '-'], broker);
    expect([without.code, kinds(without.stdout)]).toEqual([0, ['Broker default/meshery-broker']]);
    expect(without.stderr).toContain('SecretNotFound: spec.auth.tokenSecretRef: Secret own does not exist');

    const secret = 'apiVersion: v1\nkind: Secret\nmetadata: { name: own }\nstringData: { password: my-own-token }\n';
    const withSecret = await run(['render', '-'], `${broker}---\n${secret}`);
    expect([withSecret.code, withSecret.stderr]).toEqual([0, '']);
    expect(kinds(withSecret.stdout)).toEqual(BROKER_CHILDREN);
    expect(withSecret.stdout).not.toContain('my-own-token');
    const generated = await run(['render', '--mint', '-'], `${broker}---\n${secret}`);
    expect(at(objects(generated.stdout)[0], 'data', 'token')).toBe(Buffer.from('my-own-token').toString('base64'));

    const broken = await run(['render', '-'], `${broker}---\n${secret.replace('my-own-token', '1')}`);
    expect([broken.code, broken.stdout]).toEqual([2, '']);
    expect(broken.stderr).toContain('standard input, document 2: stringData["password"] must be a string');
  });

  it('prints YAML that validate reads as it is', async () => {
    const annotated = BROKER.replace('name:', 'annotations: { meshery.io/hibernation: "on", a/b: "010" }, name:');
    const { stdout } = await run(['render', '-'], annotated);
    const { code, stdout: found } = await run(['validate', '-'], stdout);
    expect([code, found]).toEqual([0, '']);
  });

  it('ends quietly when its reader has enough', async () => {
    const { stderr } = await promisify(execFile)('sh', ['-c', `"${process.execPath}" "${bundles.cli}" crds | head -1`]);
    expect(stderr).toBe('');
  });

  it('scales a hibernating resource to zero pods, and keeps its annotations', async () => {
    const annotated = BROKER.replace('name:', 'annotations: { meshery.io/hibernation: "on" }, name:');
    const { code, stdout, stderr } = await run(['render', '-'], annotated);
    expect([code, stderr, kinds(stdout)]).toEqual([0, '', BROKER_CHILDREN]);
    const [statefulSet, broker] = objects(stdout).slice(-2);
    expect(at(statefulSet, 'spec', 'replicas')).toBe(0);
    expect(broker).toMatchObject({
      metadata: { annotations: { 'meshery.io/hibernation': 'on' } },
      status: { conditions: expect.arrayContaining([expect.objectContaining({ type: 'Hibernated', status: 'True' })]) },
    });
  });

  it('renders nothing for a paused resource, and reports that', async () => {
    const annotated = BROKER.replace('name:', 'annotations: { meshery.io/pause-reconciliation: "true" }, name:');
    const { code, stdout, stderr } = await run(['render', '-'], `${annotated}---\n${MESHSYNC}`);
    expect(code).toBe(0);
    expect(kinds(stdout)).toEqual(['Broker default/meshery-broker', 'ServiceAccount default/m', 'MeshSync default/m']);
    expect(stderr).toContain(
      'meshery-operator: standard input, document 1: ReconciliationPaused: nothing is rendered. All children are left unchanged until annotation meshery.io/pause-reconciliation is removed.\n',
    );
  });

  it('reads YAML as kubectl does', async () => {
    const { stdout } = await run(['render', '-'], `${BROKER}spec: { config: { debug: yes, pingMax: 010 } }\n`);
    expect(stdout).toContain('debug: true\n');
    expect(stdout).toContain('pingMax: 8\n');
  });

  it('uses the given image registry', async () => {
    const { stdout } = await run(
      ['render', '--image-registry', 'registry.example.com/mirror', '-'],
      `${BROKER}---\n${MESHSYNC}`,
    );
    expect([...stdout.matchAll(/image: (\S+)/g)].map(([, image]) => image)).toEqual([
      'registry.example.com/mirror/nats:2.14.2-alpine',
      'registry.example.com/mirror/natsio/nats-server-config-reloader:0.23.0',
      'registry.example.com/mirror/meshery/meshsync:1.0.3',
    ]);
  });

  it('asks for official images below library/ if it is told to', async () => {
    const { stdout } = await run(
      ['render', '--image-registry', 'harbor.example.com/dockerhub', '--image-registry-library', '-'],
      `${BROKER}---\n${MESHSYNC}`,
    );
    expect([...stdout.matchAll(/image: (\S+)/g)].map(([, image]) => image)).toEqual([
      'harbor.example.com/dockerhub/library/nats:2.14.2-alpine',
      'harbor.example.com/dockerhub/natsio/nats-server-config-reloader:0.23.0',
      'harbor.example.com/dockerhub/meshery/meshsync:1.0.3',
    ]);
  });

  it('leaves user and groups to the platform if it is told to', async () => {
    const files = `${BROKER}---\n${MESHSYNC}`;
    expect((await run(['render', '-'], files)).stdout).toContain('runAsUser: 65532');
    const { stdout } = await run(['render', '--security-context', 'platform', '-'], files);
    expect(stdout).not.toMatch(/runAsUser|runAsGroup|fsGroup/);
    expect(await run(['render', '--security-context', 'none', '-'], files)).toMatchObject({ code: 2, stdout: '' });
  });

  it('exits with 1 for a resource that violates its schema, and reports the path', async () => {
    const { code, stdout, stderr } = await run(['render', '-'], `${BROKER}spec: { size: 11 }\n`);
    expect(code).toBe(1);
    expect(kinds(stdout)).toEqual(['Broker default/meshery-broker']);
    expect(stderr).toBe(
      'meshery-operator: standard input, document 1: InvalidSpec: spec.size must be less or equal to 10. Existing children are left unchanged until this is corrected.\n',
    );
  });

  it('reports that a MeshSync waits for a Broker outside the files, and exits with 0', async () => {
    const { code, stderr, stdout } = await run(['render', '-'], MESHSYNC);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^meshery-operator: standard input, document 1: BrokerNotFound: [^\n]*\n$/);
    expect(kinds(stdout)).toEqual(['ServiceAccount default/m', 'MeshSync default/m']);
  });

  it('reports objects that it skips', async () => {
    const { code, stderr } = await run(['render', '-'], `apiVersion: v1\nkind: Pod\n---\n${BROKER}`);
    expect([code, stderr]).toEqual([
      0,
      'meshery-operator: standard input, document 1: Pod is neither Broker nor MeshSync\n',
    ]);
  });

  it.each([
    [
      'a file that does not exist',
      ['render', '/nowhere.yaml'],
      '',
      /^meshery-operator: \/nowhere\.yaml: ENOENT[^\n]*\n$/,
    ],
    ['a folder', ['render', '/'], '', /^meshery-operator: \/: EISDIR[^\n]*\n$/],
    ['broken YAML', ['render', '-'], 'a: [b', /^meshery-operator: standard input, document 1: [^\n]*\n$/],
    ['broken JSON', ['render', '-'], '{"a": ', /^meshery-operator: standard input, document 1: [^\n]*\n$/],
    ['a list', ['render', '-'], '[]', /^meshery-operator: standard input, document 1: is not a Kubernetes object\n$/],
    [
      'an undefined alias',
      ['render', '-'],
      'a: *b',
      /^meshery-operator: standard input, document 1: [^\n]*alias[^\n]*\n$/i,
    ],
    ['nothing', ['render', '-'], '', /^meshery-operator: the files contain no Broker and no MeshSync\n$/],
    [
      'another kind of Meshery',
      ['render', '-'],
      'apiVersion: meshery.io/v1alpha2\nkind: Thing\nmetadata: { name: a }',
      /^meshery-operator: standard input, document 1: kind must be one of Broker, MeshSync\n$/,
    ],
    [
      'a resource without a name',
      ['render', '-'],
      'apiVersion: meshery.io/v1alpha2\nkind: Broker\nmetadata: {}',
      /^meshery-operator: standard input, document 1: metadata\.name is required\n$/,
    ],
    ['no file', ['render'], '', /missing required argument/],
    ['an unknown option', ['render', '--nothing', '-'], '', /unknown option/],
  ])('exits with 2 and one line on stderr for %s', async (_what, args, input, message) => {
    const { code, stdout, stderr } = await run(args, input);
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([2, '']);
  });
});

describe('crds', () => {
  it('prints the CustomResourceDefinitions', async () => {
    const { code, stdout, stderr } = await run(['crds']);
    expect([code, stderr]).toEqual([0, '']);
    expect(objects(stdout).map(({ metadata }) => metadata.name)).toEqual([
      'brokers.meshery.io',
      'meshsyncs.meshery.io',
    ]);
  });

  it('writes them into a folder that it creates', async () => {
    const directory = join(folder, 'new', 'crds');
    const { code, stdout } = await run(['crds', '--directory', directory]);
    expect([code, stdout]).toEqual([0, '']);
    expect((await readdir(directory)).sort()).toEqual([...crdFiles().keys()].sort());
    for (const [name, yaml] of crdFiles()) expect(await readFile(join(directory, name), 'utf8')).toBe(yaml);
  });
});

describe('demo', () => {
  it('prints the samples becoming ready, and no credential', async () => {
    const credentials = 'tls://user:pa55word@nats.example.com';
    const custom = MESHSYNC.replace('name: m ', 'name: c ').replace(
      /spec: .*/,
      `spec: { broker: { custom: { url: '${credentials}' } } }`,
    );
    const { code, stdout, stderr } = await run([
      'demo',
      'manifests/samples/broker.yaml',
      'manifests/samples/meshsync.yaml',
      await file('c.yaml', custom),
    ]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/Broker\/meshery-broker +after the first sync +False +Starting +6\n/);
    expect(stdout).toMatch(/Broker\/meshery-broker +once its pods run +True +Ready +6 +\S+:4222\n/);
    expect(stdout).toMatch(/MeshSync\/meshery-meshsync +once its pods run +True +Ready +2 +nats:\/\/meshery-nats/);
    expect(stdout).toMatch(/MeshSync\/c +once its pods run +True +Ready +3 +tls:\/\/nats\.example\.com\n/);
    for (const secret of objects(stdout.slice(stdout.indexOf('---\n'))).filter(({ kind }) => kind === 'Secret')) {
      expect(Object.values(secret.data as Record<string, string>)).toEqual(expect.arrayContaining(['********']));
    }
    expect(stdout).not.toContain('pa55word');
    expect(stdout).not.toContain(Buffer.from(credentials).toString('base64'));
    expect(stdout).not.toMatch(/\bt[0-9a-f]{64}\b/);
    expect(stdout).not.toMatch(/\bdD?[A-Za-z0-9+/]{80,}/);
  });
});

describe('a resource of the cluster', () => {
  it.each(['render', 'validate', 'rbac'])(
    'without a kubeconfig is a line for %s, and exits with 2',
    async (command) => {
      const { code, stdout, stderr } = await run([command, '--kubeconfig', '/nowhere', 'broker/meshery-broker']);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toBe('meshery-operator: /nowhere: there is no such kubeconfig\n');
    },
  );

  it('is not asked for where files are given, by -f too', async () => {
    const path = await file('b.json', JSON.stringify(objects(BROKER)[0]));
    for (const args of [['-f', path], ['-f', '-'], ['-']]) {
      const { code, stdout } = await run(['render', ...args], BROKER);
      expect([code, kinds(stdout)]).toEqual([0, BROKER_CHILDREN]);
    }
  });
});

describe('help', () => {
  /** The files that a file of the bundle imports before anything of it runs. */
  async function loadedBy(name: string, found = new Set<string>()): Promise<Set<string>> {
    if (found.has(name)) return found;
    found.add(name);
    const content = await readFile(join(dirname(bundles.cli), name), 'utf8');
    for (const [, other = ''] of content.matchAll(/(?:from|import)"\.\/([^"]+)"/g)) await loadedBy(other, found);
    return found;
  }

  it('loads neither the service nor a client of the API server', async () => {
    const folder = dirname(bundles.cli);
    const all = (await readdir(folder)).filter((name) => name.startsWith('cli'));
    const contents = await Promise.all(all.map((name) => readFile(join(folder, name), 'utf8')));
    const loaded = await loadedBy('cli.js');
    // A text of Fastify, of the client of the API server, and of that of NATS.
    for (const text of ['FST_ERR_', 'KUBERNETES_SERVICE_HOST', 'authorization violation']) {
      const holders = all.filter((_, index) => contents[index]?.includes(text));
      expect(holders.length, text).toBeGreaterThan(0);
      expect(
        holders.filter((name) => loaded.has(name)),
        text,
      ).toEqual([]);
    }
    const duration = async (args: string[]) => {
      const started = performance.now();
      await promisify(execFile)(process.execPath, args);
      return performance.now() - started;
    };
    const times: [bare: number, help: number][] = [];
    for (let attempt = 0; attempt < 9; attempt += 1) {
      times.push([await duration(['-e', '0']), await duration([bundles.cli, '--help'])]);
    }
    const [bare, help] = [0, 1].map(
      (index) => times.map((pair) => pair[index] ?? 0).sort((one, other) => one - other)[4],
    );
    process.stdout.write(`--help: ${help?.toFixed(0)} ms, Node alone: ${bare?.toFixed(0)} ms\n`);
  });
});

describe('completion', () => {
  const offered = async (...words: string[]) => {
    const { code, stdout } = await run(['complete', '--', ...words]);
    expect(code).toBe(0);
    return stdout.split('\n').flatMap((line) => (line === '' || line.startsWith(':') ? [] : [line.split('\t')[0]]));
  };

  it('offers commands, options and their values', async () => {
    expect(await offered('')).toEqual(expect.arrayContaining(['render', 'doctor', 'completion']));
    expect(await offered('')).not.toContain('complete');
    expect(await offered('do')).toEqual(['doctor']);
    expect(await offered('doctor', '--k')).toEqual(['--kubeconfig']);
    expect(await offered('validate', '-o', '')).toEqual(['text', 'json']);
    expect(await offered('completion', 'b')).toEqual(['bash']);
    expect(await offered('migrate', '')).toEqual(['plan', 'apply', 'rollback']);
    expect(await offered('status', 'm')).toEqual(['meshsync']);
  });

  it('offers names of the cluster and the namespace that the words before name', async () => {
    const asked: (string | undefined)[] = [];
    const items = [{ metadata: { name: 'one' } }];
    const server = createServer(({ url }, response) => {
      asked.push(url?.split('?')[0]);
      response.end(JSON.stringify({ apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadataList', items }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const cluster = { server: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}` };
    const kubeconfig = await file(
      'names.json',
      JSON.stringify({
        clusters: [{ name: 'names', cluster }],
        contexts: [{ name: 'names', context: { cluster: 'names' } }],
      }),
    );
    const where = ['--kubeconfig', kubeconfig, '--context=names', '--namespace=shop'];
    expect(await offered('connect', ...where, '')).toEqual(['one']);
    expect(await offered('status', ...where, '-o', 'json', 'broker', '')).toEqual(['one']);
    expect(await offered('status', 'broker', ...where, 'o')).toEqual(['one']);
    expect(await offered('status', ...where, '-o', 'j')).toEqual(['json']);
    const path = '/apis/meshery.io/v1alpha2/namespaces/shop/brokers';
    expect(asked).toEqual([path, path, path]);
    server.close();
  });

  it('offers no names where no cluster answers', async () => {
    expect(await offered('render', '--kubeconfig', '/nowhere', 'broker/')).toEqual([]);
  });

  it.each(['bash', 'zsh', 'fish'])('prints a script for %s that calls this program', async (shell) => {
    const { code, stdout, stderr } = await run(['completion', shell]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('meshery-operator complete --');
  });

  it('is a script that bash completes by', async () => {
    const script = await file('completion.bash', (await run(['completion', 'bash'])).stdout);
    const [, name = ''] = /^complete .*-F (\S+) meshery-operator$/m.exec(await readFile(script, 'utf8')) ?? [];
    const lines = [
      `meshery-operator() { "${process.execPath}" "${bundles.cli}" "$@"; }`,
      // Of the package bash-completion, which the script needs.
      '_get_comp_words_by_ref() { words=(meshery-operator do); cword=1; cur=do; prev=meshery-operator; }',
      `source ${script}`,
      `${name}; echo "\${COMPREPLY[@]}"`,
    ];
    const { stdout } = await promisify(execFile)('bash', ['-c', lines.join('\n')]);
    expect(stdout.trim()).toBe('doctor');
  });

  it('is asked for by kubectl by the name of a program of its own', async () => {
    const link = join(folder, 'kubectl_complete-meshery');
    await symlink(bundles.cli, link);
    const { code, stdout } = await start(link, ['migrate', 'p']).finished;
    expect([code, stdout.split('\t')[0]]).toEqual([0, 'plan']);
  });

  it('knows no other shell', async () => {
    expect(await run(['completion', 'tcsh'])).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('the plugin of kubectl', () => {
  it('calls itself as kubectl calls it', async () => {
    const plugin = join(folder, 'kubectl-meshery');
    await symlink(bundles.cli, plugin);
    const { code, stdout } = await start(plugin, ['doctor', '--help']).finished;
    expect([code, stdout.split('\n')[0]]).toEqual([0, 'Usage: kubectl meshery doctor [options]']);
    // Without a command, the program would run the service.
    const without = await start(plugin, []).finished;
    expect([without.code, without.stdout]).toEqual([2, '']);
    expect(without.stderr).toMatch(/^Usage: kubectl meshery \[options\] \[command\]\n/);
    expect(without.stderr).not.toMatch(/^ {2}serve/m);
  });
});

describe('the command line', () => {
  it('prints its help', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    for (const command of ['serve', 'render', 'validate', 'rbac', 'crds', 'demo']) expect(stdout).toContain(command);
  });

  it('prints its help without a command, and starts nothing', async () => {
    const { code, stdout, stderr } = await run([]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^Usage: meshery-operator \[options\] \[command\]\n/);
  });

  it('prints its version', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });

  it('rejects unknown commands', async () => {
    const { code, stderr } = await run(['rendre', 'x']);
    expect(code).toBe(2);
    expect(stderr).toContain("error: unknown command 'rendre'\n(Did you mean render?)\n(see --help)");
  });
});
