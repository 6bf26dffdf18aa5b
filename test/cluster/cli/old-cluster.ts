import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, type TestContext } from 'vitest';
import { type ClusterObject, type Connection, connect } from '../../../src/cli/cluster/connection.ts';
import { readManifests } from '../../../src/cli/migrate/manifests.ts';
import { decode } from '../../../src/kubernetes/secrets.ts';
import type { Strategy } from '../../stand-in/metacontroller.ts';
import { NAMESPACE } from '../../support/go-operator.ts';
import { leastPrivileged } from '../accounts.ts';
import { type ControlPlane, startControlPlane } from '../control-plane.ts';
import { startDriver } from '../driver.ts';
import { isReady } from '../expectations.ts';
import { type Gateway, startGateway } from '../gateway.ts';
import { type GoOperator, installGoOperator, type Setup } from '../go-operator.ts';
import { connect as connectAs, type KubernetesObject } from '../kubernetes.ts';
import { metacontrollerBinary, startMetacontroller } from '../metacontroller.ts';
import { startOperator } from '../operator.ts';
import { until } from '../processes.ts';
import { kustomize, metacontrollerCrds, registrations } from '../registration.ts';
import { metacontroller } from './installation.ts';

/** A cluster with the Go operator in it, and what a migration of it needs. */
export interface OldCluster {
  controlPlane: ControlPlane;
  gateway: Gateway;
  connection: Connection;
  /** A file that installs this operator, and its objects. */
  file: string;
  manifests: ClusterObject[];
  /** The log of Metacontroller, or of its test double. */
  log: string;
  goOperator: GoOperator;
}

/** How such a cluster is made. */
export interface OldClusterSetup extends Omit<Setup, 'install'> {
  strategy?: Strategy;
  install?: (controlPlane: ControlPlane) => Promise<unknown>;
}

/**
 * Starts a cluster with the Go operator, which ends with the test. Metacontroller runs in it, and the service of this operator,
 * which nothing names yet.
 */
export async function oldCluster(
  { task }: TestContext,
  { strategy = 'server-side-apply', install, ...setup }: OldClusterSetup,
): Promise<OldCluster> {
  const undo: (() => Promise<unknown>)[] = [];
  onTestFinished(async () => {
    for (const step of undo.reverse()) await step();
  });
  const controlPlane = await startControlPlane(() => {});
  undo.push(() => controlPlane.stop(task.result?.state === 'fail'));
  const { kubernetes, kubeconfig, directory } = controlPlane;
  for (const crd of metacontrollerCrds()) await kubernetes.apply(crd);
  const operator = await startOperator(directory);
  undo.push(() => operator.process.stop());
  const gateway = await startGateway(() => operator.url);
  undo.push(() => gateway.close());
  const binary = metacontrollerBinary();
  const account = await leastPrivileged(controlPlane);
  const driver = binary
    ? await startMetacontroller(binary, controlPlane, strategy, account)
    : startDriver({ kubernetes: connectAs(account), directory }, strategy);
  undo.push(() => driver.stop());
  await kubernetes.apply(metacontroller('StatefulSet', 'metacontroller', strategy));
  const goOperator = await installGoOperator(controlPlane, {
    ...setup,
    ...(install && { install: () => install(controlPlane) }),
  });
  undo.push(() => goOperator.stop());

  const file = join(directory, 'install.json');
  const objects = [
    ...(await kustomize('manifests')),
    ...(await registrations(gateway.url)),
    ...(await kustomize('manifests/samples')),
  ];
  await writeFile(file, objects.map((object) => JSON.stringify(object)).join('\n---\n'));
  const log = join(directory, binary ? `metacontroller-${strategy}.log` : 'test-double.log');
  const manifests = await readManifests([file]);
  return { controlPlane, gateway, connection: connect({ kubeconfig }), file, manifests, log, goOperator };
}

const KINDS: [apiVersion: string, kind: string][] = [
  ['meshery.io/v1alpha2', 'Broker'],
  ['meshery.io/v1alpha2', 'MeshSync'],
  ['v1', 'Secret'],
  ['v1', 'ConfigMap'],
  ['v1', 'Service'],
  ['apps/v1', 'StatefulSet'],
  ['apps/v1', 'Deployment'],
  ['v1', 'ServiceAccount'],
  ['coordination.k8s.io/v1', 'Lease'],
  ['rbac.authorization.k8s.io/v1', 'Role'],
  ['rbac.authorization.k8s.io/v1', 'RoleBinding'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRole'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'],
  ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
  ['policy/v1', 'PodDisruptionBudget'],
  ['networking.k8s.io/v1', 'NetworkPolicy'],
  ['metacontroller.k8s.io/v1alpha1', 'CompositeController'],
];

/** All objects that a migration could change, as `Kind/name`: those of the cluster, and those of a namespace. */
export async function allObjects(
  { kubernetes }: ControlPlane,
  namespace = NAMESPACE,
): Promise<Map<string, KubernetesObject>> {
  const found = await Promise.all(
    KINDS.map(async ([apiVersion, kind]) => {
      // Its storage begins anew after a CRD was changed.
      const objects = await until(`to list ${kind}`, () => kubernetes.list(apiVersion, kind), 30);
      return objects
        .filter(({ metadata }) => metadata.namespace === undefined || metadata.namespace === namespace)
        .map((object) => [`${kind}/${object.metadata.name}`, { ...object, kind }] as const);
    }),
  );
  return new Map(found.flat());
}

/** Installed beside the operator, and kept by a rollback. */
const KEPT_BY_ROLLBACK = /^ClusterRole(Binding)?\/(meshery-meshsync|metacontroller)$/;

/**
 * What must be the same after a rollback: all of every object but what counts changes, the addresses and the uids of what is
 * made anew, and the statuses of workloads.
 */
export async function state(controlPlane: ControlPlane): Promise<Record<string, unknown>> {
  const objects = await allObjects(controlPlane);
  return Object.fromEntries(
    [...objects]
      .filter(([name]) => !KEPT_BY_ROLLBACK.test(name) && !/^Lease\//.test(name))
      .map(([name, { metadata, status, ...rest }]) => {
        const { labels, annotations = {}, ownerReferences, finalizers, managedFields = [], uid } = metadata;
        const { 'deployment.kubernetes.io/revision': _revision, ...own } = annotations;
        const isMadeAnew = /^(Deployment|Service|Secret)\/(meshery-operator|sh\.helm)/.test(name);
        const isResource = /^(Broker|MeshSync)\//.test(name);
        const entries = managedFields as { manager: string; time?: string; subresource?: string; fieldsV1: object }[];
        const managers = entries
          .filter(({ subresource }) => !subresource)
          .map(({ time: _time, ...entry }) => entry)
          .sort((left, right) => (left.manager < right.manager ? -1 : 1));
        const { clusterIP, clusterIPs: _addresses, ...spec } = rest.spec ?? {};
        return [
          name,
          {
            ...{ ...rest, spec, labels, annotations: own, ownerReferences, finalizers },
            ...(!isMadeAnew && { uid, clusterIP }),
            ...(isResource && { status: steady(status) }),
            ...(!isMadeAnew && !isResource && { managers }),
          },
        ];
      }),
  );
}

/** A status without the times of its conditions: the real Go operator writes it again when it starts. */
function steady(status: KubernetesObject['status']): object {
  const conditions = status?.conditions?.map(({ lastTransitionTime: _time, ...condition }) => condition);
  return { ...status, conditions };
}

const KEPT = [
  ...['Broker/meshery-broker', 'MeshSync/meshery-meshsync'],
  ...['Secret/meshery-nats-auth', 'ConfigMap/meshery-nats-config', 'StatefulSet/meshery-nats'],
  ...['Service/meshery-nats', 'Service/meshery-nats-headless', 'Deployment/meshery-meshsync'],
  ...['CustomResourceDefinition/brokers.meshery.io', 'CustomResourceDefinition/meshsyncs.meshery.io'],
];

/** What must never change: the objects themselves, the token and the addresses. */
export async function identity(controlPlane: ControlPlane, namespace = NAMESPACE) {
  const objects = await allObjects(controlPlane, namespace);
  const token = decode(objects.get('Secret/meshery-nats-auth')?.data?.token);
  expect(token).not.toBe('');
  const services = ['Service/meshery-nats', 'Service/meshery-nats-headless'];
  return {
    uids: Object.fromEntries(KEPT.map((name) => [name, objects.get(name)?.metadata.uid])),
    token,
    addresses: services.map((name) => objects.get(name)?.spec.clusterIP),
  };
}

/** How many templates of pods there have been: one more for each time that the pods were replaced. */
export async function templates(
  { kubernetes }: ControlPlane,
  namespace = NAMESPACE,
): Promise<{ nats: number; meshSync: number }> {
  const countOf = async (kind: string, owner: string) =>
    (await kubernetes.list('apps/v1', kind, namespace)).filter(({ metadata }) =>
      metadata.ownerReferences?.some(({ name }) => name === owner),
    ).length;
  return {
    nats: await countOf('ControllerRevision', 'meshery-nats'),
    meshSync: await countOf('ReplicaSet', 'meshery-meshsync'),
  };
}

/** What the API server has refused of what Metacontroller applied. */
export async function refusals(log: string): Promise<string[]> {
  const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n');
  return lines.filter((line) => /is invalid|Invalid value|\b422\b|Failed to apply/i.test(line));
}

const LEFT = /migration|leader|meshery-operator-role|webhook|serving-cert/;

/**
 * Expects that all of a namespace is this operator's, and that nothing of the Go operator is left.
 * @param isReinstalled whether Helm has a release of this operator, which has the name of that of the Go operator
 */
export async function isMigrated(
  controlPlane: ControlPlane,
  namespace = NAMESPACE,
  isReinstalled = false,
): Promise<void> {
  const { kubernetes } = controlPlane;
  await isReady(kubernetes, { kind: 'Broker', metadata: { name: 'meshery-broker', namespace } });
  await isReady(kubernetes, { kind: 'MeshSync', metadata: { name: 'meshery-meshsync', namespace } });
  const objects = await allObjects(controlPlane, namespace);
  const left = (name: string) =>
    LEFT.test(name) ||
    (!isReinstalled && name.startsWith('Secret/sh.helm')) ||
    (namespace === NAMESPACE && name === 'ServiceAccount/meshery-operator');
  expect([...objects.keys()].filter(left)).toEqual([]);
  for (const name of KEPT) {
    const { labels, finalizers, annotations, managedFields = [] } = objects.get(name)?.metadata ?? {};
    const managers = (managedFields as { manager: string; subresource?: string }[])
      .filter(({ manager, subresource }) => !subresource && manager !== 'meshery-server')
      .map(({ manager }) => manager);
    expect(finalizers ?? [], name).toEqual([]);
    expect(annotations ?? {}, name).not.toHaveProperty(['cert-manager.io/inject-ca-from']);
    if (/^(Broker|MeshSync)\//.test(name)) continue;
    expect(labels ?? {}, name).not.toHaveProperty(['helm.sh/chart']);
    // Helm 4 applies the CRDs of the chart as well.
    const others = isReinstalled && name.startsWith('Custom') ? ['helm'] : [];
    expect(
      managers.filter((manager) => !others.includes(manager)),
      name,
    ).toEqual([name.startsWith('Custom') ? 'kubectl' : 'metacontroller']);
  }
  const nats = objects.get('StatefulSet/meshery-nats')?.spec.template.spec;
  expect(nats.volumes.find(({ name }: { name: string }) => name === 'config')).not.toHaveProperty('configMap');
  for (const plural of ['brokers', 'meshsyncs']) {
    const { conversion, versions } = objects.get(`CustomResourceDefinition/${plural}.meshery.io`)?.spec ?? {};
    expect(conversion).toEqual({ strategy: 'None' });
    const { spec } = versions[1].schema.openAPIV3Schema.properties;
    expect(spec).not.toHaveProperty('x-kubernetes-preserve-unknown-fields');
  }
}
