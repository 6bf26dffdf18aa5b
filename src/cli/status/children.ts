import { natsBoxName } from '../../broker/children/nats-box.ts';
import { hasDisruptionBudget } from '../../broker/children/pod-disruption-budget.ts';
import { hasExternalService, serverServiceNames } from '../../broker/children/services.ts';
import { brokerNames } from '../../broker/contract.ts';
import { resolveBroker } from '../../broker/spec.ts';
import { kinds } from '../../kubernetes/kinds.ts';
import { resolveMeshSync } from '../../meshsync/spec.ts';
import type { Resource } from '../cluster/objects.ts';
import type { Snapshot } from './gather.ts';
import type { ChildStatus } from './model.ts';

type Named = Pick<ChildStatus, 'kind' | 'name'>;

/** The children that a resource has, and those that it should have and that are missing. */
export function childrenOf(
  resource: Resource,
  owned: Snapshot['children'],
  { services, unlisted }: Pick<Snapshot, 'services' | 'unlisted'>,
): ChildStatus[] {
  const present = owned.map(({ kind, metadata }): ChildStatus => {
    return { kind, name: metadata.name, state: metadata.deletionTimestamp ? 'deleting' : 'present' };
  });
  const isPresent = ({ kind, name }: Named) => present.some((each) => each.kind === kind && each.name === name);
  const absent = expected(resource, services)
    .filter((child) => !isPresent(child))
    .map((child): ChildStatus => ({ ...child, state: unlisted.includes(child.kind) ? 'unknown' : 'missing' }));
  const place = ({ kind, name }: Named) => `${kind} ${name}`;
  return [...present, ...absent].sort((left, right) => (place(left) < place(right) ? -1 : 1));
}

/** The children that the spec asks for in any case; none where it is refused. */
function expected(resource: Resource, services: Snapshot['services']): Named[] {
  return resource.kind === 'Broker' ? childrenOfBroker(resource, services) : childrenOfMeshSync(resource);
}

function childrenOfBroker(resource: Resource, services: Snapshot['services']): Named[] {
  const broker = resolveBroker(resource);
  if ('path' in broker) return [];
  const { namespace, name } = resource.metadata;
  const names = brokerNames(name);
  const client = services.find(({ metadata }) => metadata.namespace === namespace && metadata.name === names.nats);
  const type = client?.spec.type;
  const observed = client && {
    ...{ apiVersion: kinds.service.apiVersion, kind: kinds.service.kind, metadata: { name: names.nats, namespace } },
    spec: type ? { type } : {},
  };
  return [
    { kind: kinds.secret.kind, name: names.auth },
    { kind: kinds.secret.kind, name: names.server },
    { kind: kinds.configMap.kind, name: names.config },
    { kind: kinds.service.kind, name: names.headless },
    { kind: kinds.service.kind, name: names.nats },
    ...(hasExternalService(broker, observed) ? [{ kind: kinds.service.kind, name: names.external }] : []),
    { kind: kinds.statefulSet.kind, name: names.nats },
    ...serverServiceNames(broker).map((name) => ({ kind: kinds.service.kind, name })),
    ...(hasDisruptionBudget(broker) ? [{ kind: kinds.podDisruptionBudget.kind, name: names.nats }] : []),
    ...(broker.natsBox ? [{ kind: kinds.deployment.kind, name: natsBoxName(broker) }] : []),
    ...(broker.networkPolicy ? [{ kind: kinds.networkPolicy.kind, name: names.nats }] : []),
  ];
}

function childrenOfMeshSync(resource: Resource): Named[] {
  const meshSync = resolveMeshSync(resource);
  if ('path' in meshSync) return [];
  const { names, serviceAccountName = names.meshsync, broker } = meshSync;
  const hasSecret = broker.type === 'custom' && broker.url.hasCredentials;
  return [
    { kind: kinds.deployment.kind, name: names.meshsync },
    ...(serviceAccountName === names.meshsync ? [{ kind: kinds.serviceAccount.kind, name: names.meshsync }] : []),
    ...(hasSecret ? [{ kind: kinds.secret.kind, name: names.brokerAuth }] : []),
  ];
}
