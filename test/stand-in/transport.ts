import type { KubeObject } from './json.ts';

/** The field manager of the stand-in. */
export const MANAGER = 'metacontroller';

/**
 * The use of the API of a cluster by the stand-in. A rejected request is an Error with the status code of the API server in
 * `status`. Callers must not change returned objects.
 */
export interface Transport {
  /** The kind of a resource: `Secret` for `secrets`. */
  kindOf: (apiVersion: string, resource: string) => Promise<string>;
  /** The objects of a kind, in all namespaces unless one is given. */
  list: (apiVersion: string, kind: string, namespace?: string) => Promise<KubeObject[]>;
  create: (object: KubeObject) => Promise<KubeObject>;
  /** Replaces an object. */
  update: (object: KubeObject) => Promise<KubeObject>;
  /** Server-side apply, forced. */
  apply: (object: KubeObject) => Promise<KubeObject>;
  delete: (object: KubeObject) => Promise<void>;
  /** Replaces the status of an object. */
  updateStatus: (object: KubeObject) => Promise<void>;
}

/** An error of the API server. */
export function apiError(status: number, message: string): Error {
  return Object.assign(new Error(`${status} ${message}`), { status });
}

/** The result of a request, `undefined` when it is rejected with one of these status codes. */
export async function unless<Value>(codes: number[], request: Promise<Value>): Promise<Value | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof Error && 'status' in error && codes.some((code) => code === error.status)) return undefined;
    throw error;
  }
}
