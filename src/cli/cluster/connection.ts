import http from 'node:http';
import https from 'node:https';
import { createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeConfig, PortForward } from '@kubernetes/client-node';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { version } from '../../server/version.ts';
import { ClusterError, UsageError } from '../errors.ts';
import { oneLine, printable, withoutCredentials } from '../foreign-text.ts';
import { metadataErrors } from '../metadata.ts';
import { type KubeconfigOptions, loadKubeconfig } from './kubeconfig.ts';

/** The options by which every command names a cluster and a namespace. */
export interface ClusterOptions extends KubeconfigOptions {
  /** Default: that of the context, else `default`. */
  namespace?: string;
}

/** An object of any kind, with the fields that every object has; all others are kept. */
export const ClusterObject = Type.Object(
  {
    apiVersion: Type.Optional(Type.String()),
    kind: Type.Optional(Type.String()),
    metadata: Type.Object({
      name: Type.String(),
      namespace: Type.Optional(Type.String()),
      uid: Type.Optional(Type.String()),
      resourceVersion: Type.Optional(Type.String()),
      generation: Type.Optional(Type.Integer()),
      creationTimestamp: Type.Optional(Type.String()),
      deletionTimestamp: Type.Optional(Type.String()),
      labels: Type.Optional(Type.Record(Type.String(), Type.String())),
      annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
      finalizers: Type.Optional(Type.Array(Type.String())),
      ownerReferences: Type.Optional(
        Type.Array(
          Type.Object({
            apiVersion: Type.String(),
            kind: Type.String(),
            name: Type.String(),
            uid: Type.String(),
            controller: Type.Optional(Type.Boolean()),
          }),
        ),
      ),
      managedFields: Type.Optional(Type.Array(Type.Record(Type.String(), Type.Unknown()))),
    }),
  },
  { additionalProperties: true },
);
export type ClusterObject = Static<typeof ClusterObject> & Record<string, unknown>;

/** A resource of the API: `{ apiVersion: 'apps/v1', resource: 'statefulsets' }`. */
export interface ApiResource {
  apiVersion: string;
  resource: string;
}

/** How an object is changed: a patch of that type, by this program's field manager unless one is named. */
export interface Patch {
  type: 'merge' | 'json' | 'apply';
  body: unknown;
  /** Whether server-side apply takes fields over from other managers. */
  force?: boolean;
  fieldManager?: string;
  subresource?: 'status';
  /** Whether nothing is stored. */
  dryRun?: boolean;
}

/** The field manager of what the commands change. */
export const FIELD_MANAGER = 'meshery-operator-cli';

const CONTENT_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** Objects a page of a list has at most, as for kubectl. */
const PAGE = 500;
const TIMEOUT_MS = 30_000;

/** Pause before a request is made again that was too much for the API server, which asks for a second of it. */
const RETRY_MS = 1_000;
const RETRIES = 3;

const METADATA_ONLY = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';

/** Headers of a request, and how long its response is waited for. */
interface Call {
  'content-type'?: string;
  accept?: string;
  timeoutMs?: number;
}

/** Which objects are listed. */
export interface Selection {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Whether only their metadata is asked for: what a Secret holds then stays in the cluster. */
  metadataOnly?: boolean;
}

/** A port of this machine that leads to a port of a pod. */
export interface Forward {
  port: number;
  /** Why the last connection did not reach the pod, in one line. */
  failure(): string | undefined;
  close(): void;
}

/** A client of an API server. Every method fails with a ClusterError of one line. */
export interface Connection {
  /** Name of its context, as in the kubeconfig. */
  context: string;
  /** The namespace that the options or the context name. */
  namespace: string;
  /** Objects of a resource, of all namespaces unless one is named; by pages of 500. */
  list(of: ApiResource, where?: Selection): Promise<ClusterObject[]>;
  /** An object, `undefined` when there is none. */
  get(of: ApiResource, name: string, namespace?: string): Promise<ClusterObject | undefined>;
  create(of: ApiResource, object: object, namespace?: string, how?: { dryRun?: boolean }): Promise<ClusterObject>;
  patch(of: ApiResource, name: string, patch: Patch, namespace?: string): Promise<ClusterObject>;
  /** Deletes an object; a missing one is no error. */
  remove(of: ApiResource, name: string, namespace?: string, propagation?: 'Background' | 'Orphan'): Promise<void>;
  /** The response to any request as it is: for discovery, logs, and what a proxy of the API server returns. */
  request(method: string, path: string, body?: object, contentType?: string): Promise<{ status: number; text: string }>;
  /** The same for a GET that is given up after a time, since a proxy may wait for a pod that is away. */
  read(path: string, timeoutMs: number): Promise<{ status: number; text: string }>;
  /** Forwards a free port of this machine to a port of a pod until it is closed. */
  forward(namespace: string, pod: string, port: number): Promise<Forward>;
}

/**
 * Connects by a kubeconfig: certificates, tokens and exec plugins as kubectl takes them. Nothing is sent before the first request.
 * @throws UsageError when there is no kubeconfig or no such context, or when a namespace can't have that name
 */
export function connect(options: ClusterOptions): Connection {
  const config = loadKubeconfig(options);
  const context = config.getContextObject(config.getCurrentContext());
  const server = config.getCurrentCluster()?.server ?? '';
  const shownServer = withoutCredentials(server);
  const namespace = options.namespace || context?.namespace || 'default';
  // It becomes part of paths, of which some would lead to all namespaces.
  const [error] = metadataErrors({ metadata: { name: 'any', namespace } }, namespace);
  if (error) throw new UsageError(`namespace ${printable(namespace)} ${error.message}`);
  let prepared: Promise<https.RequestOptions> | undefined;
  const prepare = async () => {
    const prepared: https.RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(prepared);
    } catch (error) {
      throw new ClusterError(`there are no credentials for the API server ${shownServer}: ${whyNone(error)}`);
    }
    return prepared;
  };

  async function call(method: string, path: string, body: object | undefined, given: Call) {
    let response = await callOnce(method, path, body, given);
    // An API server that has too much to do has not begun with it.
    for (let retries = 0; response.status === 429 && retries < RETRIES; retries++) {
      await sleep(RETRY_MS);
      response = await callOnce(method, path, body, given);
    }
    if (response.status !== 401) return response;
    // The token of an exec plugin or of a pod may have expired meanwhile.
    prepared = undefined;
    return callOnce(method, path, body, given);
  }

  async function callOnce(method: string, path: string, body: object | undefined, { timeoutMs, ...given }: Call) {
    try {
      prepared ??= prepare();
      const { agent, headers, auth } = await prepared;
      return await send(`${server.replace(/\/$/, '')}${path}`, method, body, {
        ...(agent && { agent }),
        ...(auth && { auth }),
        headers: { ...(headers as object), ...given, 'user-agent': `meshery-operator/${version}` },
        signal: AbortSignal.timeout(timeoutMs ?? TIMEOUT_MS),
      });
    } catch (error) {
      prepared = undefined;
      if (error instanceof ClusterError) throw error;
      throw new ClusterError(`the API server ${shownServer} gives no answer: ${reasonOf(error)}`);
    }
  }

  const request: Connection['request'] = (method, path, body, contentType = 'application/json') =>
    call(method, path, body, { 'content-type': contentType });

  async function object(method: string, path: string, body?: object, contentType?: string): Promise<ClusterObject> {
    const response = await request(method, path, body, contentType);
    const content = parsed(response.text);
    if (response.status < 300 && Value.Check(ClusterObject, content)) return content;
    throw refused(response.status, content, `${method} ${path}`);
  }

  return {
    context: config.getCurrentContext(),
    namespace,
    request,
    read: (path, timeoutMs) => call('GET', path, undefined, { timeoutMs }),
    list: async (of, { namespace, metadataOnly = false, ...selectors } = {}) => {
      const accept = metadataOnly ? METADATA_ONLY : 'application/json';
      const items: ClusterObject[] = [];
      let isPaged = true;
      let page: string | undefined = '';
      while (page !== undefined) {
        const query = new URLSearchParams({
          ...(isPaged && { limit: String(PAGE) }),
          ...defined(selectors),
          ...(page && { continue: page }),
        });
        const path = `${pathOf(of, namespace)}?${query}`;
        const response = await call('GET', path, undefined, { accept });
        const content = parsed(response.text);
        if (response.status >= 300 || !Value.Check(List, content)) {
          // The rest of a list that took too long is gone: it begins anew, in one piece, as for kubectl.
          if (response.status === 410 && page) {
            items.length = 0;
            isPaged = false;
            page = '';
            continue;
          }
          throw refused(response.status, content, `GET ${path}`);
        }
        // The items of a list name neither their kind nor their version.
        const kind = content.kind.replace(/List$/, '');
        for (const item of content.items ?? [])
          items.push({ apiVersion: content.apiVersion, kind, ...item } as ClusterObject);
        page = content.metadata?.continue || undefined;
      }
      return items;
    },
    get: async (of, name, namespace) => {
      try {
        return await object('GET', pathOf(of, namespace, name));
      } catch (error) {
        if (error instanceof ClusterError && error.status === 404) return undefined;
        throw error;
      }
    },
    create: (of, body, namespace, { dryRun } = {}) => {
      const query = new URLSearchParams({ fieldManager: FIELD_MANAGER, ...dryRunQuery(dryRun) });
      return object('POST', `${pathOf(of, namespace)}?${query}`, body);
    },
    patch: (of, name, { type, body, force, fieldManager = FIELD_MANAGER, subresource, dryRun }, namespace) => {
      const query = new URLSearchParams({ fieldManager, ...(force && { force: 'true' }), ...dryRunQuery(dryRun) });
      const path = `${pathOf(of, namespace, name)}${subresource ? `/${subresource}` : ''}?${query}`;
      return object('PATCH', path, body as object, CONTENT_TYPES[type]);
    },
    remove: async (of, name, namespace, propagation = 'Background') => {
      const path = pathOf(of, namespace, name);
      const response = await request('DELETE', path, { propagationPolicy: propagation });
      if (response.status >= 300 && response.status !== 404)
        throw refused(response.status, parsed(response.text), `DELETE ${path}`);
    },
    forward: (namespace, pod, port) => forward(config, namespace, pod, port),
  };
}

/** The path of a resource, or of an object. */
export function pathOf({ apiVersion, resource }: ApiResource, namespace?: string, name?: string): string {
  const scope = namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${versionPath(apiVersion)}${scope}/${resource}${name ? `/${encodeURIComponent(name)}` : ''}`;
}

/** The path of a version of the API, by which it is also discovered. */
export function versionPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

/** The parameter of a request by which nothing is stored. */
function dryRunQuery(dryRun: boolean | undefined): { dryRun?: string } {
  return dryRun ? { dryRun: 'All' } : {};
}

const List = Type.Object({
  apiVersion: Type.String(),
  kind: Type.String(),
  metadata: Type.Optional(Type.Object({ continue: Type.Optional(Type.String()) })),
  // A list of metadata has none rather than an empty one.
  items: Type.Union([Type.Array(Type.Object({}, { additionalProperties: true })), Type.Null()]),
});

const Status = Type.Object({ message: Type.String() });

/**
 * What the API server says when it refuses, with the right that is missing where it refuses for that.
 * @param what method and path, for a response without a message
 */
export function refused(status: number, content: unknown, what: string): ClusterError {
  // What is no answer of the API server itself may be a page.
  const said = typeof content === 'string' && content && content.length < 200 ? `: ${content}` : '';
  // Half of an object may be half of a Secret.
  if (status < 300) return new ClusterError(`${what} was answered by what is no object of Kubernetes`, status);
  if (status === 401 && Value.Check(Status, content))
    return new ClusterError('the API server does not accept the credentials of the kubeconfig: log in again', status);
  const message = Value.Check(Status, content) ? content.message : `${what} was answered by ${status}${said}`;
  // "pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "y""
  const [, verb, resource, where = ''] =
    /cannot (\w+) resource "([^"]+)" in API group "[^"]*"(.*)/.exec(status === 403 ? message : '') ?? [];
  if (!verb) return new ClusterError(oneLine(message), status);
  const place = where
    .replace(/.*namespace "([^"]+)".*/, ' in namespace $1')
    .replace(/.*cluster scope.*/, ' in the cluster');
  return new ClusterError(`you may not ${verb} ${resource}${place}: ask for a role that allows it`, status);
}

/** JSON as its value, and any other text as it is. */
export function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return content;
  }
}

/** Why there are no credentials, without a word of what an exec plugin has printed in their place: they may be part of it. */
function whyNone(error: unknown): string {
  if (error instanceof SyntaxError || error instanceof TypeError) return 'the exec plugin prints no ExecCredential';
  return error instanceof Error && error.message.trim() === ''
    ? 'the exec plugin fails, and says nothing'
    : reasonOf(error);
}

function reasonOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message || String(error) : String(error));
}

function defined(values: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).flatMap(([key, value]) => (value ? [[key, value]] : [])));
}

async function send(
  url: string,
  method: string,
  body: object | undefined,
  options: https.RequestOptions,
): Promise<{ status: number; text: string }> {
  const content = body ? JSON.stringify(body) : '';
  return new Promise((resolve, reject) => {
    const headers = { ...(options.headers as object), 'content-length': Buffer.byteLength(content) };
    const { request: requestBy } = url.startsWith('http:') ? http : https;
    const request = requestBy(url, { ...options, method, headers }, (response) => {
      text(response).then((received) => resolve({ status: response.statusCode ?? 0, text: received }), reject);
    });
    request.on('error', reject);
    request.end(content);
  });
}

async function forward(config: KubeConfig, namespace: string, pod: string, port: number): Promise<Forward> {
  const forwarder = new PortForward(config);
  const sockets = new Set<Socket>();
  let failure: string | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    forwarder.portForward(namespace, pod, [port], socket, null, socket).then(
      (connection) => {
        if (typeof connection === 'function') return;
        connection.onclose = () => socket.destroy();
        socket.on('close', () => connection.close());
      },
      (error) => {
        failure = notForwarded(error, namespace, pod);
        socket.destroy();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    failure: () => failure,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** The response to an upgrade has a status, and no message of the API server. */
function notForwarded(error: unknown, namespace: string, pod: string): string {
  const reason = Value.Check(Status, error) ? oneLine(error.message) : reasonOf(error);
  if (!/\b403$/.test(reason)) return `pod ${pod} is not reached: ${reason}`;
  return `you may not forward ports of pods in namespace ${namespace}: ask for a role that allows get and create on pods/portforward`;
}
