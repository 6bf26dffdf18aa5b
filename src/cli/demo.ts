// What plays Metacontroller and its cluster lives among the tests, since it is a test double, and is bundled from there.
import { Cluster } from '../../test/stand-in/cluster.ts';
import type { Webhook } from '../../test/stand-in/composite-controller.ts';
import { runControllers } from '../../test/stand-in/controllers.ts';
import { AnyObject, decode } from '../../test/stand-in/decode.ts';
import { inMemory } from '../../test/stand-in/in-memory.ts';
import { at, groupKey, type KubeObject } from '../../test/stand-in/json.ts';
import { type SyncOutcome, sync } from '../../test/stand-in/metacontroller.ts';
import { kindsOf, registrationOf } from '../../test/stand-in/registrations.ts';
import { controllers } from '../controllers.ts';
import { buildApp } from '../server/app.ts';
import { generateToken } from '../server/generate-token.ts';
import { asParent, withoutValues } from './render.ts';
import type { Resource } from './resources.ts';
import { table } from './table.ts';
import { printYaml } from './yaml.ts';

/**
 * Shows the service at work without a cluster: starts it on a free port of this machine, sends it the resources over
 * HTTP as Metacontroller would, plays a cluster in which everything becomes ready, and prints what came back.
 * Credentials are shown as stars.
 */
export async function demo(resources: Resource[], print: (text: string) => void): Promise<void> {
  const app = buildApp({ controllers, context: { now: () => new Date(), generateToken } });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  try {
    print(`The service is listening on ${url}; this sends it what Metacontroller would.\n\n`);
    const cluster = new Cluster();
    const transport = inMemory(cluster, kindsOf(controllers));
    const call = ({ path }: Webhook, body: object) => post(`${url}${path}`, body);
    const rows: string[][] = [];
    const children: KubeObject[] = [];
    const notes: string[] = [];
    const sorted = controllers.flatMap(({ kind }) => resources.filter((resource) => resource.kind === kind));
    for (const [index, resource] of sorted.entries()) {
      const controller = registrationOf(controllers, resource.kind);
      const { apiVersion } = controller.spec.parentResource;
      // As Metacontroller asks for it, whichever version stands in the file.
      const parent = decode(AnyObject, { ...asParent(resource, index, 'default'), apiVersion });
      cluster.create(parent, 'kubectl');
      const standIn = { transport, call, controller, strategy: 'server-side-apply' } as const;
      const observed = () => cluster.get(groupKey(parent), parent.metadata.namespace, parent.metadata.name) ?? parent;
      const first = await sync(standIn, observed());
      runControllers(cluster, { ready: true, addresses: true });
      const second = await sync(standIn, observed());
      rows.push(row('after the first sync', first), row('once its pods run', second));
      if (second.errors.length > 0) throw new Error(second.errors.join('; '));
      children.push(...second.children);
      notes.push(...whyNotReady(second));
    }
    print(`${table(['RESOURCE', 'WHEN', 'READY', 'REASON', 'CHILDREN', 'ADDRESS'], rows)}\n`);
    for (const note of notes) print(`${note}\n\n`);
    print('What Metacontroller would apply:\n\n');
    for (const child of children) {
      print(`---\n${printYaml(withoutValues(child))}`);
    }
  } finally {
    await app.close();
  }
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

/** What a resource waits for. */
function whyNotReady({ request: { parent }, status }: SyncOutcome): string[] {
  const ready = readyOf(status);
  return at(ready, 'status') === 'True'
    ? []
    : [`${parent.kind}/${parent.metadata.name} is not Ready: ${String(at(ready, 'message') ?? '')}`];
}

function readyOf(status: SyncOutcome['status']): unknown {
  const conditions = Array.isArray(status.conditions) ? status.conditions : [];
  return conditions.find((condition) => at(condition, 'type') === 'Ready');
}

function row(when: string, { request: { parent }, children, status }: SyncOutcome): string[] {
  const ready = readyOf(status);
  const address = status['publishing-to'] ?? at(status, 'endpoint', 'internal');
  const cells = [at(ready, 'status'), at(ready, 'reason'), children.length, address];
  return [`${parent.kind}/${parent.metadata.name}`, when, ...cells.map((cell) => String(cell ?? ''))];
}
