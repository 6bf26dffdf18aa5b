/** What the stand-in reads of a CustomResourceDefinition. */
export interface Definition {
  spec: { group: string; names: { plural: string; kind: string }; versions: { name: string }[] };
}

/** Finds the kind of a resource where there is no API server to ask. */
export type KindOf = (apiVersion: string, resource: string) => string;

/** The resources of Kubernetes that are known without an API server. */
const KUBERNETES = new Map([
  ['v1 configmaps', 'ConfigMap'],
  ['v1 pods', 'Pod'],
  ['v1 secrets', 'Secret'],
  ['v1 serviceaccounts', 'ServiceAccount'],
  ['v1 services', 'Service'],
  ['apps/v1 deployments', 'Deployment'],
  ['apps/v1 statefulsets', 'StatefulSet'],
  ['networking.k8s.io/v1 networkpolicies', 'NetworkPolicy'],
  ['policy/v1 poddisruptionbudgets', 'PodDisruptionBudget'],
]);

/** Kubernetes' own kinds and those of CustomResourceDefinitions. */
export function kindsOf(definitions: Definition[]): KindOf {
  const custom = new Map(
    definitions.flatMap(({ spec: { group, names, versions } }) =>
      versions.map(({ name }) => [`${group}/${name} ${names.plural}`, names.kind]),
    ),
  );
  return (apiVersion, resource) => {
    const key = `${apiVersion} ${resource}`;
    const kind = KUBERNETES.get(key) ?? custom.get(key);
    if (!kind) throw new Error(`nobody knows ${resource} of ${apiVersion}`);
    return kind;
  };
}
