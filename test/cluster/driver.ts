import { appendFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { decode } from '../../src/kubernetes/secrets.ts';
import type { RelatedResourceRule } from '../../src/metacontroller/response.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Kubernetes, KubernetesObject } from './kubernetes.ts';
import type { Driver } from './metacontroller.ts';
import type { CompositeController, Webhook } from './registration.ts';

/**
 * A TEST DOUBLE that plays Metacontroller where no real one is at hand, so that the scenarios never pass by being
 * skipped: it looks at all parents again and again, asks the hooks, applies children by server-side apply and writes the
 * status. It does it the simplest way that leads to the same end. What failed is in `test-double.log` beside the logs of
 * the control plane. It knows what our registrations use: `generateSelector`, hooks of v2, no finalize hook.
 */
export function startDriver({ kubernetes, directory }: Pick<ControlPlane, 'kubernetes' | 'directory'>): Driver {
  let stopped = false;
  const log = (error: unknown) =>
    appendFileSync(join(directory, 'test-double.log'), `${error instanceof Error ? error.message : error}\n`);
  const memory: Memory = { log, synced: new Map(), rules: new Map(), backOff: new Map() };
  const kindOf = discovery(kubernetes);
  const loop = (async () => {
    while (!stopped) {
      await round(kubernetes, kindOf, memory).catch(log); // the API server is away: the next round tries again
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return {
    name: 'the test double of Metacontroller',
    stop: async () => {
      stopped = true;
      await loop;
    },
  };
}

/** By uid of the parent: what was last carried out, and until when a failed sync is left alone. */
interface Memory {
  log: (error: unknown) => void;
  synced: Map<string, string>;
  /** Answers of customize by uid and generation. */
  rules: Map<string, RelatedResourceRule[]>;
  backOff: Map<string, number>;
}

/** The kind of a resource, as the API server names it. */
type KindOf = (apiVersion: string, resource: string) => Promise<string>;

/** Lists a resource in all namespaces, with its kind; asks the API server once a round. */
type List = (apiVersion: string, resource: string) => Promise<{ kind: string; objects: KubernetesObject[] }>;

/** One look at every parent. */
async function round(kubernetes: Kubernetes, kindOf: KindOf, memory: Memory): Promise<void> {
  const lists = new Map<string, ReturnType<List>>();
  const list: List = (apiVersion, resource) => {
    const key = `${apiVersion} ${resource}`;
    const listed = lists.get(key) ?? listResource(kubernetes, kindOf, apiVersion, resource);
    lists.set(key, listed);
    return listed;
  };
  const { objects } = await list('metacontroller.k8s.io/v1alpha1', 'compositecontrollers');
  for (const object of objects) {
    // One registration that fails, as when its CRD is missing, does not hold up the others.
    await syncAll(kubernetes, list, memory, object as unknown as CompositeController).catch(memory.log);
  }
}

async function syncAll(
  kubernetes: Kubernetes,
  list: List,
  memory: Memory,
  controller: CompositeController,
): Promise<void> {
  const { apiVersion, resource } = controller.spec.parentResource;
  const { objects } = await list(apiVersion, resource);
  await Promise.all(objects.map((parent) => syncUnlessFailing(kubernetes, list, memory, controller, parent)));
}

async function listResource(
  kubernetes: Kubernetes,
  kindOf: KindOf,
  apiVersion: string,
  resource: string,
): ReturnType<List> {
  const kind = await kindOf(apiVersion, resource);
  const objects = await kubernetes.list(apiVersion, kind);
  return { kind, objects: objects.map((object) => ({ ...object, apiVersion, kind })) };
}

async function syncUnlessFailing(
  kubernetes: Kubernetes,
  list: List,
  memory: Memory,
  controller: CompositeController,
  parent: KubernetesObject,
): Promise<void> {
  const uid = parent.metadata.uid ?? '';
  if ((memory.backOff.get(uid) ?? 0) > Date.now()) return;
  try {
    await sync(kubernetes, list, memory, controller, parent);
  } catch (error) {
    memory.log(error);
    memory.synced.delete(uid);
    memory.backOff.set(uid, Date.now() + 1_000);
  }
}

async function sync(
  kubernetes: Kubernetes,
  list: List,
  memory: Memory,
  controller: CompositeController,
  parent: KubernetesObject,
): Promise<void> {
  const children = await ownedChildren(list, controller, parent);
  const { customize, sync } = controller.spec.hooks;
  const uid = parent.metadata.uid ?? '';
  const key = `${uid}/${parent.metadata.generation}`;
  const rules =
    memory.rules.get(key) ??
    ((await call(kubernetes, customize.webhook, { controller, parent }, ['relatedResources']))
      .relatedResources as RelatedResourceRule[]);
  memory.rules.set(key, rules);
  const related = await relatedObjects(list, rules);
  const request = { controller, parent, children, related, finalizing: false };
  const {
    status: _status,
    metadata: { resourceVersion: _version, managedFields: _fields, ...metadata },
  } = parent as KubernetesObject & {
    metadata: { managedFields?: unknown };
  };
  const state = JSON.stringify([metadata, parent.spec, children, related]);
  if (memory.synced.get(uid) === state) return;
  const answer = await call(kubernetes, sync.webhook, request, [
    'status',
    'children',
    'resyncAfterSeconds',
    'finalized',
  ]);
  let errors: Error[] = [];
  if (!parent.metadata.deletionTimestamp)
    errors = await manage(kubernetes, parent, children, answer.children as KubernetesObject[]);
  await writeStatus(kubernetes, controller, parent, answer.status as object);
  if (errors.length > 0) throw new AggregateError(errors, errors.map(({ message }) => message).join('; '));
  memory.synced.set(uid, state);
}

type Objects = Record<string, Record<string, KubernetesObject>>;

async function ownedChildren(list: List, controller: CompositeController, parent: KubernetesObject): Promise<Objects> {
  const result: Objects = {};
  for (const { apiVersion, resource } of controller.spec.childResources) {
    const { kind, objects } = await list(apiVersion, resource);
    const group: Record<string, KubernetesObject> = {};
    for (const object of objects) {
      if (isOwned(object, parent)) group[qualifiedName(object)] = object;
    }
    result[keyOf(apiVersion, kind)] = group;
  }
  return result;
}

async function relatedObjects(list: List, rules: RelatedResourceRule[]): Promise<Objects> {
  const result: Objects = {};
  for (const rule of rules) {
    const { kind, objects } = await list(rule.apiVersion, rule.resource);
    const key = keyOf(rule.apiVersion, kind);
    const group = result[key] ?? {};
    result[key] = group;
    for (const object of objects) {
      if (isRelated(object, rule)) group[qualifiedName(object)] = object;
    }
  }
  return result;
}

function isRelated({ metadata }: KubernetesObject, { namespace, names, labelSelector }: RelatedResourceRule): boolean {
  if (namespace && metadata.namespace && metadata.namespace !== namespace) return false;
  if (names) return names.includes(metadata.name);
  return Object.entries(labelSelector?.matchLabels ?? {}).every(([name, value]) => metadata.labels?.[name] === value);
}

/** Calls a hook; an answer with a field that Metacontroller does not know is an error, as it is there. */
async function call(
  kubernetes: Kubernetes,
  webhook: Webhook,
  body: object,
  fields: string[],
): Promise<Record<string, unknown>> {
  const { url } = webhook;
  const { status, text } = await post(webhook, await credentials(kubernetes, webhook), JSON.stringify(body));
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  const answer = JSON.parse(text) as Record<string, unknown>;
  const unknown = Object.keys(answer).filter((field) => !fields.includes(field));
  if (unknown.length > 0) throw new Error(`unknown field ${unknown[0]}`);
  return answer;
}

interface Credentials {
  token: string;
  ca: string;
  cert: string;
  key: string;
}

/** What a hook is called with, from the Secrets that its registration names. */
async function credentials(
  kubernetes: Kubernetes,
  { authorization, caBundle, clientTLS }: Webhook,
): Promise<Partial<Credentials>> {
  const read = async ({ name, namespace }: { name: string; namespace: string }, key: string) =>
    decode((await kubernetes.get('v1', 'Secret', name, namespace))?.data?.[key]);
  return {
    ...(authorization && { token: await read(authorization.secretRef, authorization.secretRef.key ?? '') }),
    ...(caBundle && { ca: await read(caBundle.secretRef, caBundle.secretRef.key ?? '') }),
    ...(clientTLS && {
      cert: await read(clientTLS.secretRef, 'tls.crt'),
      key: await read(clientTLS.secretRef, 'tls.key'),
    }),
  };
}

/** Posts JSON with what it is to be called with. */
export async function post(
  { url }: Webhook,
  { token, ...tls }: Partial<Credentials>,
  body: string,
): Promise<{ status: number; text: string }> {
  const { request } = url.startsWith('https:') ? https : http;
  const headers = {
    ...{ 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    ...(token && { authorization: `Bearer ${token}` }),
  };
  return new Promise((resolve, reject) => {
    const options = { ...tls, headers, method: 'POST', signal: AbortSignal.timeout(10_000) };
    const sent = request(url, options, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, text: answer }), reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Deletes and applies children. One that is refused stops neither the others nor the status: the errors are given back. */
async function manage(
  kubernetes: Kubernetes,
  parent: KubernetesObject,
  observed: Objects,
  desired: KubernetesObject[],
): Promise<Error[]> {
  const errors: Error[] = [];
  const wanted = new Set(desired.map(({ kind, metadata }) => `${kind}/${metadata.name}`));
  for (const { apiVersion, kind, metadata } of Object.values(observed).flatMap((group) => Object.values(group))) {
    if (!wanted.has(`${kind}/${metadata.name}`))
      await kubernetes.delete(apiVersion, kind, metadata.name, metadata.namespace).catch((error) => errors.push(error));
  }
  for (const child of desired) {
    await kubernetes.apply(withOwner(child, parent), 'metacontroller').catch((error) => errors.push(error));
  }
  return errors;
}

function withOwner(child: KubernetesObject, { apiVersion, kind, metadata }: KubernetesObject): KubernetesObject {
  const uid = metadata.uid ?? '';
  const reference = { apiVersion, kind, name: metadata.name, uid, controller: true, blockOwnerDeletion: true };
  return {
    ...child,
    metadata: {
      ...child.metadata,
      labels: { 'controller-uid': uid, ...child.metadata.labels },
      ownerReferences: [reference],
    },
  };
}

async function writeStatus(
  kubernetes: Kubernetes,
  controller: CompositeController,
  parent: KubernetesObject,
  status: object,
): Promise<void> {
  const wanted = { ...status, observedGeneration: parent.metadata.generation };
  if (canonical(wanted) === canonical(parent.status)) return;
  const { apiVersion, resource } = controller.spec.parentResource;
  const path = `/apis/${apiVersion}/namespaces/${parent.metadata.namespace}/${resource}/${parent.metadata.name}/status`;
  const { status: code, body } = await kubernetes.request('PUT', path, { ...parent, status: wanted });
  // Gone meanwhile: nothing to tell. All else, a conflict too, is for the next sync.
  if (code >= 300 && code !== 404) throw new Error(`PUT ${path}: ${code} ${(body as { message?: string }).message}`);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item) =>
    item && typeof item === 'object' && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).sort()) : item,
  );
}

function isOwned({ metadata }: KubernetesObject, parent: KubernetesObject): boolean {
  const { uid } = parent.metadata;
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  return owner?.uid === uid && metadata.labels?.['controller-uid'] === uid;
}

/** Asks the API server which kind a resource is, once for each. */
function discovery(kubernetes: Kubernetes): KindOf {
  const known = new Map<string, string>();
  return async (apiVersion, resource) => {
    const key = `${apiVersion} ${resource}`;
    const path = `/${apiVersion.includes('/') ? 'apis' : 'api'}/${apiVersion}`;
    const { body } = known.has(key) ? { body: {} } : await kubernetes.request('GET', path);
    const { resources = [] } = body as { resources?: { name: string; kind: string }[] };
    const kind = known.get(key) ?? resources.find(({ name }) => name === resource)?.kind;
    if (!kind) throw new Error(`the API server does not serve ${resource} of ${apiVersion}`);
    known.set(key, kind);
    return kind;
  };
}

function qualifiedName({ metadata: { namespace, name } }: KubernetesObject): string {
  return namespace ? `${namespace}/${name}` : name;
}

function keyOf(apiVersion: string, kind: string): string {
  return `${kind}.${apiVersion}`;
}
