import { isIPv6 } from 'node:net';
import type { V1NetworkPolicyPeer, V1ResourceRequirements } from '@kubernetes/client-node';
import ipaddr from 'ipaddr.js';
import { BrokerSpec, brokerDefaults } from '../api/broker.ts';
import type { OperatorSettings } from '../api/context.ts';
import { API_GROUP } from '../api/group.ts';
import {
  EXPORTER_PORT,
  natsDefaults,
  SERVER_PORTS,
  USERS_LINK_PORT,
  USERS_MONITOR_PORT,
  USERS_PORT,
} from '../api/nats.ts';
import { checksum } from '../kubernetes/checksum.ts';
import {
  type CommonMetadata,
  commonMetadataProblem,
  mergedMetadata,
  withCommonPodMetadata,
} from '../kubernetes/common-metadata.ts';
import { additionsOf, type ContainerAdditions } from '../kubernetes/containers.ts';
import { type ContainerImage, containerImage, imageTag, isBelow } from '../kubernetes/images.ts';
import type { Image, PodTemplate, Resources } from '../kubernetes/pod-fields.ts';
import { isAddress, podsProblem } from '../kubernetes/pods.ts';
import type { SecurityContexts } from '../kubernetes/security.ts';
import type { Parent } from '../metacontroller/request.ts';
import { compiled } from '../schema/compiled.ts';
import { bytes, canonicalQuantity } from '../schema/quantity.ts';
import { type FieldError, validate } from '../schema/validate.ts';
import { type BrokerNames, brokerNames } from './contract.ts';
import { type Block, type Merged, resolveMerge } from './merge.ts';
import { nameProblem } from './names.ts';
import { reserved } from './reserved.ts';

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
  /** Of the container that runs NATS. */
  additions: ContainerAdditions;
  /** Only when there is one. */
  promExporter?: Container;
  /** Only when there is one. */
  natsBox?: NatsBox;
  /** With the common labels and annotations. */
  podTemplate: PodTemplate;
  /** Labels and annotations of all children. */
  commonMetadata: CommonMetadata;
  securityContext: SecurityContexts;
  /** Existing ServiceAccount; without one, the pods run as the one called default. */
  serviceAccountName?: string;
  service: BrokerService;
  /** Source of the token; absent when it is generated. */
  tokenSecretRef?: SecretKey;
  /** Clients besides those with the token. */
  users: User[];
  tls?: {
    secretName: string;
    verify: boolean;
    /** Whether the monitoring port is HTTPS. */
    monitor: boolean;
  };
  /** Secret with the certificates of the routes. */
  routesSecret?: string;
  jetStream?: JetStream;
  /** Only when leaf nodes may connect, or the servers are leaf nodes themselves. */
  leafNodes?: LeafNodes;
  webSocket?: WebSocket;
  /** Name of the NATS cluster. */
  clusterName: string;
  config: Omit<NonNullable<BrokerSpec['config']>, 'merge'>;
  /** Further settings of NATS. */
  merge: Merged;
  /** Absent when it is disabled. */
  disruptionBudget?: Omit<NonNullable<BrokerSpec['podDisruptionBudget']>, 'enabled'>;
  /** Only when there is one. */
  networkPolicy?: { clients?: V1NetworkPolicyPeer[]; monitor?: V1NetworkPolicyPeer[]; metrics?: V1NetworkPolicyPeer[] };
}

/** A key of a Secret in the namespace of the Broker. */
export interface SecretKey {
  name: string;
  key: string;
}

/** A client with permissions of its own; with a password or with an NKey. */
export interface User {
  user: string;
  password?: SecretKey;
  nkey?: SecretKey;
  permissions?: NonNullable<NonNullable<BrokerSpec['auth']>['users']>[number]['permissions'];
}

export interface LeafNodes {
  /** Where other leaf nodes connect; absent when they may not. */
  listener?: { port: number; tlsSecret?: string; users: { user: string; password: SecretKey }[] };
  /** Hubs that the servers connect to. */
  remotes: {
    url: string;
    user?: { name: string; password: SecretKey };
    credentials?: SecretKey;
    tlsSecret?: string;
  }[];
}

export interface WebSocket {
  port: number;
  tlsSecret?: string;
  allowedOrigins: string[];
  sameOrigin: boolean;
  compression: boolean;
}

/** The configurable fields of a container: its image and its resources. */
export interface Container extends ContainerImage {
  resources: V1ResourceRequirements;
}

/** The pod with the command line of NATS. */
export interface NatsBox extends Container {
  /** Secret with the certificate of a client; only with TLS. */
  clientCertificate?: string;
}

export interface BrokerService {
  type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
  annotations: Record<string, string>;
  port: number;
  nodePorts: { nats?: number; monitor?: number; users?: number; leafnodes?: number; websocket?: number };
  /** Whether the monitoring port is exposed outside the cluster; absent: if the client Service exposes it already. */
  exposeMonitor?: boolean;
  externalTrafficPolicy?: 'Cluster' | 'Local';
  ipFamilyPolicy?: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
  ipFamilies?: ('IPv4' | 'IPv6')[];
  clusterIP?: string;
  /** Of one client address to one server; absent: none. */
  affinityTimeoutSeconds?: number;
  healthCheckNodePort?: number;
  extraPorts: ExtraPort[];
  /** Whether each server has a Service of its own too. */
  perServer: boolean;
  loadBalancerClass?: string;
  loadBalancerSourceRanges: string[];
  externalEndpointOverride?: string;
}

export interface ExtraPort {
  name: string;
  port: number;
  targetPort: number | string;
  nodePort?: number;
  appProtocol?: string;
}

/** Stores of streams; sizes are quantities. */
export interface JetStream {
  fileStore?: {
    /** Of the volumes, in canonical form. */
    size: string;
    /** Empty: existing volumes without a class. Default: the default class of the cluster. */
    storageClassName?: string;
    /** Labels and annotations of the claims; absent where the spec has none. */
    metadata?: CommonMetadata;
    /** Storage that streams can use, also in percent; default: three quarters of `size`. */
    maxSize?: string;
    /** Whether the volumes are in memory, and end with their pods. */
    inMemory?: true;
    retention: { whenDeleted: 'Retain' | 'Delete'; whenScaled: 'Retain' | 'Delete' };
  };
  memoryStore?: { maxSize: string };
  domain?: string;
  maxOutstandingCatchup?: string;
  /** Source of the key that streams are encrypted with. */
  encryptionKey?: SecretKey;
  cipher?: 'chacha' | 'aes';
}

/**
 * Annotation of a Broker with a number of servers. The Broker may get that size even though NATS drops its streams then; any
 * other value, such as one that is left from an earlier change, accepts nothing.
 */
export const ACCEPT_STREAM_LOSS = `${API_GROUP}/accept-stream-loss`;

/** The default `max_payload` of NATS. */
const DEFAULT_MAX_PAYLOAD = '1Mi';

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
  const { podTemplate = {}, config: { merge = {}, ...config } = {}, tls, promExporter, networkPolicy, natsBox } = spec;
  const { serviceAccountName, auth: { tokenSecretRef } = {} } = spec;
  const listeners = { leafNodes: resolveLeafNodes(spec), webSocket: resolveWebSocket(spec) };
  const problem =
    nameProblem(name) ??
    referenceProblem(spec, brokerNames(name)) ??
    serviceProblem(spec) ??
    peersProblem(spec) ??
    remotesProblem(spec) ??
    versionProblem(spec) ??
    memoryProblem(spec) ??
    podsProblem(spec, reserved, listenedPorts(spec, listeners)) ??
    commonMetadataProblem(spec.commonMetadata ?? {}, reserved.labels) ??
    commonMetadataProblem(claimMetadata(spec.jetstream?.fileStore), reserved.labels, {
      labels: 'spec.jetstream.fileStore.labels',
      annotations: 'spec.jetstream.fileStore.annotations',
    });
  if (problem) return problem;
  const jetStream = resolveJetStream(spec);
  const { leafNodes, webSocket } = listeners;
  const merged = mergedSettings(spec, merge, listeners);
  if ('path' in merged) return merged;
  const { nats } = brokerNames(name);
  const commonMetadata = mergedMetadata(settings.commonMetadata, spec.commonMetadata);
  const { size = brokerDefaults.size, podDisruptionBudget = {} } = spec;
  const { enabled = true, ...disruptionBudget } = podDisruptionBudget;

  return {
    name,
    namespace,
    names: brokerNames(name),
    size,
    ...(parent.metadata.annotations?.[ACCEPT_STREAM_LOSS] === String(size) && { acceptsStreamLoss: true }),
    nats: container(brokerDefaults, spec, settings),
    reloader: container(brokerDefaults.reloader, spec.reloader ?? {}, settings),
    additions: additionsOf(spec),
    ...(promExporter?.enabled && {
      promExporter: container(brokerDefaults.promExporter, promExporter, settings),
    }),
    ...(natsBox?.enabled && {
      natsBox: {
        ...container(brokerDefaults.natsBox, natsBox, settings),
        ...(tls?.secretName && natsBox.tls?.secretName && { clientCertificate: natsBox.tls.secretName }),
      },
    }),
    podTemplate: withCommonPodMetadata(podTemplate, commonMetadata),
    commonMetadata,
    securityContext: settings.securityContext ?? 'restricted',
    ...(serviceAccountName && { serviceAccountName }),
    service: resolveService(spec),
    ...(tokenSecretRef && { tokenSecretRef: secretKey(tokenSecretRef, brokerDefaults.tokenKey) }),
    users: resolveUsers(spec),
    ...(tls?.secretName && {
      tls: { secretName: tls.secretName, verify: tls.verify ?? false, monitor: tls.monitor ?? false },
    }),
    ...(tls?.routes?.secretName && { routesSecret: tls.routes.secretName }),
    ...(jetStream && { jetStream }),
    ...(leafNodes && { leafNodes }),
    ...(webSocket && { webSocket }),
    // A hub takes servers of the same name for one, unless the names of their clusters differ.
    clusterName: leafNodes?.remotes.length ? `${nats}-${checksum(parent.metadata.uid).slice(0, 8)}` : nats,
    config,
    merge: merged,
    ...(enabled && { disruptionBudget }),
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
  const { clusterIP, sessionAffinity, sessionAffinityConfig, healthCheckNodePort, extraPorts = [] } = service;
  return {
    type,
    annotations: service.annotations ?? {},
    port: service.port ?? brokerDefaults.port,
    nodePorts,
    ...(exposeMonitor !== undefined && { exposeMonitor }),
    ...(externalTrafficPolicy && { externalTrafficPolicy }),
    ...(ipFamilyPolicy && { ipFamilyPolicy }),
    ...(ipFamilies && { ipFamilies }),
    ...(clusterIP && { clusterIP }),
    ...(sessionAffinity === 'ClientIP' && {
      affinityTimeoutSeconds: sessionAffinityConfig?.clientIP?.timeoutSeconds ?? brokerDefaults.affinityTimeoutSeconds,
    }),
    ...(healthCheckNodePort !== undefined && { healthCheckNodePort }),
    extraPorts: extraPorts.map((each) => ({ ...each, targetPort: each.targetPort ?? each.port })),
    perServer: service.perServer ?? false,
    ...(type === 'LoadBalancer' && loadBalancerClass && { loadBalancerClass }),
    loadBalancerSourceRanges: type === 'LoadBalancer' ? (service.loadBalancerSourceRanges ?? []) : [],
    ...(externalEndpointOverride && { externalEndpointOverride }),
  };
}

function resolveJetStream({ jetstream = {} }: BrokerSpec): JetStream | undefined {
  const { fileStore, memoryStore, domain, maxOutstandingCatchup, encryptionKeySecretRef, cipher } = jetstream;
  if (!fileStore && !memoryStore) return undefined;
  const metadata = mergedMetadata(claimMetadata(fileStore));
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = fileStore?.persistentVolumeClaimRetentionPolicy ?? {};
  return {
    ...(fileStore && {
      fileStore: {
        size: canonicalQuantity(fileStore.size),
        ...(fileStore.storageClassName !== undefined && { storageClassName: fileStore.storageClassName }),
        ...(Object.keys(metadata).length > 0 && { metadata }),
        ...(fileStore.maxSize && { maxSize: fileStore.maxSize }),
        ...(fileStore.medium && { inMemory: true }),
        retention: { whenDeleted, whenScaled },
      },
    }),
    ...(memoryStore && { memoryStore }),
    ...(domain && { domain }),
    ...(maxOutstandingCatchup && { maxOutstandingCatchup }),
    ...(encryptionKeySecretRef && { encryptionKey: secretKey(encryptionKeySecretRef, natsDefaults.encryptionKey) }),
    ...(cipher && { cipher }),
  };
}

function claimMetadata({ labels, annotations }: CommonMetadata = {}): CommonMetadata {
  return { ...(labels && { labels }), ...(annotations && { annotations }) };
}

function secretKey({ name, key }: { name: string; key?: string }, defaultKey: string): SecretKey {
  return { name, key: key ?? defaultKey };
}

function resolveUsers({ auth: { users = [] } = {} }: BrokerSpec): User[] {
  return users.map(({ user, passwordSecretRef, nkeySecretRef, permissions }) => ({
    user,
    ...(passwordSecretRef && { password: secretKey(passwordSecretRef, natsDefaults.users.passwordKey) }),
    ...(nkeySecretRef && { nkey: secretKey(nkeySecretRef, natsDefaults.users.nkeyKey) }),
    ...(permissions && { permissions }),
  }));
}

function resolveLeafNodes({ leafNodes = {} }: BrokerSpec): LeafNodes | undefined {
  const { enabled, port = natsDefaults.leafNodes.port, tls, authorization, remotes = [] } = leafNodes;
  if (!enabled && remotes.length === 0) return undefined;
  const { passwordKey, credentialsKey } = natsDefaults.leafNodes;
  return {
    ...(enabled && {
      listener: {
        port,
        ...(tls?.secretName && { tlsSecret: tls.secretName }),
        users: (authorization?.users ?? []).map(({ user, passwordSecretRef }) => ({
          user,
          password: secretKey(passwordSecretRef, passwordKey),
        })),
      },
    }),
    remotes: remotes.map(({ url, user, passwordSecretRef, credentialsSecretRef, tls }) => ({
      url,
      ...(user && passwordSecretRef && { user: { name: user, password: secretKey(passwordSecretRef, passwordKey) } }),
      ...(credentialsSecretRef && { credentials: secretKey(credentialsSecretRef, credentialsKey) }),
      ...(tls?.secretName && { tlsSecret: tls.secretName }),
    })),
  };
}

function resolveWebSocket({ websocket = {} }: BrokerSpec): WebSocket | undefined {
  const { enabled, port = natsDefaults.websocket.port, tls, allowedOrigins = [], sameOrigin, compression } = websocket;
  if (!enabled) return undefined;
  return {
    port,
    ...(tls?.secretName && { tlsSecret: tls.secretName }),
    allowedOrigins,
    sameOrigin: sameOrigin ?? false,
    compression: compression ?? false,
  };
}

/** What may listen besides the ports of all brokers. */
type Listeners = { [Key in 'leafNodes' | 'webSocket']: Broker[Key] | undefined };

/** Further settings, for the blocks that the configuration of the Broker has. */
function mergedSettings(
  spec: BrokerSpec,
  merge: Record<string, unknown>,
  { leafNodes, webSocket }: Listeners,
): Merged | FieldError {
  const present: Record<Block, boolean> = {
    authorization: true,
    cluster: (spec.size ?? brokerDefaults.size) > 1,
    jetstream: Boolean(spec.jetstream?.fileStore ?? spec.jetstream?.memoryStore),
    leafnodes: leafNodes !== undefined,
    tls: Boolean(spec.tls?.secretName),
    websocket: webSocket !== undefined,
  };
  const version = natsVersion(spec);
  const merged = resolveMerge(merge, present, version);
  if ('path' in merged) return merged;
  const [, minimum] = /^min_version: "(.*)"$/m.exec(merged.blocks.leafnodes?.join('\n') ?? '') ?? [];
  if (minimum && spec.auth?.users?.length && isBelow(version, minimum)) {
    const message = 'must not be above spec.version: the servers of auth.users are leaf nodes of that version';
    return { path: 'spec.config.merge.leafnodes.min_version', message };
  }
  const { maxPayload = DEFAULT_MAX_PAYLOAD } = spec.config ?? {};
  const [, pending] = /^max_pending: (\d+)$/m.exec(merged.top.join('\n')) ?? [];
  if (pending === undefined || BigInt(pending) >= bytes(maxPayload)) return merged;
  return { path: 'spec.config.merge.max_pending', message: 'must not be less than spec.config.maxPayload' };
}

/** The tag of the image of the servers. */
function natsVersion({ version = brokerDefaults.version }: BrokerSpec): string {
  return imageTag(version);
}

/** The first release whose servers start with a key for streams and the one before it. */
const FIRST_WITH_PREVIOUS_KEY = '2.10.0';

function versionProblem(spec: BrokerSpec): FieldError | undefined {
  if (!spec.jetstream?.encryptionKeySecretRef || !isBelow(natsVersion(spec), FIRST_WITH_PREVIOUS_KEY)) return undefined;
  const message = `requires spec.version to be ${FIRST_WITH_PREVIOUS_KEY} or later`;
  return { path: 'spec.jetstream.encryptionKeySecretRef', message };
}

/** Streams in memory and volumes in memory take the same memory; each is less than the limit by a rule of the spec. */
function memoryProblem({ jetstream = {}, resources = brokerDefaults.resources }: BrokerSpec): FieldError | undefined {
  const { fileStore, memoryStore } = jetstream;
  const limit = resources.limits?.memory;
  if (!fileStore?.medium || !memoryStore || limit === undefined) return undefined;
  if (bytes(fileStore.size) + bytes(memoryStore.maxSize) < bytes(limit)) return undefined;
  const message = 'must be less than resources.limits.memory together with fileStore.size, which is memory too';
  return { path: 'spec.jetstream.memoryStore.maxSize', message };
}

/** Every Secret that a spec names, by the path of the field. */
function references(spec: BrokerSpec): Record<string, string | undefined> {
  const { auth, tls, jetstream, leafNodes, websocket, natsBox } = spec;
  const list = <Item>(path: string, items: Item[] = [], names: (item: Item) => Record<string, string | undefined>) =>
    items.flatMap((item, index) =>
      Object.entries(names(item)).map(([field, name]): [string, string | undefined] => [
        `${path}[${index}].${field}`,
        name,
      ]),
    );
  return {
    'spec.auth.tokenSecretRef.name': auth?.tokenSecretRef?.name,
    'spec.tls.secretName': tls?.secretName,
    'spec.tls.routes.secretName': tls?.routes?.secretName,
    'spec.jetstream.encryptionKeySecretRef.name': jetstream?.encryptionKeySecretRef?.name,
    'spec.leafNodes.tls.secretName': leafNodes?.tls?.secretName,
    'spec.websocket.tls.secretName': websocket?.tls?.secretName,
    'spec.natsBox.tls.secretName': natsBox?.tls?.secretName,
    ...Object.fromEntries([
      ...list('spec.auth.users', auth?.users, ({ passwordSecretRef, nkeySecretRef }) => ({
        'passwordSecretRef.name': passwordSecretRef?.name,
        'nkeySecretRef.name': nkeySecretRef?.name,
      })),
      ...list('spec.leafNodes.authorization.users', leafNodes?.authorization?.users, ({ passwordSecretRef }) => ({
        'passwordSecretRef.name': passwordSecretRef.name,
      })),
      ...list('spec.leafNodes.remotes', leafNodes?.remotes, ({ passwordSecretRef, credentialsSecretRef, tls }) => ({
        'passwordSecretRef.name': passwordSecretRef?.name,
        'credentialsSecretRef.name': credentialsSecretRef?.name,
        'tls.secretName': tls?.secretName,
      })),
    ]),
  };
}

/** The names of all Secrets of the user that a Broker reads. */
export function secretNames({ tokenSecretRef, users, tls, ...broker }: Broker): string[] {
  const { routesSecret, jetStream, leafNodes, webSocket } = broker;
  const names = [
    tls?.secretName,
    tokenSecretRef?.name,
    routesSecret,
    jetStream?.encryptionKey?.name,
    ...users.map(({ password, nkey }) => (password ?? nkey)?.name),
    leafNodes?.listener?.tlsSecret,
    ...(leafNodes?.listener?.users.map(({ password }) => password.name) ?? []),
    ...(leafNodes?.remotes.flatMap(({ user, credentials, tlsSecret }) => [
      user?.password.name,
      credentials?.name,
      tlsSecret,
    ]) ?? []),
    webSocket?.tlsSecret,
  ];
  return names.flatMap((name) => name ?? []);
}

/** A Broker can't take its credentials from the Secrets that the operator creates for it. */
function referenceProblem(spec: BrokerSpec, names: BrokerNames): FieldError | undefined {
  for (const [path, name] of Object.entries(references(spec))) {
    if (name !== names.auth && name !== names.server) continue;
    return { path, message: `must name a Secret of yours, not ${name}, which the operator creates` };
  }
  return undefined;
}

/** Rules for the Service that neither a schema nor CEL can express. */
function serviceProblem({ service = {} }: BrokerSpec): FieldError | undefined {
  const range = service.loadBalancerSourceRanges?.findIndex((cidr) => !isCidr(cidr)) ?? -1;
  if (range >= 0) return notCidr(`spec.service.loadBalancerSourceRanges[${range}]`);
  if (service.clusterIP && !isCanonicalAddress(service.clusterIP)) {
    return { path: 'spec.service.clusterIP', message: 'must be an IP address in canonical form' };
  }
  const [family] = service.ipFamilies ?? [];
  if (service.clusterIP && family && family !== (isIPv6(service.clusterIP) ? 'IPv6' : 'IPv4')) {
    return { path: 'spec.service.clusterIP', message: 'must be of the first of ipFamilies' };
  }
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

/** NATS refuses addresses that are none, and two hubs of the same address; a pattern can't tell. */
function remotesProblem({ leafNodes: { remotes = [] } = {} }: BrokerSpec): FieldError | undefined {
  const addresses = new Set<string>();
  for (const [index, { url }] of remotes.entries()) {
    const path = `spec.leafNodes.remotes[${index}].url`;
    const [, inBrackets, name = '', port = natsDefaults.leafNodes.port] = REMOTE.exec(url) ?? [];
    if (inBrackets !== undefined && !isIPv6(inBrackets))
      return { path, message: 'must have an IPv6 address in brackets' };
    if (Number(port) < 1 || Number(port) > 65_535) return { path, message: 'must have a port from 1 to 65535' };
    const address = `${inBrackets === undefined ? name.toLowerCase() : ipaddr.parse(inBrackets)} ${Number(port)}`;
    if (addresses.has(address)) return { path, message: 'must have another host or port than the hubs before' };
    addresses.add(address);
  }
  return undefined;
}

/** The address in brackets, or the host, and the port of the URL of a hub, as its pattern has them. */
const REMOTE = /^[a-z-]+:\/\/(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/;

/** The ports that the containers of the operator listen on, on any interface. */
function listenedPorts(spec: BrokerSpec, { leafNodes, webSocket }: Listeners): number[] {
  const further = [leafNodes?.listener?.port, webSocket?.port];
  return [
    ...SERVER_PORTS,
    ...(spec.auth?.users?.length ? [USERS_PORT, USERS_LINK_PORT, USERS_MONITOR_PORT] : []),
    ...(spec.promExporter?.enabled ? [EXPORTER_PORT] : []),
    ...further.flatMap((port) => port ?? []),
  ];
}

function notCidr(path: string): FieldError {
  return { path, message: 'must be an address range in CIDR notation, with no bits set behind the prefix' };
}

/** Whether an address is as Kubernetes writes it, so that it never differs from the observed one. */
function isCanonicalAddress(text: string): boolean {
  return isAddress(text) && `${ipaddr.parse(text)}` === text;
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
