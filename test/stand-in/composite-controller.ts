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
    generateSelector?: boolean;
    childResources: { apiVersion: string; resource: string; updateStrategy?: { method: string } }[];
    hooks: { sync: { webhook: Webhook }; customize?: { webhook: Webhook }; finalize?: { webhook: Webhook } };
  };
}

/** @throws Error that names what the stand-in can't do, as it does no more than our registrations need */
export function refuseUnsupported({ metadata: { name }, spec }: CompositeController): void {
  if (!spec.generateSelector) throw new Error(`${name}: the stand-in needs generateSelector`);
  if (spec.hooks.finalize) throw new Error(`${name}: the stand-in has no finalize hook`);
  const other = spec.childResources.find(({ updateStrategy }) => updateStrategy?.method !== 'InPlace');
  if (other) throw new Error(`${name}: the stand-in updates in place only, and ${other.resource} are not`);
}
