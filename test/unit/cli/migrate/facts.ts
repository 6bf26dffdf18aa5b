import type { ClusterObject } from '../../../../src/cli/cluster/connection.ts';
import type { Facts } from '../../../../src/cli/migrate/facts.ts';
import { childrenOf, isOperator, type Workload } from '../../../../src/cli/migrate/go-operator.ts';
import { installed, NAMESPACE, recorded, recordedChildren } from '../../../support/go-operator.ts';

/** The Deployment of the Go operator. */
export function goOperator(by: 'chart' | 'kustomize' = 'kustomize'): Workload {
  const found = installed(by).find(isOperator);
  if (!found) throw new Error('the Go operator has a Deployment');
  return found;
}

/** What is found where the Go operator runs, as recorded, with one Broker and one MeshSync. */
export function oldFacts(changed: Partial<Facts> = {}): Facts {
  const resources = [...recorded('brokers.meshery.io'), ...recorded('meshsyncs.meshery.io')];
  const objects = recordedChildren();
  const children = resources.flatMap((owner) =>
    childrenOf(owner).flatMap(({ kind, name }) => {
      const object = objects.find((each) => each.kind === kind.kind && each.metadata.name === name);
      return object ? [{ kind, object, owner }] : [];
    }),
  );
  const nothing: ClusterObject[] = [];
  return {
    ...{ context: 'test', namespace: NAMESPACE, crds: nothing, goOperators: [goOperator()], operators: [] },
    ...{ pods: nothing, named: nothing, revisions: [], resources, children, ownChildren: nothing },
    ...{ registrations: nothing, belongings: nothing, backups: [], manifests: nothing },
    ...changed,
  };
}

/** A copy of an object with other metadata. */
export function withMetadata(object: ClusterObject, metadata: Partial<ClusterObject['metadata']>): ClusterObject {
  return { ...object, metadata: { ...object.metadata, ...metadata } };
}
