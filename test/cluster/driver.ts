import { appendFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { decode } from '../../src/kubernetes/secrets.ts';
import { apiServer } from '../stand-in/api-server.ts';
import type { CompositeController, Webhook } from '../stand-in/composite-controller.ts';
import type { RelatedRule } from '../stand-in/customize.ts';
import type { KubeObject } from '../stand-in/json.ts';
import { carryOut, observe, type StandIn, type Strategy, type SyncRequest } from '../stand-in/metacontroller.ts';
import type { Transport } from '../stand-in/transport.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Kubernetes } from './kubernetes.ts';
import type { Driver } from './metacontroller.ts';

/**
 * The stand-in for Metacontroller, running in a cluster where no real one is installed, so that the scenarios never pass by
 * being skipped: it reads all parents again and again and syncs those with any change. Errors are in `test-double.log`
 * beside the logs of the control plane.
 */
export function startDriver(
  { kubernetes, directory }: Pick<ControlPlane, 'kubernetes' | 'directory'>,
  strategy: Strategy = 'server-side-apply',
): Driver {
  let stopped = false;
  const log = (error: unknown) =>
    appendFileSync(join(directory, 'test-double.log'), `${error instanceof Error ? error.message : error}\n`);
  const memory: Memory = { log, synced: new Map(), rules: new Map(), backOff: new Map() };
  const call = (webhook: Webhook, body: object) => callHook(kubernetes, webhook, body);
  const loop = (async () => {
    while (!stopped) {
      const transport = listingOnce(apiServer(kubernetes));
      // While the API server is not available, the next round tries again.
      await round({ transport, call, strategy, rules: memory.rules }, memory).catch(log);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return {
    name: `the test double of Metacontroller, ${strategy}`,
    stop: async () => {
      stopped = true;
      await loop;
    },
  };
}

interface Memory {
  log: (error: unknown) => void;
  /** By uid of the parent, the last synced state. */
  synced: Map<string, string>;
  /** Cached customize responses by uid and generation. */
  rules: Map<string, RelatedRule[]>;
  /** By uid of the parent, the end of the back-off after a failed sync. */
  backOff: Map<string, number>;
}

/** Lists each kind once, in all namespaces, as informers do. */
function listingOnce(transport: Transport): Transport {
  const lists = new Map<string, Promise<KubeObject[]>>();
  return {
    ...transport,
    list: async (apiVersion, kind, namespace) => {
      const key = `${apiVersion} ${kind}`;
      const listed = lists.get(key) ?? transport.list(apiVersion, kind);
      lists.set(key, listed);
      const inside = (of: string | undefined) => !namespace || !of || of === namespace;
      return (await listed).filter(({ metadata }) => inside(metadata.namespace));
    },
  };
}

/** One round over all parents. */
async function round(standIn: Omit<StandIn, 'controller'>, memory: Memory): Promise<void> {
  const { transport } = standIn;
  const listResource = async (apiVersion: string, resource: string) =>
    transport.list(apiVersion, await transport.kindOf(apiVersion, resource));
  for (const object of await listResource('metacontroller.k8s.io/v1alpha1', 'compositecontrollers')) {
    const controller = object as unknown as CompositeController;
    const { apiVersion, resource } = controller.spec.parentResource;
    try {
      const parents = await listResource(apiVersion, resource);
      await Promise.all(parents.map((parent) => syncUnlessFailing({ ...standIn, controller }, memory, parent)));
    } catch (error) {
      memory.log(error); // a registration that fails, for example without its CRD, does not stop the others
    }
  }
}

async function syncUnlessFailing(standIn: StandIn, memory: Memory, parent: KubeObject): Promise<void> {
  const { uid = '' } = parent.metadata;
  if ((memory.backOff.get(uid) ?? 0) > Date.now()) return;
  try {
    const request = await observe(standIn, parent);
    const state = stateOf(request);
    if (memory.synced.get(uid) === state) return;
    const { errors } = await carryOut(standIn, request);
    if (errors.length > 0) throw new Error(errors.join('; '));
    memory.synced.set(uid, state);
  } catch (error) {
    memory.log(error);
    memory.synced.delete(uid);
    memory.backOff.set(uid, Date.now() + 1_000);
  }
}

/** The state whose changes trigger a sync of a parent: its status is not part of it. */
function stateOf({ parent, children, related }: SyncRequest): string {
  const { resourceVersion: _version, managedFields: _fields, ...metadata } = parent.metadata;
  return JSON.stringify([metadata, parent.spec, children, related]);
}

async function callHook(kubernetes: Kubernetes, webhook: Webhook, body: object): Promise<unknown> {
  const url = webhook.url ?? (await serviceUrl(kubernetes, webhook));
  const { status, text } = await post(url, await credentials(kubernetes, webhook), JSON.stringify(body));
  if (status !== 200) throw new Error(`${url} responded with ${status}`);
  return JSON.parse(text);
}

/** The URL of a hook behind a Service, by its address: this process has no DNS of the cluster. */
async function serviceUrl(kubernetes: Kubernetes, { service, path = '' }: Webhook): Promise<string> {
  const { name = '', namespace, port = 80, protocol = 'http' } = service ?? {};
  const { spec } = (await kubernetes.get('v1', 'Service', name, namespace)) ?? {};
  return `${protocol}://${spec?.clusterIP}:${port}${path}`;
}

interface Credentials {
  token: string;
  ca: string;
  cert: string;
  key: string;
}

/** The credentials for a hook, from the Secrets that its registration names. */
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

/** Posts JSON to a hook with the given credentials. */
export async function post(
  url: string,
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
      text(response).then((content) => resolve({ status: response.statusCode ?? 0, text: content }), reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
