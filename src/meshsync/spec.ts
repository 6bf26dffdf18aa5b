import { TypeCompiler } from '@sinclair/typebox/compiler';
import { MeshSyncSpec, meshSyncDefaults } from '../api/meshsync.ts';
import { type FieldError, validate } from '../api/validate.ts';
import { brokerNames } from '../broker/names.ts';
import { type ContainerImage, containerImage, imageTag } from '../kubernetes/images.ts';
import type { Parent } from '../metacontroller/envelope.ts';
import { type BrokerUrl, parseBrokerUrl } from './broker-url.ts';
import { type MeshSyncNames, meshSyncNames, nameProblem } from './names.ts';

/** The broker that a MeshSync asks for. */
export type BrokerReference =
  | { type: 'native'; name: string; namespace: string; serviceName: string; authSecret: string }
  | { type: 'custom'; url: BrokerUrl }
  | { type: 'none' };

/** A MeshSync's spec with nothing left open: what the children are made from. */
export interface MeshSync {
  name: string;
  namespace: string;
  names: MeshSyncNames;
  size: number;
  /** Tag of the image. */
  tag: string;
  image: ContainerImage;
  broker: BrokerReference;
  /** `data` of the watch-list. */
  watchList: Record<string, string>;
}

const check = TypeCompiler.Compile(MeshSyncSpec);

/**
 * Resolves a parent's spec. An empty string or object counts as absent, as Go clients write them.
 * @param imageRegistry where images are taken from that name no registry
 * @returns the resolved MeshSync, or the first field that can't be worked with
 */
export function resolveMeshSync(parent: Parent, imageRegistry?: string): MeshSync | FieldError {
  const checked = validate(check, parent.spec ?? {}, 'spec');
  if ('error' in checked) return checked.error;
  const spec = checked.value;
  const { name, namespace } = parent.metadata;
  const problem = nameProblem(name);
  if (problem) return problem;
  const broker = resolveReference(spec, namespace);
  if ('path' in broker) return broker;
  return {
    name,
    namespace,
    names: meshSyncNames(name),
    size: spec.size ?? meshSyncDefaults.size,
    tag: imageTag(spec.version ?? meshSyncDefaults.version),
    image: containerImage(meshSyncDefaults, spec.version, {}, imageRegistry),
    broker,
    watchList: spec['watch-list']?.data ?? {},
  };
}

/** A native broker goes before a custom one, as in the operator that this one replaces. */
function resolveReference({ broker }: MeshSyncSpec, ownNamespace: string): BrokerReference | FieldError {
  const { name, namespace } = broker?.native ?? {};
  if (name) {
    const { nats, auth } = brokerNames(name);
    return { type: 'native', name, namespace: namespace || ownNamespace, serviceName: nats, authSecret: auth };
  }
  if (broker?.custom?.url) {
    const url = parseBrokerUrl(broker.custom.url);
    return url
      ? { type: 'custom', url }
      : { path: 'spec.broker.custom.url', message: 'must be a URL such as nats://host:4222' };
  }
  return { type: 'none' };
}
