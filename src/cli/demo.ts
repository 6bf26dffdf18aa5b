import { stringify } from 'yaml';
// What plays Metacontroller and its cluster lives among the tests, since it is a test double, and is bundled from there.
import { Cluster } from '../../test/stand-in/cluster.ts';
import type { CompositeController, Webhook } from '../../test/stand-in/composite-controller.ts';
import { runControllers } from '../../test/stand-in/controllers.ts';
import { AnyObject, decode } from '../../test/stand-in/decode.ts';
import { inMemory } from '../../test/stand-in/in-memory.ts';
import { at, groupKey, isObject, type KubeObject } from '../../test/stand-in/json.ts';
import { kindsOf } from '../../test/stand-in/kinds.ts';
import { type SyncOutcome, sync } from '../../test/stand-in/metacontroller.ts';
import { customResourceDefinitions } from '../api/crds.ts';
import { buildApp } from '../app.ts';
import { mintToken } from '../mint.ts';
import { asParent } from './render.ts';
import type { Resource } from './resources.ts';
import { table } from './table.ts';

const SERVED = 'meshery.io/v1alpha2';

/**
 * Shows the service at work without a cluster: starts it on a free port of this machine, sends it the resources over
 * HTTP as Metacontroller would, plays a cluster in which everything becomes ready, and prints what came back.
 * Credentials are shown as stars.
 */
export async function demo(resources: Resource[], print: (text: string) => void): Promise<void> {
  const app = buildApp({ context: { now: () => new Date(), mintToken } });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  try {
    print(`The service is listening on ${url}; this sends it what Metacontroller would.\n\n`);
    const cluster = new Cluster();
    const transport = inMemory(cluster, kindsOf(customResourceDefinitions()));
    const call = ({ path }: Webhook, body: object) => post(`${url}${path}`, body);
    const rows: string[][] = [];
    const children: KubeObject[] = [];
    const sorted = [...resources].sort((a, b) => a.kind.localeCompare(b.kind));
    for (const [index, resource] of sorted.entries()) {
      const parent = served(resource, index);
      cluster.create(parent, 'kubectl');
      const standIn = { transport, call, controller: controllers[resource.kind], strategy: 'dynamic-apply' } as const;
      const observed = () => cluster.get(groupKey(parent), parent.metadata.namespace, parent.metadata.name) ?? parent;
      const first = await sync(standIn, observed());
      runControllers(cluster, { ready: true, addresses: true });
      const second = await sync(standIn, observed());
      rows.push(row('after the first sync', first), row('once its pods run', second));
      if (second.errors.length > 0) throw new Error(second.errors.join('; '));
      children.push(...second.children);
    }
    print(`${table(['RESOURCE', 'WHEN', 'READY', 'REASON', 'CHILDREN', 'ADDRESS'], rows)}\n`);
    print('What Metacontroller would apply:\n\n');
    for (const child of children) {
      print(`---\n${stringify(masked(child), { lineWidth: 0, aliasDuplicateObjects: false })}`);
    }
  } finally {
    await app.close();
  }
}

/** The CompositeControllers of the folder metacontroller, as far as they are read. */
const controllers: Record<Resource['kind'], CompositeController> = {
  Broker: controller('broker', [
    ...['v1 secrets', 'v1 configmaps', 'v1 services', 'apps/v1 statefulsets'],
    ...['policy/v1 poddisruptionbudgets', 'networking.k8s.io/v1 networkpolicies'],
  ]),
  MeshSync: controller('meshsync', ['v1 serviceaccounts', 'v1 secrets', 'apps/v1 deployments']),
};

function controller(name: string, children: string[]): CompositeController {
  const childResources = children.map((child) => {
    const [apiVersion = '', resource = ''] = child.split(' ');
    return { apiVersion, resource };
  });
  return {
    apiVersion: 'metacontroller.k8s.io/v1alpha1',
    kind: 'CompositeController',
    metadata: { name: `meshery-${name}` },
    spec: {
      parentResource: { apiVersion: SERVED, resource: `${name}s` },
      childResources,
      hooks: { sync: { webhook: { path: `/${name}/sync` } }, customize: { webhook: { path: `/${name}/customize` } } },
    },
  };
}

/** A resource as the API server gives it, in the version that Metacontroller asks it for. */
function served(resource: Resource, index: number): KubeObject {
  return decode(AnyObject, { ...asParent(resource, index, 'default'), apiVersion: SERVED });
}

async function post(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
}

function row(when: string, { request: { parent }, children, status }: SyncOutcome): string[] {
  const conditions = Array.isArray(status.conditions) ? status.conditions : [];
  const ready = conditions.find((condition) => at(condition, 'type') === 'Ready');
  const address = status['publishing-to'] ?? at(status, 'endpoint', 'internal');
  const cells = [at(ready, 'status'), at(ready, 'reason'), children.length, address];
  return [`${parent.kind}/${parent.metadata.name}`, when, ...cells.map((cell) => String(cell ?? ''))];
}

function masked(child: KubeObject): object {
  if (child.kind !== 'Secret' || !isObject(child.data)) return child;
  return { ...child, data: Object.fromEntries(Object.keys(child.data).map((key) => [key, '********'])) };
}
