import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect } from '../../../src/cli/cluster/connection.ts';
import { ClusterError, UsageError } from '../../../src/cli/errors.ts';
import { kubeconfigWith } from '../accounts.ts';
import { type ControlPlane, startControlPlane } from '../control-plane.ts';
import { eventually } from '../expectations.ts';

const CONFIG_MAPS = { apiVersion: 'v1', resource: 'configmaps' };

let controlPlane: ControlPlane;
beforeAll(async () => {
  controlPlane = await startControlPlane(() => {});
});
afterAll(() => controlPlane?.stop());

const named = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } });

it('reads and changes objects', async () => {
  const connection = connect({ kubeconfig: controlPlane.kubeconfig });
  expect(connection.namespace).toBe('default');
  await connection.create(CONFIG_MAPS, named('one'), 'default');
  const patch = { type: 'merge', body: { data: { key: 'value' } } } as const;
  await connection.patch(CONFIG_MAPS, 'one', { ...patch, dryRun: true }, 'default');
  expect((await connection.get(CONFIG_MAPS, 'one', 'default'))?.data).toBeUndefined();
  await connection.patch(CONFIG_MAPS, 'one', patch, 'default');
  expect((await connection.get(CONFIG_MAPS, 'one', 'default'))?.data).toEqual({ key: 'value' });
  const [listed] = await connection.list(CONFIG_MAPS, { namespace: 'default', fieldSelector: 'metadata.name=one' });
  expect(listed).toMatchObject({ ...named('one'), data: { key: 'value' } });
  await connection.remove(CONFIG_MAPS, 'one', 'default');
  await connection.remove(CONFIG_MAPS, 'one', 'default');
  expect(await connection.get(CONFIG_MAPS, 'one', 'default')).toBeUndefined();
});

it('lists more objects than fit on a page', async () => {
  const connection = connect({ kubeconfig: controlPlane.kubeconfig });
  const names = Array.from({ length: 1_001 }, (_, index) => `many-${index}`);
  await Promise.all(names.map((name) => connection.create(CONFIG_MAPS, named(name), 'default')));
  const listed = await connection.list(CONFIG_MAPS, { namespace: 'default' });
  expect(new Set(listed.map(({ metadata }) => metadata.name)).size).toBe(listed.length);
  expect(listed.filter(({ metadata }) => metadata.name.startsWith('many-'))).toHaveLength(names.length);
});

it('says in one line which right is missing', async () => {
  const role = {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'nobody' } },
    rules: [],
  };
  const kubeconfig = await kubeconfigWith(controlPlane, role, 'nobody', 'nobody');
  const connection = connect({ kubeconfig });
  const error = (what: string) => new ClusterError(`you may not ${what}: ask for a role that allows it`, 403);
  await expect(connection.list(CONFIG_MAPS)).rejects.toThrow(error('list configmaps in the cluster'));
  await expect(connection.get(CONFIG_MAPS, 'one', 'default')).rejects.toThrow(
    error('get configmaps in namespace default'),
  );
});

it('says which rights a forward needs, and whether there is a pod', async () => {
  const failureOf = async (kubeconfig: string) => {
    const forward = await connect({ kubeconfig }).forward('default', 'nobody', 4222);
    await once(createConnection(forward.port, '127.0.0.1').resume(), 'close');
    forward.close();
    return forward.failure();
  };
  const withVerbs = async (name: string, verbs: string[]) => {
    const rule = { apiGroups: [''], resources: ['pods/portforward'], verbs };
    const role = {
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name } },
      rules: [rule],
    };
    return failureOf(await kubeconfigWith(controlPlane, role, 'forwarders', name));
  };
  const missing =
    'you may not forward ports of pods in namespace default: ask for a role that allows get and create on pods/portforward';
  expect(await withVerbs('only-create', ['create'])).toBe(missing);
  expect(await withVerbs('only-get', ['get'])).toBe(missing);
  expect(await withVerbs('both', ['get', 'create'])).toBe('pod nobody is not reached: Unexpected server response: 404');
});

it('takes credentials of an exec plugin, and says in one line that there is none', async () => {
  const config = JSON.parse(await readFile(controlPlane.kubeconfig, 'utf8'));
  const [{ user }] = config.users;
  const credential = {
    ...{ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential' },
    status: { token: user.token },
  };
  const file = join(controlPlane.directory, 'credential.json');
  await writeFile(file, JSON.stringify(credential), { mode: 0o600 });
  const withPlugin = async (command: string, ...args: string[]) => {
    const exec = { apiVersion: credential.apiVersion, interactiveMode: 'Never', command, args };
    const kubeconfig = join(controlPlane.directory, 'exec.json');
    await writeFile(kubeconfig, JSON.stringify({ ...config, users: [{ ...config.users[0], user: { exec } }] }));
    return connect({ kubeconfig }).list(CONFIG_MAPS, { namespace: 'kube-system' });
  };
  expect((await withPlugin('cat', file)).length).toBeGreaterThan(0);
  // The first credential has expired: the second time, there is another one.
  const expired = `${file}.expired`;
  await writeFile(expired, JSON.stringify({ ...credential, status: { token: 'expired' } }), { mode: 0o600 });
  const script = `test -e ${file}.asked && cat ${file} || { touch ${file}.asked; cat ${expired}; }`;
  expect((await withPlugin('sh', '-c', script)).length).toBeGreaterThan(0);
  await expect(withPlugin('/nowhere/plugin')).rejects.toThrow(/^[^\n]*\/nowhere\/plugin[^\n]*$/);
});

it('speaks plain HTTP to a proxy such as kubectl proxy', async () => {
  const list = { apiVersion: 'v1', kind: 'ConfigMapList', items: [named('one')] };
  const proxy = createHttpServer((_, response) => response.end(JSON.stringify(list))).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const cluster = { server: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
  const config = {
    clusters: [{ name: 'proxy', cluster: { ...cluster, 'insecure-skip-tls-verify': true } }],
    contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: '' } }],
    'current-context': 'proxy',
  };
  const kubeconfig = join(controlPlane.directory, 'proxy.json');
  await writeFile(kubeconfig, JSON.stringify(config));
  const [found] = await connect({ kubeconfig }).list(CONFIG_MAPS);
  expect(found?.metadata.name).toBe('one');
  proxy.close();
});

it('says in one line that there is no answer, or no such context', async () => {
  const config = JSON.parse(await readFile(controlPlane.kubeconfig, 'utf8'));
  config.clusters[0].cluster.server = 'https://127.0.0.1:1';
  const kubeconfig = join(controlPlane.directory, 'unreachable');
  await writeFile(kubeconfig, JSON.stringify(config));
  await expect(connect({ kubeconfig }).list(CONFIG_MAPS)).rejects.toThrow(
    new ClusterError('the API server https://127.0.0.1:1 gives no answer: connect ECONNREFUSED 127.0.0.1:1'),
  );
  expect(() => connect({ kubeconfig, context: 'other' })).toThrow(UsageError);
  expect(() => connect({ kubeconfig: '/nowhere' })).toThrow(new UsageError('/nowhere: there is no such kubeconfig'));
  const silent = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  config.clusters[0].cluster.server = `https://127.0.0.1:${(silent.address() as { port: number }).port}`;
  await writeFile(kubeconfig, JSON.stringify(config));
  await expect(connect({ kubeconfig }).list(CONFIG_MAPS)).rejects.toThrow(/gives no answer: \S/);
  silent.close();
});

it('goes on after the API server was away', async () => {
  const connection = connect({ kubeconfig: controlPlane.kubeconfig });
  await connection.list(CONFIG_MAPS);
  await controlPlane.restartApiServer();
  await eventually(async () => expect((await connection.list(CONFIG_MAPS)).length).toBeGreaterThan(0), 30);
});
