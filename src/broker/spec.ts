import type { V1NetworkPolicyPeer, V1ResourceRequirements } from '@kubernetes/client-node';
import ipaddr from 'ipaddr.js';
import { BrokerSpec, brokerDefaults } from '../api/broker.ts';
import type { OperatorSettings } from '../api/context.ts';
import { API_GROUP } from '../api/group.ts';
import {
  type CommonMetadata,
  commonMetadataProblem,
  mergedMetadata,
  withCommonPodMetadata,
} from '../kubernetes/common-metadata.ts';
import { type ContainerImage, containerImage } from '../kubernetes/images.ts';
import type { Image, PodTemplate, Resources } from '../kubernetes/pod-fields.ts';
import { podTemplateProblem } from '../kubernetes/pods.ts';
import type { SecurityContexts } from '../kubernetes/security.ts';
import type { Parent } from '../metacontroller/request.ts';
import { compiled } from '../schema/compiled.ts';
import { canonicalQuantity } from '../schema/quantity.ts';
import { type FieldError, validate } from '../schema/validate.ts';
import { type BrokerNames, brokerNames } from './contract.ts';
import { podLabelKeys } from './labels.ts';
import { nameProblem } from './names.ts';

/** A Broker's spec with all defaults applied: the input of the functions that make the children. */
export interface Broker {
  name: string;
  namespace: string;
  names: BrokerNames;
  size: number;
  /** Only where the loss of streams is accepted for this size. */
  acceptsStreamLoss?: true;
  nats: Container;
  reloader: Container;
  /** Only when there is one. */
  promExporter?: Container;
  /** With the common labels and annotations. */
  podTemplate: PodTemplate;
  /** Labels and annotations of all children. */
  commonMetadata: CommonMetadata;
  securityContext: SecurityContexts;
  /** Existing ServiceAccount; without one, the pods run as the one called default. */
  serviceAccountName?: string;
  service: BrokerService;
  /** Source of the token; absent when it is generated. */
  tokenSecretRef?: { name: string; key: string };
  tls?: { secretName: string; verify: boolean };
  jetStream?: JetStream;
  config: NonNullable<BrokerSpec['config']>;
  /** Only when there is one. */
  networkPolicy?: { clients?: V1NetworkPolicyPeer[]; monitor?: V1NetworkPolicyPeer[]; metrics?: V1NetworkPolicyPeer[] };
}

/** The configurable fields of a container: its image and its resources. */
export interface Container extends ContainerImage {
  resources: V1ResourceRequirements;
}

export interface BrokerService {
  type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
  annotations: Record<string, string>;
  port: number;
  nodePorts: { nats?: number; monitor?: number };
  /** Whether the monitoring port is exposed outside the cluster; absent: if the client Service exposes it already. */
  exposeMonitor?: boolean;
  externalTrafficPolicy?: 'Cluster' | 'Local';
  ipFamilyPolicy?: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
  ipFamilies?: ('IPv4' | 'IPv6')[];
  loadBalancerClass?: string;
  loadBalancerSourceRanges: string[];
  externalEndpointOverride?: string;
}

/** Stores of streams; sizes are quantities. */
export interface JetStream {
  fileStore?: {
    /** Of the volumes, in canonical form. */
    size: string;
    /** Empty: existing volumes without a class. Default: the default class of the cluster. */
    storageClassName?: string;
    /** Storage that streams can use; default: three quarters of `size`. */
    maxSize?: string;
    retention: { whenDeleted: 'Retain' | 'Delete'; whenScaled: 'Retain' | 'Delete' };
  };
  memoryStore?: { maxSize: string };
}

/**
 * Annotation of a Broker with a number of servers. The Broker may get that size even though NATS drops its streams then; any
 * other value, such as one that is left from an earlier change, accepts nothing.
 */
export const ACCEPT_STREAM_LOSS = `${API_GROUP}/accept-stream-loss`;

const check = compiled(BrokerSpec);

/**
 * Resolves a parent's spec. An empty string, list or object is treated as absent, as Go clients write them; only an empty
 * class of volumes and an empty selector count.
 * @param settings of the operator
 * @returns the resolved broker, or the first invalid field
 */
export function resolveBroker(parent: Parent, settings: OperatorSettings = {}): Broker | FieldError {
  const checked = validate(check, parent.spec ?? {}, 'spec');
  if ('error' in checked) return checked.error;
  const spec = checked.value;
  const { name, namespace } = parent.metadata;
  const { podTemplate = {}, config = {}, tls, auth: { tokenSecretRef } = {}, promExporter, networkPolicy } = spec;
  const { serviceAccountName } = spec;
  const problem =
    nameProblem(name) ??
    referenceProblem(spec, brokerNames(name)) ??
    serviceProblem(spec) ??
    peersProblem(spec) ??
    podTemplateProblem(podTemplate, podLabelKeys) ??
    commonMetadataProblem(spec.commonMetadata ?? {}, podLabelKeys);
  if (problem) return problem;
  const jetStream = resolveJetStream(spec);
  const commonMetadata = mergedMetadata(settings.commonMetadata, spec.commonMetadata);
  const { size = brokerDefaults.size } = spec;

  return {
    name,
    namespace,
    names: brokerNames(name),
    size,
    ...(parent.metadata.annotations?.[ACCEPT_STREAM_LOSS] === String(size) && { acceptsStreamLoss: true }),
    nats: container(brokerDefaults, spec, settings),
    reloader: container(brokerDefaults.reloader, spec.reloader ?? {}, settings),
    ...(promExporter?.enabled && {
      promExporter: container(brokerDefaults.promExporter, promExporter, settings),
    }),
    podTemplate: withCommonPodMetadata(podTemplate, commonMetadata),
    commonMetadata,
    securityContext: settings.securityContext ?? 'restricted',
    ...(serviceAccountName && { serviceAccountName }),
    service: resolveService(spec),
    ...(tokenSecretRef && {
      tokenSecretRef: { name: tokenSecretRef.name, key: tokenSecretRef.key ?? brokerDefaults.tokenKey },
    }),
    ...(tls?.secretName && { tls: { secretName: tls.secretName, verify: tls.verify ?? false } }),
    ...(jetStream && { jetStream }),
    config,
    ...(networkPolicy?.enabled && { networkPolicy }),
  };
}

function container(
  defaults: { repository: string; version: string; resources: V1ResourceRequirements },
  { version, image, resources }: { version?: string; image?: Image; resources?: Resources },
  source: OperatorSettings,
): Container {
  const { image: reference, imagePullPolicy } = containerImage(defaults, version, image, source);
  return {
    image: reference,
    imagePullPolicy,
    resources: (resources as V1ResourceRequirements | undefined) ?? defaults.resources,
  };
}

function resolveService({ service = {} }: BrokerSpec): BrokerService {
  const type = service.type ?? brokerDefaults.serviceType;
  const { nodePorts = {} } = service;
  const exposeMonitor = service.exposeMonitor ?? (nodePorts.monitor === undefined ? undefined : true);
  const { externalTrafficPolicy, ipFamilyPolicy, ipFamilies, loadBalancerClass, externalEndpointOverride } = service;
  return {
    type,
    annotations: service.annotations ?? {},
    port: service.port ?? brokerDefaults.port,
    nodePorts,
    ...(exposeMonitor !== undefined && { exposeMonitor }),
    ...(externalTrafficPolicy && { externalTrafficPolicy }),
    ...(ipFamilyPolicy && { ipFamilyPolicy }),
    ...(ipFamilies && { ipFamilies }),
    ...(type === 'LoadBalancer' && loadBalancerClass && { loadBalancerClass }),
    loadBalancerSourceRanges: type === 'LoadBalancer' ? (service.loadBalancerSourceRanges ?? []) : [],
    ...(externalEndpointOverride && { externalEndpointOverride }),
  };
}

function resolveJetStream({ jetstream: { fileStore, memoryStore } = {} }: BrokerSpec): JetStream | undefined {
  if (!fileStore && !memoryStore) return undefined;
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = fileStore?.persistentVolumeClaimRetentionPolicy ?? {};
  return {
    ...(fileStore && {
      fileStore: {
        size: canonicalQuantity(fileStore.size),
        ...(fileStore.storageClassName !== undefined && { storageClassName: fileStore.storageClassName }),
        ...(fileStore.maxSize && { maxSize: fileStore.maxSize }),
        retention: { whenDeleted, whenScaled },
      },
    }),
    ...(memoryStore && { memoryStore }),
  };
}

/** A Broker can't take its credentials from the Secrets that the operator creates for it. */
function referenceProblem({ auth, tls }: BrokerSpec, names: BrokerNames): FieldError | undefined {
  const references = {
    'spec.auth.tokenSecretRef.name': auth?.tokenSecretRef?.name,
    'spec.tls.secretName': tls?.secretName,
  };
  for (const [path, name] of Object.entries(references)) {
    if (name !== names.auth && name !== names.server) continue;
    return { path, message: `must name a Secret of yours, not ${name}, which the operator creates` };
  }
  return undefined;
}

/** Rules for the Service that neither a schema nor CEL can express. */
function serviceProblem({ service = {} }: BrokerSpec): FieldError | undefined {
  const range = service.loadBalancerSourceRanges?.findIndex((cidr) => !isCidr(cidr)) ?? -1;
  if (range >= 0) return notCidr(`spec.service.loadBalancerSourceRanges[${range}]`);
  const reserved = Object.keys(service.annotations ?? {}).find((key) => key.startsWith('metacontroller.k8s.io/'));
  if (reserved === undefined) return undefined;
  return { path: `spec.service.annotations[${JSON.stringify(reserved)}]`, message: 'is reserved for Metacontroller' };
}

function peersProblem({ networkPolicy = {} }: BrokerSpec): FieldError | undefined {
  for (const list of ['clients', 'monitor', 'metrics'] as const) {
    const index = networkPolicy[list]?.findIndex(({ ipBlock }) => ipBlock && !isCidr(ipBlock.cidr)) ?? -1;
    if (index >= 0) return notCidr(`spec.networkPolicy.${list}[${index}].ipBlock.cidr`);
  }
  return undefined;
}

function notCidr(path: string): FieldError {
  return { path, message: 'must be an address range in CIDR notation, with no bits set behind the prefix' };
}

/**
 * Whether Kubernetes accepts a text as an address range: in canonical notation, with no bits set behind the prefix. A Service
 * with another one is rejected on every sync.
 */
function isCidr(text: string): boolean {
  if (!ipaddr.isValidCIDR(text)) return false;
  const [address, prefix] = ipaddr.parseCIDR(text);
  if (address instanceof ipaddr.IPv4) return `${ipaddr.IPv4.networkAddressFromCIDR(text)}/${prefix}` === text;
  return (
    !address.isIPv4MappedAddress() &&
    `${ipaddr.IPv6.networkAddressFromCIDR(text)}` === `${address}` &&
    text.endsWith(`/${prefix}`)
  );
}
