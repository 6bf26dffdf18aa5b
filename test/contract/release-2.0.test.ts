import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Cluster } from '../stand-in/cluster.ts';
import { runControllers } from '../stand-in/controllers.ts';
import { at, clone, type JsonObject, type KubeObject } from '../stand-in/json.ts';
import type { SyncOutcome } from '../stand-in/metacontroller.ts';
import { testApp } from '../support/app.ts';
import { hookOf, READY, STRATEGIES, sync } from '../support/scenarios.ts';

// Brokers that release 2.0 left behind: their servers mount their configuration from the Secret of the clients.

const SERVER_KEYS = ['route-password', 'credentials.conf'];

function brokers(how: string) {
  const folder = join('test/payloads/recorded', how);
  return readdirSync(folder)
    .filter((file) => file.endsWith('-broker-sync-last.json'))
    .map((file) => ({ file, ...(JSON.parse(readFileSync(join(folder, file), 'utf8')) as SyncOutcome['request']) }))
    .filter(({ children, parent }) => {
      const [set] = Object.values(children['StatefulSet.apps/v1'] ?? {});
      return set && !parent.metadata.deletionTimestamp && !parent.metadata.annotations;
    });
}

describe.each(STRATEGIES)('under %s, a Broker of release 2.0', (how) => {
  it.each(brokers(how))('of $file rolls once, and keeps its credentials', async ({ parent, children, related }) => {
    const cluster = new Cluster();
    for (const group of [children, related].flatMap(Object.values)) {
      for (const object of Object.values(group)) cluster.restore(clone(object) as KubeObject);
    }
    cluster.restore(clone(parent) as KubeObject);
    runControllers(cluster, READY);
    const service = testApp();
    const [old] = Object.values(children['StatefulSet.apps/v1'] ?? {}) as [KubeObject];
    const { namespace, name } = old.metadata;
    const secret = (suffix: string) => cluster.get('Secret.v1', namespace, `${name}-${suffix}`)?.data as JsonObject;
    const statefulSet = () => cluster.get('StatefulSet.apps/v1', namespace, name) as KubeObject;
    const before = secret('auth');
    const templates = [JSON.stringify(at(old, 'spec', 'template'))];
    const round = async () => {
      const { errors } = await sync(cluster, parent, hookOf(service), how);
      expect(errors).toEqual([]);
      const template = JSON.stringify(at(statefulSet(), 'spec', 'template'));
      if (template !== templates.at(-1)) templates.push(template);
    };

    await round();
    expect(templates).toHaveLength(1);
    expect(secret('server')['route-password']).toBe(before['route-password']);
    for (let again = 0; again < 3; again++) await round();
    expect(templates).toHaveLength(2);
    // Pods that restart before their turn still mount the former Secret.
    expect(Object.keys(secret('auth')).sort()).toEqual(Object.keys(before).sort());
    expect(secret('auth')['route-password']).toBe(before['route-password']);
    // Servers of both releases have the same token, routes and route password while they roll.
    expect(secret('server')['credentials.conf']).toBe(before['credentials.conf']);
    expect(secret('auth')['credentials.conf']).toBe(before['credentials.conf']);

    runControllers(cluster, READY);
    for (let again = 0; again < 12; again++) {
      await round();
      runControllers(cluster, READY);
    }
    const clientKeys = Object.keys(before).filter((key) => !SERVER_KEYS.includes(key));
    expect(Object.keys(secret('auth')).sort()).toEqual(clientKeys.sort());
    expect(secret('auth').token).toBe(before.token);
    expect(service.generated).toEqual([]);
    expect(templates).toHaveLength(2);
  });
});
