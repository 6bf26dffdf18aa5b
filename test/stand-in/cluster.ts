import { oneOfs } from '../../src/metacontroller/one-of.ts';
import { admitted, isCustom } from './defaults.ts';
import { at, clone, equal, groupKey, isObject, type Json, type KubeObject, walk } from './json.ts';
import { serverSideApply, trackUpdate } from './server-side-apply.ts';
import { apiError } from './transport.ts';

/** Whether objects of a kind have a generation. */
const countsGenerations = (object: KubeObject) =>
  isCustom(object) || object.kind === 'StatefulSet' || object.kind === 'Deployment';

/** A test double of an API server: it stores objects, defaults them, and rejects changes of immutable fields. */
export class Cluster {
  readonly #objects = new Map<string, KubeObject>();
  #counter = 0;

  get(group: string, namespace: string, name: string): KubeObject | undefined {
    const object = this.#objects.get(`${group} ${namespace}/${name}`);
    return object && read(object);
  }

  /** The objects of a kind, in all namespaces unless one is given. */
  all(group: string, namespace?: string): KubeObject[] {
    const prefix = namespace ? `${group} ${namespace}/` : `${group} `;
    return [...this.#objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => read(object));
  }

  /** All objects, to compare with a later state. */
  snapshot(): KubeObject[] {
    return [...this.#objects.values()].map(clone);
  }

  create(object: KubeObject, manager: string): KubeObject {
    if (this.#objects.has(keyOf(object))) throw apiError(409, `${keyOf(object)} already exists`);
    const next = admitted(allocated(clone(object), undefined, this.#next()));
    rejectContradictions(next);
    return this.#store(trackUpdate(undefined, this.#born(next), manager));
  }

  /** A PUT: replaces the object, except for system metadata. */
  update(object: KubeObject, manager: string): KubeObject {
    const old = this.#existing(object);
    const next = admitted(allocated(clone(object), old, this.#next()));
    rejectImmutable(old, next);
    rejectContradictions(next);
    return this.#replace(old, trackUpdate(old, next, manager));
  }

  /** Changes an object in place, as `kubectl edit` does. */
  edit(object: KubeObject, manager: string, change: (object: KubeObject) => void): void {
    const copy = this.#existing(object);
    change(copy);
    this.update(copy, manager);
  }

  /** Server-side apply, forced. */
  apply(desired: KubeObject, manager: string): KubeObject {
    const old = this.#objects.get(keyOf(desired));
    const merged = serverSideApply(old ? clone(old) : clone({ ...desired, metadata: bare(desired) }), desired, manager);
    const next = admitted(allocated(merged, old, this.#next()));
    rejectContradictions(next);
    if (!old) return this.#store(this.#born(next));
    rejectImmutable(old, next);
    return this.#replace(old, next);
  }

  setStatus(object: KubeObject, status: Json | undefined): void {
    const { status: _old, ...rest } = this.#existing(object);
    this.#store({ ...rest, ...(status && { status }), metadata: this.#versioned(rest.metadata) } as KubeObject);
  }

  delete(object: KubeObject): void {
    this.#objects.delete(keyOf(object));
  }

  /** Stores an object unchanged. */
  restore(object: KubeObject): void {
    this.#store(clone(object));
  }

  #existing(object: KubeObject): KubeObject {
    const old = this.#objects.get(keyOf(object));
    if (!old) throw apiError(404, `${keyOf(object)} not found`);
    return clone(old);
  }

  #replace(old: KubeObject, next: KubeObject): KubeObject {
    for (const field of ['uid', 'resourceVersion', 'generation', 'creationTimestamp']) {
      const value = old.metadata[field];
      if (value === undefined) delete next.metadata[field];
      else next.metadata[field] = value;
    }
    if (equal(old, next)) return clone(old);
    const specChanged = countsGenerations(next) && !equal(old.spec, next.spec);
    const metadata = this.#versioned(next.metadata);
    if (specChanged) metadata.generation = (old.metadata.generation ?? 0) + 1;
    return this.#store({ ...next, metadata });
  }

  #born(object: KubeObject): KubeObject {
    const metadata = {
      ...object.metadata,
      uid: object.metadata.uid ?? `uid-${this.#next()}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(countsGenerations(object) && { generation: 1 }),
    };
    return { ...object, metadata: this.#versioned(metadata) };
  }

  #versioned<Meta extends KubeObject['metadata']>(metadata: Meta): Meta {
    return { ...metadata, resourceVersion: String(this.#next()) };
  }

  #store(object: KubeObject): KubeObject {
    this.#objects.set(keyOf(object), clone(object));
    return object;
  }

  #next(): number {
    return ++this.#counter;
  }
}

/** An object as the API server returns it: the status of a custom resource has a default, which is not stored. */
function read(object: KubeObject): KubeObject {
  return clone(isCustom(object) ? { status: { observedGeneration: -1 }, ...object } : object);
}

function keyOf(object: KubeObject): string {
  return `${groupKey(object)} ${object.metadata.namespace}/${object.metadata.name}`;
}

function bare({ metadata: { name, namespace } }: KubeObject) {
  return { name, namespace };
}

/** The fields of a Service that the cluster sets, and removes when its type does not need them any more. */
function allocated(object: KubeObject, old: KubeObject | undefined, number: number): KubeObject {
  if (object.kind !== 'Service' || !isObject(object.spec)) return object;
  const { spec } = object;
  spec.clusterIP ??= at(old, 'spec', 'clusterIP') ?? `10.0.${Math.floor(number / 250) % 250}.${1 + (number % 250)}`;
  spec.clusterIPs ??= [spec.clusterIP];
  const type = spec.type ?? 'ClusterIP';
  if (type === 'ClusterIP') {
    delete spec.externalTrafficPolicy;
    delete spec.allocateLoadBalancerNodePorts;
  }
  if (type !== 'LoadBalancer') {
    delete spec.allocateLoadBalancerNodePorts;
    if (equal(spec.loadBalancerClass, at(old, 'spec', 'loadBalancerClass'))) delete spec.loadBalancerClass;
    if (isObject(object.status)) object.status.loadBalancer = {};
  }
  if (type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local') {
    spec.healthCheckNodePort ??= at(old, 'spec', 'healthCheckNodePort') ?? 32_000 + (number % 700);
  } else delete spec.healthCheckNodePort;
  if (!Array.isArray(spec.ports)) return object;
  for (const [index, port] of spec.ports.filter(isObject).entries()) {
    if (type === 'ClusterIP') delete port.nodePort;
    else port.nodePort ??= at(old, 'spec', 'ports', index, 'nodePort') ?? 30_000 + ((number * 7 + index) % 2_000);
  }
  object.status ??= { loadBalancer: {} };
  return object;
}

const IMMUTABLE: Record<string, string[]> = {
  StatefulSet: ['selector', 'serviceName', 'podManagementPolicy', 'volumeClaimTemplates'],
  Deployment: ['selector'],
  Service: ['clusterIP'],
};

function rejectImmutable(old: KubeObject, next: KubeObject): void {
  for (const field of IMMUTABLE[next.kind] ?? []) {
    if (!equal(at(old, 'spec', field), at(next, 'spec', field))) throw apiError(422, `${next.kind} spec.${field}`);
  }
  const bothLoadBalancers = [old, next].every((service) => at(service, 'spec', 'type') === 'LoadBalancer');
  if (bothLoadBalancers && !equal(at(old, 'spec', 'loadBalancerClass'), at(next, 'spec', 'loadBalancerClass'))) {
    throw apiError(422, 'Service spec.loadBalancerClass');
  }
  const healthChecks = [old, next].map((service) => at(service, 'spec', 'healthCheckNodePort') ?? 0);
  if (healthChecks.every(Boolean) && !equal(healthChecks[0], healthChecks[1])) {
    throw apiError(422, 'Service spec.healthCheckNodePort');
  }
  if (at(next, 'spec', 'sessionAffinity') === 'None' && at(next, 'spec', 'sessionAffinityConfig')) {
    throw apiError(422, 'Service spec.sessionAffinityConfig');
  }
  if (next.kind === 'Secret' && old.type !== next.type) throw apiError(422, 'Secret type');
  const labels = at(next, 'spec', 'template', 'metadata', 'labels');
  const selector = at(next, 'spec', 'selector', 'matchLabels');
  if (isObject(selector) && next.kind in IMMUTABLE && next.kind !== 'Service') {
    for (const [key, value] of Object.entries(selector)) {
      if (!isObject(labels) || labels[key] !== value) throw apiError(422, `${next.kind} selector and labels`);
    }
  }
}

/** Rejects an object in which several fields are set of which the API server takes one only. */
function rejectContradictions(object: KubeObject): void {
  if (isCustom(object)) return;
  for (const [path, value] of walk(object.spec, ['spec'])) {
    if (!isObject(value)) continue;
    const field = path.filter((element) => typeof element === 'string').at(-1) ?? '';
    for (const { fields, when } of oneOfs.filter((rule) => rule.in.includes(field))) {
      const present = fields.filter((name) => value[name] !== undefined);
      if (present.length < 2 || when?.(value) === false) continue;
      throw apiError(422, `${object.kind} ${path.join('.')} has ${present.join(' and ')}`);
    }
  }
}
