import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { connect } from '../../../../src/cli/cluster/connection.ts';
import { listResources } from '../../../../src/cli/cluster/resources.ts';

const CONFIG_MAPS = { apiVersion: 'v1', resource: 'configmaps' };

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'meshery-connection-'));
});
afterAll(() => rm(directory, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

async function file(name: string, content: object | string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** A kubeconfig with one context, whose parts all have its name. */
function config(name: string, server: string, user: object = {}, context: object = {}) {
  return {
    clusters: [{ name, cluster: { server } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, ...context } }],
    'current-context': name,
  };
}

/** What is requested of a server, and what a connection by some kubeconfig says. */
async function withServer<Result>(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  use: (server: string) => Promise<Result>,
): Promise<Result> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  try {
    return await use(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
  } finally {
    server.close();
  }
}

const messageOf = async (promise: Promise<unknown>) => promise.then(String, (error: Error) => error.message);

it('begins a list anew whose rest has expired', async () => {
  const asked: string[] = [];
  const item = (name: string) => ({ metadata: { name } });
  const names = await withServer(
    ({ url = '' }, response) => {
      asked.push(url);
      const { searchParams } = new URL(url, 'http://server');
      if (searchParams.has('continue')) {
        response.writeHead(410).end(JSON.stringify({ message: 'The provided continue parameter is too old.' }));
        return;
      }
      const isPaged = searchParams.has('limit');
      const items = isPaged ? [item('one')] : [item('one'), item('two')];
      const metadata = isPaged ? { continue: 'rest' } : {};
      response.end(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMapList', metadata, items }));
    },
    async (server) => {
      const kubeconfig = await file('paged.json', config('paged', server));
      return (await connect({ kubeconfig }).list(CONFIG_MAPS)).map(({ metadata }) => metadata.name);
    },
  );
  expect(names).toEqual(['one', 'two']);
  expect(asked).toEqual([
    '/api/v1/configmaps?limit=500',
    '/api/v1/configmaps?limit=500&continue=rest',
    '/api/v1/configmaps',
  ]);
});

it('puts the files of KUBECONFIG together as kubectl does', async () => {
  const one = await file('one.json', config('one', 'http://127.0.0.1:1'));
  const two = await file('two.json', {
    ...config('two', 'http://127.0.0.1:2'),
    clusters: [
      { name: 'one', cluster: { server: 'http://127.0.0.1:3' } },
      { name: 'two', cluster: { server: 'http://127.0.0.1:2' } },
    ],
  });
  vi.stubEnv('KUBECONFIG', [join(directory, 'missing.json'), one, two].join(delimiter));
  expect(connect({}).context).toBe('one');
  expect(await messageOf(connect({}).list(CONFIG_MAPS))).toContain('127.0.0.1:1 ');
  expect(await messageOf(connect({ context: 'two' }).list(CONFIG_MAPS))).toContain('127.0.0.1:2 ');
  vi.stubEnv('KUBECONFIG', join(directory, 'missing.json'));
  expect(() => connect({})).toThrow(`KUBECONFIG names no file that exists: ${join(directory, 'missing.json')}`);
});

it('takes a namespace that is empty as none', async () => {
  const kubeconfig = await file('empty.json', config('empty', 'http://127.0.0.1:1', {}, { namespace: 'meshery' }));
  expect(connect({ kubeconfig, namespace: '' }).namespace).toBe('meshery');
});

it('refuses namespaces and names that would be other paths', async () => {
  const kubeconfig = await file('paths.json', config('paths', 'http://127.0.0.1:1'));
  for (const namespace of ['..', '.', 'a/b', 'A\u001b[2J'])
    expect(() => connect({ kubeconfig, namespace })).toThrow(
      /^namespace [^\p{Cc}]+ must be a DNS label: lower-case letters, digits and -$/u,
    );
  for (const name of ['..', 'a,metadata.namespace=b', 'a=b'])
    expect(await messageOf(listResources(connect({ kubeconfig }), { kinds: ['Broker'], name }))).toBe(
      `name ${name} must be a DNS subdomain: lower-case letters, digits, - and .`,
    );
});

it('sends a token that stands in a file beside the kubeconfig', async () => {
  await file('token', 'of-a-file');
  const sent = await withServer(
    ({ headers }, response) => response.end(headers.authorization),
    async (server) => {
      const kubeconfig = await file('token-file.json', config('token', server, { tokenFile: 'token' }));
      return connect({ kubeconfig }).request('GET', '/');
    },
  );
  expect(sent.text).toBe('Bearer of-a-file');
});

it('says in one line what is wrong with a kubeconfig, and nothing of what it contains', async () => {
  const users = 'users:\n- name: me\n  user:\n    token: SECRET\n   password: [SECRET\n';
  const broken = await file('broken.yaml', users);
  expect(() => connect({ kubeconfig: broken })).toThrow(
    /broken\.yaml is no kubeconfig: [a-z ]+ at line 5, column \d+$/,
  );
  const empty = await file('empty.yaml', '');
  expect(() => connect({ kubeconfig: empty })).toThrow(`${empty} is no kubeconfig: it has no clusters and no contexts`);
  const { 'current-context': _, ...rest } = config('one', 'http://127.0.0.1:1');
  const without = await file('without.json', rest);
  expect(() => connect({ kubeconfig: without })).toThrow(
    'the kubeconfig has no current context; name one by --context: one',
  );
  const noCluster = await file('no-cluster.json', { ...config('one', 'http://127.0.0.1:1'), clusters: [] });
  expect(() => connect({ kubeconfig: noCluster })).toThrow(
    'context one names cluster one, which the kubeconfig does not have',
  );
  const noUser = await file('no-user.json', { ...config('one', 'http://127.0.0.1:1'), users: [] });
  expect(() => connect({ kubeconfig: noUser })).toThrow(
    'context one names user one, which the kubeconfig does not have',
  );
});

it('prints no credential of the URL of a server, nor of what an exec plugin prints', async () => {
  const kubeconfig = await file('url.json', config('url', 'http://me:SECRET@127.0.0.1:1'));
  expect(await messageOf(connect({ kubeconfig }).list(CONFIG_MAPS))).toBe(
    'the API server http://***@127.0.0.1:1 gives no answer: connect ECONNREFUSED 127.0.0.1:1',
  );
  const withPlugin = async (script: string) => {
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args: ['-c', script] };
    return messageOf(
      connect({ kubeconfig: await file('exec.json', config('exec', 'https://127.0.0.1:1', { exec })) }).list(
        CONFIG_MAPS,
      ),
    );
  };
  const none = 'there are no credentials for the API server https://127.0.0.1:1: ';
  expect(await withPlugin('echo SECRET')).toBe(`${none}the exec plugin prints no ExecCredential`);
  expect(await withPlugin('echo {}')).toBe(`${none}the exec plugin prints no ExecCredential`);
  expect(await withPlugin('exit 1')).toBe(`${none}the exec plugin fails, and says nothing`);
  expect(await withPlugin("printf 'log\\033[2J in\\nagain' >&2; exit 1")).toBe(`${none}log�[2J in again`);
});

it('asks again what is too much for a server, and prints nothing of what is no object', async () => {
  let asked = 0;
  const name = await withServer(
    (_, response) => {
      asked += 1;
      response.writeHead(asked < 3 ? 429 : 200).end(JSON.stringify({ message: 'too many', metadata: { name: 'one' } }));
    },
    async (server) => {
      const kubeconfig = await file('busy.json', config('busy', server));
      return (await connect({ kubeconfig }).get(CONFIG_MAPS, 'one', 'default'))?.metadata.name;
    },
  );
  expect([name, asked]).toEqual(['one', 3]);
  const half = await withServer(
    (_, response) => response.end('{"metadata":{"name":"one"},"data":{"token":"SECRET'),
    async (server) =>
      messageOf(
        connect({ kubeconfig: await file('half.json', config('half', server)) }).get(CONFIG_MAPS, 'one', 'default'),
      ),
  );
  expect(half).toBe('GET /api/v1/namespaces/default/configmaps/one was answered by what is no object of Kubernetes');
});

it('says in one line what a server refuses, without what would write to the terminal', async () => {
  const said = (status: number, message: string) =>
    withServer(
      (_, response) => response.writeHead(status).end(JSON.stringify({ kind: 'Status', message })),
      async (server) =>
        messageOf(connect({ kubeconfig: await file('said.json', config('said', server)) }).list(CONFIG_MAPS)),
    );
  expect(await said(400, 'a webhook\n says \u001b[31mno')).toBe('a webhook says �[31mno');
  expect(await said(401, 'Unauthorized')).toBe(
    'the API server does not accept the credentials of the kubeconfig: log in again',
  );
});
