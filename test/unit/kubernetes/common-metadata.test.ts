import { describe, expect, it } from 'vitest';
import { controllers } from '../../../src/controllers.ts';
import { at, type JsonObject, type KubeObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { condition } from '../../support/invariants.ts';
import {
  brokerParent,
  clusterWith,
  hookOf,
  meshSyncParent,
  type ParentObject,
  STRATEGIES,
  settle,
} from '../../support/scenarios.ts';

const FAR = { broker: { native: { name: 'meshery-broker', namespace: 'meshery' } } };
const broker = (spec: JsonObject = {}) =>
  brokerParent({ size: 2, networkPolicy: { enabled: true }, jetstream: { fileStore: { size: '1Gi' } }, ...spec });
const meshSync = (spec: JsonObject = {}) => meshSyncParent({ ...FAR, ...spec }, 'meshery-meshsync', 'elsewhere');

const hook = (commonMetadata = {}) =>
  hookOf(
    testApp({
      context: { now: () => new Date('2026-02-03T04:05:06Z'), generateToken: () => 'a-t0ken', commonMetadata },
    }),
  );

/** Selectors, the volume claim templates, and the spec of everything that is no workload. */
function fixedFields({ kind, spec }: KubeObject) {
  const isWorkload = kind === 'StatefulSet' || kind === 'Deployment';
  return isWorkload ? [at(spec, 'selector'), at(spec, 'volumeClaimTemplates'), at(spec, 'serviceName')] : spec;
}

describe.each(STRATEGIES)('under %s, commonMetadata', (how) => {
  const childrenOf = async (parents: ParentObject[], environment?: object) => {
    const outcomes = await settle(clusterWith(...parents), parents, hook(environment), how);
    return outcomes.flatMap(({ children }) => children);
  };

  it('is on every child and every pod, and in no selector, claim or spec of another child', async () => {
    const common = { commonMetadata: { labels: { team: 'payments' }, annotations: { 'example.com/note': 'x' } } };
    const plain = await childrenOf([broker(), meshSync()]);
    const children = await childrenOf([broker(common), meshSync(common)]);
    expect(children.map(({ kind }) => kind)).toEqual(plain.map(({ kind }) => kind));
    expect(new Set(children.map(({ kind }) => kind)).size).toBe(8);
    for (const [index, child] of children.entries()) {
      const places = [child.metadata, at(child, 'spec', 'template', 'metadata')].filter(Boolean);
      for (const place of places) expect(place).toMatchObject(common.commonMetadata);
      expect(fixedFields(child)).toEqual(fixedFields(plain[index] as KubeObject));
    }
  });

  it('comes from the environment too; the spec wins for each key, and podTemplate for the pods', async () => {
    const environment = { labels: { team: 'all', tier: 'all', cost: 'all' } };
    const commonMetadata = { labels: { team: 'spec', tier: 'spec' } };
    const podTemplate = { metadata: { labels: { team: 'pods' } } };
    const children = await childrenOf([broker({ commonMetadata, podTemplate })], environment);
    for (const child of children)
      expect(child.metadata.labels).toMatchObject({ team: 'spec', tier: 'spec', cost: 'all' });
    const workload = children.find(({ kind }) => kind === 'StatefulSet');
    expect(at(workload, 'spec', 'template', 'metadata', 'labels')).toMatchObject({
      team: 'pods',
      tier: 'spec',
      cost: 'all',
    });
  });

  it('rolls the pods once when it is added, and again when it is removed; all labels are removed then', async () => {
    const parent = broker();
    const cluster = clusterWith(parent);
    const generation = () => cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats')?.metadata.generation;
    const changed = async (spec: JsonObject) => {
      cluster.edit(parent, 'kubectl', (object) => {
        object.spec = spec;
      });
      await settle(cluster, [parent], hook(), how);
    };
    await settle(cluster, [parent], hook(), how);
    const before = Number(generation());
    await changed({ ...(at(parent, 'spec') as JsonObject), commonMetadata: { labels: { team: 'payments' } } });
    expect(generation()).toBe(before + 1);
    await changed(at(parent, 'spec') as JsonObject);
    expect(generation()).toBe(before + 2);
    expect(JSON.stringify(cluster.get('ConfigMap.v1', 'meshery', 'meshery-nats-config'))).not.toContain('team');
  });
});

describe('commonMetadata is refused', () => {
  it.each([
    ['labels', 'app.kubernetes.io/name'],
    ['labels', 'controller-uid'],
    ['labels', 'pod-template-hash'],
    ['annotations', 'meshery.io/revision'],
    ['annotations', 'metacontroller.k8s.io/last-applied-configuration'],
    ['annotations', 'deployment.kubernetes.io/revision'],
  ])('for a key of %s that the operator or Kubernetes sets: %s', async (field, key) => {
    for (const parent of [broker, meshSync].map((make) => make({ commonMetadata: { [field]: { [key]: 'x' } } }))) {
      const path = `/${controllers.find(({ kind }) => kind === parent.kind)?.name}/sync`;
      const { status, children } = await hook()(path, { parent, children: {} });
      expect(children).toEqual([]);
      expect(condition(status, 'SpecApplied')).toMatchObject({
        reason: 'InvalidSpec',
        message: `spec.commonMetadata.${field}[${JSON.stringify(key)}] is set by the operator. Existing children are left unchanged until this is corrected.`,
      });
    }
  });
});
