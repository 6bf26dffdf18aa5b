import type { V1PolicyRule } from '@kubernetes/client-node';
import type { Controller } from './controller.ts';
import { groupOf } from './object.ts';
import { DEPLOYMENTS } from './own-deployment.ts';

/** Resources by API group, both in the order in which they were added. */
type Groups = Map<string, Set<string>>;

/** The rules that Metacontroller needs for some controllers, and nothing more. */
export function metacontrollerRules(controllers: readonly Controller[]): V1PolicyRule[] {
  const parents: Groups = new Map();
  const children: Groups = new Map();
  const related: Groups = new Map();
  for (const { group, plural } of controllers) add(parents, group, plural);
  for (const { apiVersion, resource } of controllers.flatMap((controller) => controller.children)) {
    add(children, groupOf(apiVersion), resource);
  }
  for (const { apiVersion, resource } of [...controllers.flatMap((controller) => controller.related), DEPLOYMENTS]) {
    const group = groupOf(apiVersion);
    if (!parents.get(group)?.has(resource) && !children.get(group)?.has(resource)) add(related, group, resource);
  }
  add(related, '', 'namespaces');
  return [
    ...rules(parents, ['get', 'list', 'watch']),
    ...rules(parents, ['update'], 'status'),
    // Where the admission plugin OwnerReferencesPermissionEnforcement is on, as in OpenShift.
    ...rules(parents, ['update'], 'finalizers'),
    ...rules(children, ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']),
    ...rules(related, ['list', 'watch']),
    {
      apiGroups: ['metacontroller.k8s.io'],
      resources: ['compositecontrollers', 'decoratorcontrollers', 'controllerrevisions'],
      verbs: ['list', 'watch'],
    },
    {
      apiGroups: ['apiextensions.k8s.io'],
      resources: ['customresourcedefinitions'],
      verbs: ['get', 'list', 'watch'],
    },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
  ];
}

function add(groups: Groups, group: string, resource: string): void {
  groups.set(group, (groups.get(group) ?? new Set()).add(resource));
}

function rules(groups: Groups, verbs: string[], subresource?: string): V1PolicyRule[] {
  return [...groups].map(([group, resources]) => ({
    apiGroups: [group],
    resources: [...resources].map((resource) => (subresource ? `${resource}/${subresource}` : resource)),
    verbs,
  }));
}
