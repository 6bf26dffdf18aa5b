import { stringify } from 'yaml';
import { controllers } from '../controllers.ts';
import { buildApp } from '../server/app.ts';
import { generateToken } from '../server/generate-token.ts';
import { observedChildren, type SentObjects, type SentParent } from './cluster.ts';
import { asParent } from './render.ts';
import type { Resource } from './resources.ts';
import { table } from './table.ts';

interface Condition {
  type: string;
  status: string;
  reason: string;
}

interface Answer {
  children: { apiVersion: string; kind: string; metadata: { name: string; namespace: string } }[];
  status: { conditions: Condition[]; endpoint?: { internal?: string }; 'publishing-to'?: string };
}

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
    const related: SentObjects = {};
    const rows: string[][] = [];
    const children: Answer['children'] = [];
    const sorted = [...resources].sort((a, b) => a.kind.localeCompare(b.kind));
    for (const [index, resource] of sorted.entries()) {
      const parent = asParent(resource, index, 'default');
      const route = `${url}/${resource.kind.toLowerCase()}`;
      await post(`${route}/customize`, { parent });
      const first = await sync(route, parent, {}, related);
      const seen = observedChildren(parent, first.children);
      const second = await sync(route, { ...parent, status: first.status }, seen, related);
      Object.assign(related, {
        [`${resource.kind}.meshery.io/v1alpha2`]: {
          [`${parent.metadata.namespace}/${parent.metadata.name}`]: { ...parent, status: second.status },
        },
        'Secret.v1': { ...related['Secret.v1'], ...seen['Secret.v1'] },
      });
      rows.push(row(parent, 'after the first sync', first), row(parent, 'once its pods run', second));
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

async function sync(route: string, parent: SentParent, children: SentObjects, related: SentObjects): Promise<Answer> {
  return (await post(`${route}/sync`, { parent, children, related, finalizing: false })) as Answer;
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

function row({ kind, metadata }: SentParent, when: string, { children, status }: Answer): string[] {
  const ready = status.conditions.find(({ type }) => type === 'Ready');
  const address = status['publishing-to'] ?? status.endpoint?.internal ?? '';
  return [`${kind}/${metadata.name}`, when, ready?.status ?? '', ready?.reason ?? '', `${children.length}`, address];
}

function masked(child: object): object {
  if (!('data' in child && 'kind' in child && child.kind === 'Secret')) return child;
  return { ...child, data: Object.fromEntries(Object.keys(child.data as object).map((key) => [key, '********'])) };
}
