import type {
  V1Container,
  V1PersistentVolumeClaim,
  V1Probe,
  V1StatefulSet,
  V1StatefulSetSpec,
  V1Volume,
  V1VolumeMount,
} from '@kubernetes/client-node';
import { checksum } from '../../kubernetes/checksum.ts';
import type { ObservedStatefulSet } from '../../kubernetes/kinds.ts';
import { withPodTemplate } from '../../kubernetes/pods.ts';
import { REVISION_ANNOTATION } from '../../kubernetes/rollout.ts';
import { TLS_KEYS } from '../../kubernetes/secrets.ts';
import { podSecurityContext, restrictedContainer } from '../../kubernetes/security.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import { reapplyLastApplied } from '../../metacontroller/reapply.ts';
import { DATA_VOLUME, type JetStreamAnnotations } from '../jetstream.ts';
import { brokerLabels, podLabels } from '../labels.ts';
import { METRICS_PORT, PORTS } from '../nats.ts';
import type { Broker, Container } from '../spec.ts';
import { CONFIG_FILE, DATA_DIRECTORY, PID_FILE, TLS_DIRECTORY } from './config-map.ts';
import { CREDENTIALS_FILE, SYSTEM_FILE } from './server-secret.ts';

/** Name of the container that runs NATS; Meshery Server reads the version from its image. */
export const NATS_CONTAINER = 'nats';

const CONFIG_DIRECTORY = '/etc/nats-config';
const PID_DIRECTORY = PID_FILE.slice(0, PID_FILE.lastIndexOf('/'));

/**
 * The StatefulSet `X-nats`: one pod per NATS server. Selector, service name, pod management policy and volume claim templates
 * are immutable, so those of an observed StatefulSet are re-applied.
 * @param broker as `withImmutableFields` returns it for the observed StatefulSet
 */
export function statefulSet(
  broker: Broker,
  credentialsChecksum: string,
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
            ...annotations.pods,
          },
          labels: podLabels(broker, selector),
        },
        spec: {
          automountServiceAccountToken: false,
          containers: [nats(broker), reloader(broker), ...(promExporter ? [exporter(broker, promExporter)] : [])],
          enableServiceLinks: false,
          securityContext: podSecurityContext(broker.securityContext),
          ...serviceAccount(broker, observed),
          shareProcessNamespace: true,
          terminationGracePeriodSeconds: 60,
          ...(broker.size > 1 && { topologySpreadConstraints: [spread(selector)] }),
          volumes: volumes(broker),
        },
      },
      broker.podTemplate,
      selector,
    ),
    ...(jetStream?.fileStore && { persistentVolumeClaimRetentionPolicy: jetStream.fileStore.retention }),
  };
  const claims = volumeClaims(broker, observed);
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: broker.names.nats,
      namespace: broker.namespace,
      labels: brokerLabels(broker),
      annotations: { [REVISION_ANNOTATION]: checksum(JSON.stringify(spec)), ...annotations.workload },
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
  if (!jetStream?.fileStore) return undefined;
  const { size, storageClassName } = jetStream.fileStore;
  return [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: DATA_VOLUME },
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

function volumes({ names, size, tls, jetStream }: Broker): V1Volume[] {
  const files = size > 1 ? [CREDENTIALS_FILE, SYSTEM_FILE] : [CREDENTIALS_FILE];
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
    ...(tls ? [{ name: 'tls', secret: { secretName: tls.secretName } }] : []),
    // JetStream stores files even for streams in memory, and the root filesystem is read-only.
    ...(jetStream && !jetStream.fileStore ? [{ name: DATA_VOLUME, emptyDir: {} }] : []),
  ];
}

/** Volume mounts of both the server and the reloader. */
function configurationMounts({ tls }: Broker): V1VolumeMount[] {
  return [
    { mountPath: CONFIG_DIRECTORY, name: 'config', readOnly: true },
    ...(tls ? [{ mountPath: TLS_DIRECTORY, name: 'tls', readOnly: true }] : []),
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
    env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    // Lame duck mode moves the clients to the other servers. A single server has no others and would only delay the start of
    // its replacement, so it stops at once.
    ...(clustered && {
      lifecycle: { preStop: { exec: { command: ['nats-server', `-sl=ldm=${PID_FILE}`] } } },
    }),
    ports: [
      { containerPort: PORTS.nats, name: 'nats', protocol: 'TCP' },
      ...(clustered ? [{ containerPort: PORTS.cluster, name: 'cluster', protocol: 'TCP' }] : []),
      { containerPort: PORTS.monitor, name: 'monitor', protocol: 'TCP' },
    ],
    // The startup probe runs every second, so that a broker is Ready about a second after its start, and allows for a long
    // recovery; the other probes begin once it has succeeded. A server that hangs gets no more clients after ten seconds, and
    // would not end by itself within the grace period of the pod.
    startupProbe: probe('/healthz', { periodSeconds: 1, failureThreshold: 900 }),
    readinessProbe: probe('/healthz?js-server-only=true', { periodSeconds: 2, failureThreshold: 5, timeoutSeconds: 2 }),
    livenessProbe: probe('/healthz?js-enabled-only=true', {
      ...{ periodSeconds: 30, failureThreshold: 3, terminationGracePeriodSeconds: 10 },
    }),
    resources: broker.nats.resources,
    securityContext: restrictedContainer,
    volumeMounts: [
      ...configurationMounts(broker),
      { mountPath: PID_DIRECTORY, name: 'pid' },
      ...(broker.jetStream ? [{ mountPath: DATA_DIRECTORY, name: DATA_VOLUME }] : []),
    ],
  };
}

/** Sends the server a reload signal when a file of its configuration changes. */
function reloader(broker: Broker): V1Container {
  const { tls, reloader } = broker;
  const files = [`${CONFIG_DIRECTORY}/${CONFIG_FILE}`, `${CONFIG_DIRECTORY}/${CREDENTIALS_FILE}`];
  const { certificate, key, ca } = TLS_KEYS;
  const certificates = tls ? [certificate, key, ...(tls.verify ? [ca] : [])] : [];
  return {
    name: 'reloader',
    image: reloader.image,
    imagePullPolicy: reloader.imagePullPolicy,
    args: [
      ...['-pid', PID_FILE],
      ...[...files, ...certificates.map((file) => `${TLS_DIRECTORY}/${file}`)].flatMap((file) => ['-config', file]),
    ],
    resources: reloader.resources,
    securityContext: restrictedContainer,
    volumeMounts: [{ mountPath: PID_DIRECTORY, name: 'pid' }, ...configurationMounts(broker)],
  };
}

/** Metrics of the server, as in the NATS Helm chart. It reads the monitoring port, which is plain HTTP even with TLS. */
function exporter({ jetStream }: Broker, { image, imagePullPolicy, resources }: Container): V1Container {
  return {
    name: 'prom-exporter',
    image,
    imagePullPolicy,
    args: [
      `-port=${METRICS_PORT.port}`,
      ...['-connz', '-routez', '-subz', '-varz', '-prefix=nats', '-use_internal_server_id'],
      ...(jetStream ? ['-jsz=all'] : []),
      `http://localhost:${PORTS.monitor}/`,
    ],
    ports: [{ containerPort: METRICS_PORT.port, name: METRICS_PORT.name, protocol: 'TCP' }],
    resources,
    securityContext: restrictedContainer,
  };
}

function probe(path: string, times: Omit<V1Probe, 'httpGet'>): V1Probe {
  return { httpGet: { path, port: 'monitor' }, timeoutSeconds: 5, ...times };
}

function spread(selector: Record<string, string>) {
  return {
    labelSelector: { matchLabels: selector },
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
  };
}
