import https from 'node:https';
import { text } from 'node:stream/consumers';
import { KubeConfig, Watch } from '@kubernetes/client-node';

/** An object as the API server returns it, with the fields that the scenarios read. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    managedFields?: object[];
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { kind: string; name: string; uid: string; controller?: boolean }[];
    finalizers?: string[];
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of all kinds, read by path
  spec?: any;
  data?: Record<string, string>;
  status?: {
    conditions?: { type: string; status: string; reason: string; message: string; lastTransitionTime?: string }[];
    // biome-ignore lint/suspicious/noExplicitAny: as above
    [field: string]: any;
  };
}

/** The response of a server that prints, as `kubectl get` requests it. */
export interface Table {
  columnDefinitions: { name: string; priority: number }[];
  rows: { cells: unknown[] }[];
}

/** A client of an API server. All methods fail with the message of the server, but `get` returns `undefined` for 404. */
export interface Kubernetes {
  ready: () => Promise<boolean>;
  /** Server-side apply, as the field manager of the tests unless another one is named. */
  apply: (object: object, fieldManager?: string) => Promise<KubernetesObject>;
  create: (object: object, fieldManager?: string) => Promise<KubernetesObject>;
  /** Replaces an object, or a subresource of it, such as `/status`. */
  update: (object: object, fieldManager?: string, subresource?: string) => Promise<KubernetesObject>;
  get: (apiVersion: string, kind: string, name: string, namespace?: string) => Promise<KubernetesObject | undefined>;
  list: (apiVersion: string, kind: string, namespace?: string) => Promise<KubernetesObject[]>;
  /** Watches the objects of a kind in a namespace: the existing ones as `LISTED`, then events. Returns how to stop. */
  watch: (
    apiVersion: string,
    kind: string,
    namespace: string,
    onEvent: (type: string, object: KubernetesObject) => void,
  ) => Promise<() => void>;
  /** JSON merge patch, as `kubectl patch --type merge`. */
  patch: (object: object) => Promise<KubernetesObject>;
  /** Deletes an object, and by default lets the garbage collector delete the dependants; a missing object is no error. */
  delete: (
    apiVersion: string,
    kind: string,
    name: string,
    namespace?: string,
    propagationPolicy?: 'Background' | 'Orphan',
  ) => Promise<void>;
  /** The kind of a resource: `Secret` for `secrets`. */
  kindOf: (apiVersion: string, resource: string) => Promise<string>;
  /** A plain request, for everything that is not an object: subresources, tables. */
  request: (
    method: string,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ) => Promise<{ status: number; body: unknown }>;
}

/** The field manager of the tests. */
const FIELD_MANAGER = 'kubectl';

/**
 * Connects with a kubeconfig, by @kubernetes/client-node. Objects are sent unchanged: its typed clients drop fields that
 * they have no type for, such as the `x-kubernetes-` keywords of a CRD.
 */
export function connect(kubeconfig: string): Kubernetes {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const request = requester(config);
  const find = discovery(request);

  /** The path of an object, or of a list when there is no name. */
  async function pathOf(apiVersion: string, kind: string, namespace?: string, name?: string): Promise<string> {
    const resource = await find(apiVersion, (each) => each.kind === kind, kind);
    const scope = resource.namespaced && namespace ? `/namespaces/${namespace}` : '';
    return `${basePath(apiVersion)}${scope}/${resource.name}${name ? `/${name}` : ''}`;
  }

  async function send(method: string, path: string, body?: object, contentType?: string): Promise<KubernetesObject> {
    const response = await request(method, path, body, contentType ? { 'content-type': contentType } : {});
    if (response.status < 300) return response.body as KubernetesObject;
    const { message = response.body } = response.body as { message?: string };
    throw Object.assign(new Error(`${method} ${path}: ${response.status} ${message}`), { status: response.status });
  }
  async function unlessGone<Value>(promise: Promise<Value>): Promise<Value | undefined> {
    try {
      return await promise;
    } catch (error) {
      if ((error as { status?: number }).status === 404) return undefined;
      throw error;
    }
  }

  return {
    ready: async () => (await request('GET', '/readyz')).status === 200,
    apply: async (object, fieldManager = FIELD_MANAGER) => {
      const { apiVersion, kind, metadata } = object as KubernetesObject;
      const path = await pathOf(apiVersion, kind, metadata.namespace, metadata.name);
      return send('PATCH', `${path}?fieldManager=${fieldManager}&force=true`, object, 'application/apply-patch+yaml');
    },
    create: async (object, fieldManager = FIELD_MANAGER) => {
      const { apiVersion, kind, metadata } = object as KubernetesObject;
      const path = await pathOf(apiVersion, kind, metadata.namespace);
      return send('POST', `${path}?fieldManager=${fieldManager}`, object);
    },
    update: async (object, fieldManager = FIELD_MANAGER, subresource = '') => {
      const { apiVersion, kind, metadata } = object as KubernetesObject;
      const path = await pathOf(apiVersion, kind, metadata.namespace, metadata.name);
      return send('PUT', `${path}${subresource}?fieldManager=${fieldManager}`, object);
    },
    get: async (apiVersion, kind, name, namespace) =>
      unlessGone(send('GET', await pathOf(apiVersion, kind, namespace, name))),
    list: async (apiVersion, kind, namespace) => {
      const { items } = (await send('GET', await pathOf(apiVersion, kind, namespace))) as unknown as {
        items: KubernetesObject[];
      };
      return items;
    },
    watch: async (apiVersion, kind, namespace, onEvent) => {
      const path = await pathOf(apiVersion, kind, namespace);
      const { metadata, items } = (await send('GET', path)) as unknown as {
        metadata: { resourceVersion: string };
        items: KubernetesObject[];
      };
      for (const object of items) onEvent('LISTED', object);
      const { resourceVersion } = metadata;
      const watch = await new Watch(config).watch(path, { resourceVersion }, onEvent, () => {});
      return () => watch.abort();
    },
    patch: async (object) => {
      const { apiVersion, kind, metadata } = object as KubernetesObject;
      const path = await pathOf(apiVersion, kind, metadata.namespace, metadata.name);
      return send('PATCH', path, object, 'application/merge-patch+json');
    },
    delete: async (apiVersion, kind, name, namespace, propagationPolicy = 'Background') => {
      const path = await pathOf(apiVersion, kind, namespace, name);
      await unlessGone(send('DELETE', path, { propagationPolicy }));
    },
    kindOf: async (apiVersion, resource) => (await find(apiVersion, ({ name }) => name === resource, resource)).kind,
    request,
  };
}

/** The entry of a resource in the discovery of the API server. */
interface Resource {
  name: string;
  kind: string;
  namespaced: boolean;
}

const basePath = (apiVersion: string) => (apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`);

/** Finds a resource by the discovery of the API server, with one request for each. */
function discovery(request: Kubernetes['request']) {
  const known = new Map<string, Resource>();
  return async (apiVersion: string, isIt: (resource: Resource) => boolean, name: string): Promise<Resource> => {
    const key = `${apiVersion} ${name}`;
    const found = known.get(key);
    if (found) return found;
    const { resources = [] } = (await request('GET', basePath(apiVersion))).body as { resources?: Resource[] };
    const resource = resources.find((each) => isIt(each) && !each.name.includes('/'));
    if (!resource) throw new Error(`the API server does not serve ${name} of ${apiVersion}`);
    known.set(key, resource);
    return resource;
  };
}

function requester(config: KubeConfig): Kubernetes['request'] {
  const connection = (async () => {
    const options: https.RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const { ca, cert, key, headers } = options;
    return { headers: headers as Record<string, string>, agent: new https.Agent({ keepAlive: true, ca, cert, key }) };
  })();
  const server = config.getCurrentCluster()?.server ?? '';
  return async (method, path, body, headers = {}) => {
    const { agent, headers: authorization } = await connection;
    const content = body ? JSON.stringify(body) : '';
    // Node omits the length for a DELETE, and the server would read the body as the next request.
    const length = Buffer.byteLength(content);
    return new Promise((resolve, reject) => {
      const request = https.request(
        `${server}${path}`,
        {
          agent,
          method,
          signal: AbortSignal.timeout(60_000),
          headers: { ...authorization, 'content-type': 'application/json', 'content-length': length, ...headers },
        },
        (response) => {
          // A truncated response of a killed server must not leave the caller waiting.
          text(response).then(
            (content) =>
              resolve({
                status: response.statusCode ?? 0,
                body: content.startsWith('{') ? JSON.parse(content) : content,
              }),
            reject,
          );
        },
      );
      request.on('error', reject);
      request.end(content);
    });
  };
}
