import { isObject, type Json, type JsonObject, type KubeObject } from './json.ts';

/** Fields where the API server keeps an empty object instead of dropping it. */
const KEPT_EMPTY = new Set([
  ...['emptyDir', 'securityContext', 'resources', 'loadBalancer', 'status'],
  ...['podSelector', 'namespaceSelector', 'labelSelector', 'nodeAffinity', 'preference'],
]);

/** An object as the API server stores it: without what is empty, in canonical form, with its defaults. */
export function admitted(object: KubeObject): KubeObject {
  if (isCustom(object)) return object;
  const result = compact(object) as KubeObject;
  if (object.kind === 'Secret') result.type ??= 'Opaque';
  if (object.kind === 'Service') defaultService(fields(result, 'spec'));
  if (object.kind === 'StatefulSet') defaultStatefulSet(fields(result, 'spec'));
  if (object.kind === 'Deployment') defaultDeployment(fields(result, 'spec'));
  return result;
}

/** Whether it is an object of a CRD, whose group is a domain that is not one of Kubernetes. */
export function isCustom({ apiVersion }: KubeObject): boolean {
  const [group = '', version] = apiVersion.split('/');
  return version !== undefined && group.includes('.') && !group.endsWith('.k8s.io');
}

function compact(value: Json | undefined, key = ''): Json | undefined {
  if (Array.isArray(value)) return value.map((item) => compact(item) as Json);
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [name, field] of Object.entries(value)) {
    const inside = name === 'fieldsV1' ? field : compact(field, name);
    if (inside === undefined || inside === null) continue;
    if (Array.isArray(inside) && inside.length === 0) continue;
    if (isObject(inside) && Object.keys(inside).length === 0 && !KEPT_EMPTY.has(name)) continue;
    result[name] = inside;
  }
  if (key === 'limits' || key === 'requests') {
    for (const [name, quantity] of Object.entries(result)) result[name] = canonicalQuantity(String(quantity));
  }
  return result;
}

/** A quantity in the canonical form of the API server. */
export function canonicalQuantity(quantity: string): string {
  const [, digits = '0', suffix = ''] = /^([0-9.]+)(m|k|M|G|Ki|Mi|Gi)?$/.exec(quantity) ?? [];
  const scales: Record<string, number> = { m: 1e-3, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };
  const value = Number(digits) * (scales[suffix] ?? 1);
  if (value === 0) return '0';
  const units = suffix.endsWith('i') ? ['Gi', 'Mi', 'Ki'] : ['G', 'M', 'k', '', 'm'];
  const unit = units.find((name) => Number.isInteger(value / (scales[name] ?? 1))) ?? suffix;
  return `${value / (scales[unit] ?? 1)}${unit}`;
}

function defaultService(spec: JsonObject): void {
  spec.type ??= 'ClusterIP';
  spec.sessionAffinity ??= 'None';
  if (spec.sessionAffinity === 'ClientIP') spec.sessionAffinityConfig ??= { clientIP: { timeoutSeconds: 10_800 } };
  spec.internalTrafficPolicy ??= 'Cluster';
  spec.ipFamilyPolicy ??= 'SingleStack';
  spec.ipFamilies ??= ['IPv4'];
  // The test double of a cluster has both IP families.
  if (spec.ipFamilyPolicy !== 'SingleStack')
    spec.ipFamilies = [...new Set([...(spec.ipFamilies as string[]), 'IPv4', 'IPv6'])];
  else spec.ipFamilies = (spec.ipFamilies as string[]).slice(0, 1);
  if (spec.type !== 'ClusterIP') spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  for (const port of list(spec, 'ports')) {
    port.protocol ??= 'TCP';
    port.targetPort ??= port.port;
  }
}

function defaultStatefulSet(spec: JsonObject): void {
  spec.podManagementPolicy ??= 'OrderedReady';
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  spec.persistentVolumeClaimRetentionPolicy ??= { whenDeleted: 'Retain', whenScaled: 'Retain' };
  spec.updateStrategy ??= { rollingUpdate: { maxUnavailable: 1, partition: 0 }, type: 'RollingUpdate' };
  for (const claim of list(spec, 'volumeClaimTemplates')) {
    claim.apiVersion ??= 'v1';
    claim.kind ??= 'PersistentVolumeClaim';
    fields(claim, 'spec').volumeMode ??= 'Filesystem';
    claim.status ??= { phase: 'Pending' };
  }
  defaultPod(fields(fields(spec, 'template'), 'spec'));
}

function defaultDeployment(spec: JsonObject): void {
  spec.replicas ??= 1;
  spec.progressDeadlineSeconds ??= 600;
  spec.revisionHistoryLimit ??= 10;
  spec.strategy ??= { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' }, type: 'RollingUpdate' };
  defaultPod(fields(fields(spec, 'template'), 'spec'));
}

function defaultPod(spec: JsonObject): void {
  if (spec.hostNetwork === false) delete spec.hostNetwork;
  spec.dnsPolicy ??= 'ClusterFirst';
  spec.restartPolicy ??= 'Always';
  spec.schedulerName ??= 'default-scheduler';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  // An absent name is taken from the deprecated field, which is never removed with it.
  spec.serviceAccountName ??= spec.serviceAccount ?? '';
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else delete spec.serviceAccountName;
  for (const container of [...list(spec, 'containers'), ...list(spec, 'initContainers')]) defaultContainer(container);
  for (const volume of list(spec, 'volumes')) {
    for (const source of ['projected', 'secret', 'configMap']) {
      const volumeSource = volume[source];
      if (isObject(volumeSource)) volumeSource.defaultMode ??= 420;
    }
    for (const source of isObject(volume.projected) ? list(volume.projected, 'sources') : []) {
      if (isObject(source.serviceAccountToken)) source.serviceAccountToken.expirationSeconds ??= 3600;
    }
    if (isObject(volume.hostPath)) volume.hostPath.type ??= '';
  }
}

function defaultContainer(container: JsonObject): void {
  container.imagePullPolicy ??= String(container.image).endsWith(':latest') ? 'Always' : 'IfNotPresent';
  container.resources ??= {};
  container.terminationMessagePath ??= '/dev/termination-log';
  container.terminationMessagePolicy ??= 'File';
  for (const port of list(container, 'ports')) port.protocol ??= 'TCP';
  for (const variable of list(container, 'env')) {
    const from = variable.valueFrom;
    if (isObject(from) && isObject(from.fieldRef)) from.fieldRef.apiVersion ??= 'v1';
    if (isObject(from) && isObject(from.resourceFieldRef)) from.resourceFieldRef.divisor ??= '0';
  }
  for (const mount of list(container, 'volumeMounts')) if (mount.readOnly === false) delete mount.readOnly;
  for (const name of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
    const probe = container[name];
    if (!isObject(probe)) continue;
    if (probe.initialDelaySeconds === 0) delete probe.initialDelaySeconds;
    probe.failureThreshold ??= 3;
    probe.periodSeconds ??= 10;
    probe.successThreshold ??= 1;
    probe.timeoutSeconds ??= 1;
    if (isObject(probe.httpGet)) probe.httpGet.scheme ??= 'HTTP';
  }
}

function fields(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  if (isObject(value)) return value;
  const made: JsonObject = {};
  object[key] = made;
  return made;
}

function list(object: JsonObject, key: string): JsonObject[] {
  const value = object[key];
  return Array.isArray(value) ? value.filter(isObject) : [];
}
