import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import type { CompositeController, Webhook } from '../stand-in/composite-controller.ts';
import { goTool } from '../tools.ts';
import type { KubernetesObject } from './kubernetes.ts';

const run = promisify(execFile);

/**
 * The registrations of a kustomization, with the Service of the operator replaced by its address on this machine: nothing
 * else is changed.
 */
export async function registrations(operatorUrl: string, folder = 'metacontroller'): Promise<CompositeController[]> {
  const controllers = (await kustomize(folder)) as unknown as CompositeController[];
  for (const { spec } of controllers) {
    for (const hook of Object.values<{ webhook: Webhook }>(spec.hooks)) {
      const { service: _service, path, ...webhook } = hook.webhook;
      hook.webhook = { ...webhook, url: `${operatorUrl}${path}` };
    }
  }
  return controllers;
}

/** The objects of a kustomization. */
export async function kustomize(folder: string): Promise<KubernetesObject[]> {
  const { stdout } = await run(await goTool('kustomize'), ['build', folder]);
  return parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject);
}

/** The CRDs of Metacontroller for its registrations, with the most open schema. */
export function metacontrollerCrds(): object[] {
  const crd = (kind: string, scope: string) =>
    openCrd('metacontroller.k8s.io', 'v1alpha1', kind, `${kind.toLowerCase()}s`, scope);
  return [
    crd('CompositeController', 'Cluster'),
    crd('DecoratorController', 'Cluster'),
    crd('ControllerRevision', 'Namespaced'),
  ];
}

const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** A CRD with the most open schema, in place of one that is not in this repository. */
export function openCrd(group: string, version: string, kind: string, plural: string, scope = 'Namespaced'): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      annotations: { 'api-approved.kubernetes.io': 'unapproved, a stand-in for tests' },
    },
    spec: {
      group,
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      scope,
      versions: [
        {
          name: version,
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
