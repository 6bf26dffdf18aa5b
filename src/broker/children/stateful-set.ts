import type {
  V1Container,
  V1ContainerPort,
  V1EnvVar,
  V1HostAlias,
  V1PersistentVolumeClaim,
  V1Probe,
  V1StatefulSet,
  V1StatefulSetSpec,
  V1Volume,
  V1VolumeMount,
} from '@kubernetes/client-node';
import { USERS_MONITOR_PORT } from '../../api/nats.ts';
import { checksum } from '../../kubernetes/checksum.ts';
import { withAdditions } from '../../kubernetes/containers.ts';
import type { ObservedStatefulSet } from '../../kubernetes/kinds.ts';
import { withPodTemplate } from '../../kubernetes/pods.ts';
import { REVISION_ANNOTATION } from '../../kubernetes/rollout.ts';
import { podSecurityContext, restrictedContainer } from '../../kubernetes/security.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import { reapplyLastApplied } from '../../metacontroller/reapply.ts';
import { bytes } from '../../schema/quantity.ts';
import { brokerHost } from '../contract.ts';
import { DATA_VOLUME, hasPersistentStore, type JetStreamAnnotations } from '../jetstream.ts';
import { brokerLabels, podLabels } from '../labels.ts';
import { listenersOf, METRICS_PORT, PORTS } from '../nats.ts';
import { RESTART_ANNOTATION } from '../restart.ts';
import { routesAnnotation } from '../routes.ts';
import type { Broker, Container, JetStream } from '../spec.ts';
import { CONFIG_FILE } from './config-map.ts';
import {
  type Certificates,
  CONFIG_DIRECTORY,
  certificatesOf,
  DATA_DIRECTORY,
  PID_DIRECTORY,
  PID_FILE,
  USERS_PID_FILE,
} from './files.ts';
import { SYSTEM_FILE } from './server-secret.ts';
import { USERS_FILE } from './users-file.ts';

/** Name of the container that runs NATS; Meshery Server reads the version from its image. */
export const NATS_CONTAINER = 'nats';

/** What the pods depend on besides the spec. */
interface PodInputs {
  credentialsChecksum: string;
  /** Changes with settings that NATS takes up only when it starts; `undefined` where there are none. */
  restart: string | undefined;
  /** The files of the Secret of the servers. */
  files: string[];
}

/**
 * The StatefulSet `X-nats`: one pod per NATS server. Selector, service name, pod management policy and volume claim templates
 * are immutable, so those of an observed StatefulSet are re-applied.
 * @param broker as `withImmutableFields` returns it for the observed StatefulSet
 */
export function statefulSet(
  broker: Broker,
  { credentialsChecksum, restart, files }: PodInputs,
  selector: Record<string, string>,
  annotations: JetStreamAnnotations,
  observed: ObservedStatefulSet | undefined,
): Manifest<V1StatefulSet> {
  const { jetStream, promExporter } = broker;
  const spec: V1StatefulSetSpec = {
    podManagementPolicy: observed?.spec.podManagementPolicy ?? 'Parallel',
    replicas: broker.size,
    selector: { matchLabels: selector },
    serviceName: governingService(broker, observed),
    template: withPodTemplate(
      {
        metadata: {
          annotations: {
            'meshery.io/credentials-checksum': credentialsChecksum,
            ...(restart && { [RESTART_ANNOTATION]: restart }),
            ...annotations.pods,
          },
          labels: podLabels(broker, selector),
        },
        spec: {
          automountServiceAccountToken: false,
          containers: [
            withAdditions(nats(broker), broker.additions),
            reloader(broker, files),
            ...(broker.users.length > 0 ? [users(broker), usersReloader(broker)] : []),
            ...(promExporter ? [exporter(broker, promExporter)] : []),
          ],
          enableServiceLinks: false,
          ...(promExporter && broker.tls?.monitor && { hostAliases: [monitorAlias(broker)] }),
          securityContext: podSecurityContext(broker.securityContext),
          ...serviceAccount(broker, observed),
          shareProcessNamespace: true,
          terminationGracePeriodSeconds: 60,
          ...(broker.size > 1 && { topologySpreadConstraints: [spread(selector)] }),
          volumes: volumes(broker, files),
        },
      },
      broker.podTemplate,
      selector,
    ),
    ...(jetStream?.fileStore &&
      !jetStream.fileStore.inMemory && { persistentVolumeClaimRetentionPolicy: jetStream.fileStore.retention }),
  };
  const claims = volumeClaims(broker, observed);
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: broker.names.nats,
      namespace: broker.namespace,
      labels: brokerLabels(broker),
      annotations: {
        [REVISION_ANNOTATION]: checksum(JSON.stringify(spec)),
        ...annotations.workload,
        ...routesAnnotation(broker),
      },
    },
    spec: { ...spec, ...(claims && { volumeClaimTemplates: claims }) },
  };
}

/**
 * The ServiceAccount of the spec. When that is removed, `default` is applied: the API server keeps a name that is left out, by
 * the deprecated field `serviceAccount`.
 */
function serviceAccount({ serviceAccountName }: Broker, observed: ObservedStatefulSet | undefined) {
  if (serviceAccountName) return { serviceAccountName };
  const { spec }: Partial<V1StatefulSet> = observed ? reapplyLastApplied(observed) : {};
  return spec?.template?.spec?.serviceAccountName ? { serviceAccountName: 'default' } : {};
}

/**
 * The volume claim templates of an observed StatefulSet unchanged: the list is compared as a whole, and an omitted field would
 * be a change on every sync. For the same reason new ones have all defaults that the API server would set.
 */
function volumeClaims(
  { jetStream }: Broker,
  observed: ObservedStatefulSet | undefined,
): V1PersistentVolumeClaim[] | undefined {
  if (observed) return observed.spec.volumeClaimTemplates as V1PersistentVolumeClaim[] | undefined;
  if (!jetStream?.fileStore || !hasPersistentStore(jetStream)) return undefined;
  const { size, storageClassName, metadata } = jetStream.fileStore;
  return [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: DATA_VOLUME, ...metadata },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: size } },
        ...(storageClassName !== undefined && { storageClassName }),
        volumeMode: 'Filesystem',
      },
      status: { phase: 'Pending' },
    },
  ];
}

function volumes(broker: Broker, files: string[]): V1Volume[] {
  const { names, jetStream } = broker;
  return [
    {
      name: 'config',
      projected: {
        sources: [
          { configMap: { name: names.config, items: [{ key: CONFIG_FILE, path: CONFIG_FILE }] } },
          { secret: { name: names.server, items: files.map((file) => ({ key: file, path: file })) } },
        ],
      },
    },
    { name: 'pid', emptyDir: {} },
    ...mountedCertificates(broker).map(({ volume, secretName }) => ({ name: volume, secret: { secretName } })),
    ...(jetStream ? dataVolume(jetStream) : []),
  ];
}

/** JetStream stores files even for streams in memory, and the root filesystem is read-only. */
function dataVolume({ fileStore }: JetStream): V1Volume[] {
  if (!fileStore) return [{ name: DATA_VOLUME, emptyDir: {} }];
  return fileStore.inMemory ? [{ name: DATA_VOLUME, emptyDir: { medium: 'Memory', sizeLimit: fileStore.size } }] : [];
}

function mountedCertificates(broker: Broker): Certificates[] {
  return Object.values<Certificates>(certificatesOf(broker));
}

/** The certificates of what the server of the clients listens on. */
function serverCertificates(broker: Broker): Certificates[] {
  const { webSocket, ...others } = certificatesOf(broker);
  const all: (Certificates | undefined)[] = [...Object.values(others), broker.users.length > 0 ? undefined : webSocket];
  return all.flatMap((certificates) => certificates ?? []);
}

/** Volume mounts of the servers and their reloaders. */
function configurationMounts(certificates: Certificates[]): V1VolumeMount[] {
  return [
    { mountPath: CONFIG_DIRECTORY, name: 'config', readOnly: true },
    ...certificates.map(({ volume, directory }) => ({ mountPath: directory, name: volume, readOnly: true })),
  ];
}

/** Name of the governing Service: the addresses in the routes are below it. */
export function governingService(broker: Broker, observed: ObservedStatefulSet | undefined): string {
  return observed?.spec.serviceName ?? broker.names.headless;
}

function nats(broker: Broker): V1Container {
  const clustered = broker.size > 1;
  return {
    name: NATS_CONTAINER,
    image: broker.nats.image,
    imagePullPolicy: broker.nats.imagePullPolicy,
    args: ['--config', `${CONFIG_DIRECTORY}/${CONFIG_FILE}`],
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      ...memoryLimit(broker, volumeInMemory(broker)),
    ],
    // Lame duck mode moves the clients to the other servers. A single server has no others and would only delay the start of
    // its replacement, so it stops at once.
    ...(clustered && {
      lifecycle: { preStop: { exec: { command: ['nats-server', `-sl=ldm=${PID_FILE}`] } } },
    }),
    ports: [
      { containerPort: PORTS.nats, name: 'nats', protocol: 'TCP' },
      ...(clustered ? [{ containerPort: PORTS.cluster, name: 'cluster', protocol: 'TCP' }] : []),
      { containerPort: PORTS.monitor, name: 'monitor', protocol: 'TCP' },
      ...listenerPorts(broker, 'nats'),
    ],
    // The startup probe runs every second, so that a broker is Ready about a second after its start, and allows for a long
    // recovery; the other probes begin once it has succeeded. A server that hangs gets no more clients after ten seconds, and
    // would not end by itself within the grace period of the pod.
    startupProbe: probe(broker, 'monitor', '/healthz', { periodSeconds: 1, failureThreshold: 900 }),
    readinessProbe: probe(broker, 'monitor', '/healthz?js-server-only=true', READINESS),
    livenessProbe: probe(broker, 'monitor', '/healthz?js-enabled-only=true', LIVENESS),
    resources: broker.nats.resources,
    securityContext: restrictedContainer,
    volumeMounts: [
      ...configurationMounts(serverCertificates(broker)),
      { mountPath: PID_DIRECTORY, name: 'pid' },
      ...(broker.jetStream ? [{ mountPath: DATA_DIRECTORY, name: DATA_VOLUME }] : []),
    ],
  };
}

/**
 * The limit of Go's garbage collector, four fifths of the memory limit, as NATS advises: without it, the collector does not know
 * of the limit, and the server is killed.
 * @param others bytes of the memory of the container that are not the server's
 */
function memoryLimit({ nats: { resources } }: Broker, others = 0n): V1EnvVar[] {
  // Zero stands for no limit.
  const limit = bytes(resources.limits?.memory ?? 0);
  return limit === 0n ? [] : [{ name: 'GOMEMLIMIT', value: `${((limit - others) * 4n) / 5n}B` }];
}

/** The size of a volume in memory, which counts for the memory of the container. */
function volumeInMemory({ jetStream: { fileStore } = {} }: Broker): bigint {
  return fileStore?.inMemory ? bytes(fileStore.size) : 0n;
}

function listenerPorts(broker: Broker, server: 'nats' | 'users'): V1ContainerPort[] {
  return listenersOf(broker)
    .filter((listener) => listener.server === server)
    .map(({ name, port }) => ({ containerPort: port, name, protocol: 'TCP' }));
}

/** Sends the server a reload signal when a file of its configuration changes. */
function reloader(broker: Broker, files: string[]): V1Container {
  const read = files.filter((file) => file !== SYSTEM_FILE && file !== USERS_FILE);
  return reloaderOf(broker, 'reloader', PID_FILE, [CONFIG_FILE, ...read], serverCertificates(broker));
}

function reloaderOf(
  { reloader: { image, imagePullPolicy, resources } }: Broker,
  name: string,
  pidFile: string,
  files: string[],
  certificates: Certificates[],
): V1Container {
  const paths = [
    ...files.map((file) => `${CONFIG_DIRECTORY}/${file}`),
    ...certificates.flatMap(({ directory, files }) => files.map((file) => `${directory}/${file}`)),
  ];
  return {
    name,
    image,
    imagePullPolicy,
    args: ['-pid', pidFile, ...paths.flatMap((path) => ['-config', path])],
    resources,
    securityContext: restrictedContainer,
    volumeMounts: [{ mountPath: PID_DIRECTORY, name: 'pid' }, ...configurationMounts(certificates)],
  };
}

/** Name of the port for the probes of the server of `auth.users`. */
const USERS_MONITOR = 'users-monitor';

/**
 * The server of `auth.users`: a leaf node of the other one in its pod. It stops at once, without lame duck mode: the other one may
 * be gone before that ends, and clients that stay connected would get no messages.
 */
function users(broker: Broker): V1Container {
  return {
    name: 'users',
    image: broker.nats.image,
    imagePullPolicy: broker.nats.imagePullPolicy,
    args: ['--config', `${CONFIG_DIRECTORY}/${USERS_FILE}`],
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'USERS_SERVER_NAME', value: '$(POD_NAME)-users' },
      ...memoryLimit(broker),
    ],
    ports: [
      ...listenerPorts(broker, 'users'),
      { containerPort: USERS_MONITOR_PORT, name: USERS_MONITOR, protocol: 'TCP' },
    ],
    // By HTTP: NATS logs an error for each connection that ends before TLS, and those to a server that hangs are accepted too.
    readinessProbe: probe(broker, USERS_MONITOR, '/healthz', READINESS),
    livenessProbe: probe(broker, USERS_MONITOR, '/healthz', LIVENESS),
    resources: broker.nats.resources,
    securityContext: restrictedContainer,
    volumeMounts: [...configurationMounts(usersCertificates(broker)), { mountPath: PID_DIRECTORY, name: 'pid' }],
  };
}

function usersReloader(broker: Broker): V1Container {
  return reloaderOf(broker, 'users-reloader', USERS_PID_FILE, [USERS_FILE], usersCertificates(broker));
}

/** The certificates of what that server listens on. */
function usersCertificates(broker: Broker): Certificates[] {
  const { clients, webSocket } = certificatesOf(broker);
  return [clients, webSocket].flatMap((certificates) => certificates ?? []);
}

/** Metrics of the server, as in the NATS Helm chart. It reads the monitoring port in the pod. */
function exporter(broker: Broker, { image, imagePullPolicy, resources }: Container): V1Container {
  const { jetStream } = broker;
  const { clients } = broker.tls?.monitor ? certificatesOf(broker) : {};
  return {
    name: 'prom-exporter',
    image,
    imagePullPolicy,
    args: [
      `-port=${METRICS_PORT.port}`,
      ...['-connz', '-routez', '-subz', '-varz', '-prefix=nats', '-use_internal_server_id'],
      ...(jetStream ? ['-jsz=all'] : []),
      clients ? `https://${monitorHost(broker)}:${PORTS.monitor}/` : `http://localhost:${PORTS.monitor}/`,
    ],
    // Go programs read CA certificates from this directory besides the bundle of their image.
    ...(clients && { env: [{ name: 'SSL_CERT_DIR', value: clients.directory }] }),
    ports: [{ containerPort: METRICS_PORT.port, name: METRICS_PORT.name, protocol: 'TCP' }],
    resources,
    securityContext: restrictedContainer,
    ...(clients && { volumeMounts: [{ mountPath: clients.directory, name: clients.volume, readOnly: true }] }),
  };
}

/** The name that the certificate of the clients is for. */
function monitorHost({ names, namespace }: Broker): string {
  return brokerHost(names.nats, namespace);
}

/** By that name, the exporter reaches the server of its own pod. */
function monitorAlias(broker: Broker): V1HostAlias {
  return { ip: '127.0.0.1', hostnames: [monitorHost(broker)] };
}

const READINESS = { periodSeconds: 2, failureThreshold: 5, timeoutSeconds: 2 };
const LIVENESS = { periodSeconds: 30, failureThreshold: 3, terminationGracePeriodSeconds: 10 };

function probe({ tls }: Broker, port: string, path: string, times: Omit<V1Probe, 'httpGet'>): V1Probe {
  const scheme = tls?.monitor ? { scheme: 'HTTPS' } : {};
  return { httpGet: { path, port, ...scheme }, timeoutSeconds: 5, ...times };
}

function spread(selector: Record<string, string>) {
  return {
    labelSelector: { matchLabels: selector },
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
  };
}
