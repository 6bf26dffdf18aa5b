import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';

/** A CompositeController as far as a driver reads it. */
export interface CompositeController {
  apiVersion: string;
  kind: 'CompositeController';
  metadata: { name: string };
  spec: {
    parentResource: { apiVersion: string; resource: string };
    childResources: { apiVersion: string; resource: string }[];
    hooks: Record<'sync' | 'customize', { webhook: { url: string } }>;
  };
}

/**
 * The registrations of `metacontroller/`, with the Service of the operator replaced by its address on this machine:
 * nothing else is changed.
 */
export async function registrations(operatorUrl: string): Promise<CompositeController[]> {
  const files = ['metacontroller/broker.yaml', 'metacontroller/meshsync.yaml'];
  return Promise.all(
    files.map(async (file) => {
      const controller = parse(await readFile(file, 'utf8'));
      for (const hook of Object.values<{ webhook: { service?: object; path?: string; url?: string } }>(
        controller.spec.hooks,
      )) {
        const { service: _service, path, ...webhook } = hook.webhook;
        hook.webhook = { ...webhook, url: `${operatorUrl}${path}` };
      }
      return controller as CompositeController;
    }),
  );
}

/** CRDs that Metacontroller reads its registrations from, as open as a schema can be. */
export function metacontrollerCrds(): object[] {
  return [
    crd('CompositeController', 'compositecontrollers', 'Cluster'),
    crd('DecoratorController', 'decoratorcontrollers', 'Cluster'),
    crd('ControllerRevision', 'controllerrevisions', 'Namespaced'),
  ];
}

const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

function crd(kind: string, plural: string, scope: string): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.metacontroller.k8s.io`,
      annotations: { 'api-approved.kubernetes.io': 'unapproved, a stand-in for tests' },
    },
    spec: {
      group: 'metacontroller.k8s.io',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      scope,
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: { type: 'object', properties: { spec: anything, status: anything, data: anything } },
          },
        },
      ],
    },
  };
}
