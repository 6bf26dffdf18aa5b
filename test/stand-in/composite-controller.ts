/** A key of a Secret. */
interface KeyOfSecret {
  name: string;
  namespace: string;
  key?: string;
}

/** How a hook is called, as far as the stand-in and those who call hooks for it read it. */
export interface Webhook {
  url?: string;
  /** Path below a Service, where there is no URL. */
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
