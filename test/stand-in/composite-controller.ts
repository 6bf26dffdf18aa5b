/** A key of a Secret. */
interface KeyOfSecret {
  name: string;
  namespace: string;
  key?: string;
}

/** The call of a hook, as far as the stand-in and other callers of hooks read it. */
export interface Webhook {
  url?: string;
  /** The Service of the hooks, where there is no URL, and the path. */
  service?: { name: string; namespace: string; port?: number; protocol?: string };
  path?: string;
  authorization?: { secretRef: KeyOfSecret };
  caBundle?: { secretRef: KeyOfSecret };
  clientTLS?: { secretRef: KeyOfSecret };
}

/** A CompositeController as far as the stand-in reads it. */
export interface CompositeController {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: {
    parentResource: { apiVersion: string; resource: string };
    childResources: { apiVersion: string; resource: string }[];
    hooks: { sync: { webhook: Webhook }; customize?: { webhook: Webhook } };
  };
}
