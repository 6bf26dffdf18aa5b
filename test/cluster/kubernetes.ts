import https from 'node:https';
import { text } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';

/** An object as the API server gives it, with the fields that the scenarios look at. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { kind: string; name: string; uid: string; controller?: boolean }[];
    finalizers?: string[];
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of all kinds, looked into by path
  spec?: any;
  data?: Record<string, string>;
  status?: {
    conditions?: { type: string; status: string; reason: string; message: string; lastTransitionTime?: string }[];
    // biome-ignore lint/suspicious/noExplicitAny: as above
    [field: string]: any;
  };
}

/** Answer of a server that prints, as `kubectl get` asks for. */
export interface Table {
  columnDefinitions: { name: string; priority: number }[];
  rows: { cells: unknown[] }[];
}

/** What the tests do with an API server. All methods fail with the server's message, but `get` gives `undefined` for 404. */
export interface Kubernetes {
  ready: () => Promise<boolean>;
  /** Server-side apply, as the user of the tests unless another field manager is named. */
  apply: (object: object, fieldManager?: string) => Promise<KubernetesObject>;
  get: (apiVersion: string, kind: string, name: string, namespace?: string) => Promise<KubernetesObject | undefined>;
  list: (apiVersion: string, kind: string, namespace?: string) => Promise<KubernetesObject[]>;
  /** JSON merge patch, as `kubectl patch --type merge`. */
  patch: (object: object) => Promise<KubernetesObject>;
  /** Deletes, and by default lets the garbage collector take the dependants; an object that is gone is no error. */
  delete: (
    apiVersion: string,
    kind: string,
    name: string,
    namespace?: string,
    propagationPolicy?: 'Background' | 'Orphan',
  ) => Promise<void>;
  /** A plain request, for what has no object: subresources, tables. */
  request: (
    method: string,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ) => Promise<{ status: number; body: unknown }>;
}

/** As which field manager the tests apply. */
const FIELD_MANAGER = 'kubectl';

/**
 * Connects as the kubeconfig says, by @kubernetes/client-node. Objects travel as they are written: its typed clients drop
 * what they have no type for, such as the `x-kubernetes-` keywords of a CRD.
 */
export function connect(kubeconfig: string): Kubernetes {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const request = requester(config);
  const pathOf = resolver(request);

  async function send(method: string, path: string, body?: object, contentType?: string): Promise<KubernetesObject> {
    const answer = await request(method, path, body, contentType ? { 'content-type': contentType } : {});
    if (answer.status < 300) return answer.body as KubernetesObject;
    const { message = answer.body } = answer.body as { message?: string };
    throw Object.assign(new Error(`${method} ${path}: ${answer.status} ${message}`), { status: answer.status });
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
    get: async (apiVersion, kind, name, namespace) =>
      unlessGone(send('GET', await pathOf(apiVersion, kind, namespace, name))),
    list: async (apiVersion, kind, namespace) => {
      const { items } = (await send('GET', await pathOf(apiVersion, kind, namespace))) as unknown as {
        items: KubernetesObject[];
      };
      return items;
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
    request,
  };
}

/** Finds the path of an object, or of a list when there is no name, by the API server's discovery. */
function resolver(request: Kubernetes['request']) {
  const known = new Map<string, { name: string; namespaced: boolean }>();
  return async (apiVersion: string, kind: string, namespace?: string, name?: string): Promise<string> => {
    const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const key = `${apiVersion} ${kind}`;
    let resource = known.get(key);
    if (!resource) {
      const { resources = [] } = (await request('GET', base)).body as {
        resources?: { name: string; kind: string; namespaced: boolean }[];
      };
      resource = resources.find((each) => each.kind === kind && !each.name.includes('/'));
      if (!resource) throw new Error(`the API server does not serve ${kind} of ${apiVersion}`);
      known.set(key, resource);
    }
    const scope = resource.namespaced && namespace ? `/namespaces/${namespace}` : '';
    return `${base}${scope}/${resource.name}${name ? `/${name}` : ''}`;
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
    // Node leaves out the length for a DELETE, and the body would be read as the next request.
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
          // An answer that is cut off, by a server that is killed, must not leave the caller waiting.
          text(response).then(
            (answer) =>
              resolve({ status: response.statusCode ?? 0, body: answer.startsWith('{') ? JSON.parse(answer) : answer }),
            reject,
          );
        },
      );
      request.on('error', reject);
      request.end(content);
    });
  };
}
