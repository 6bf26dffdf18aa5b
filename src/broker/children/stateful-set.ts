import type { V1Container, V1Probe, V1StatefulSet, V1StatefulSetSpec } from '@kubernetes/client-node';
import { checksum } from '../../kubernetes/checksum.ts';
import { image, pullPolicy } from '../../kubernetes/images.ts';
import type { Manifest } from '../../kubernetes/manifest.ts';
import { restrictedContainer, restrictedPod } from '../../kubernetes/security.ts';
import type { ObservedStatefulSet } from '../../metacontroller/observed.ts';
import { REVISION_ANNOTATION } from '../../metacontroller/revision.ts';
import type { Credentials } from '../credentials.ts';
import { brokerLabels, podLabels } from '../labels.ts';
import { PORTS } from '../nats.ts';
import type { Broker } from '../spec.ts';
import { CREDENTIALS_FILE } from './auth-secret.ts';
import { CONFIG_FILE, PID_FILE } from './config-map.ts';

/** Name of the container that runs NATS; Meshery Server reads the version from its image. */
export const NATS_CONTAINER = 'nats';

const RELOADER_IMAGE = 'natsio/nats-server-config-reloader:0.23.0';
const CONFIG_DIRECTORY = '/etc/nats-config';
const PID_DIRECTORY = PID_FILE.slice(0, PID_FILE.lastIndexOf('/'));

/**
 * The StatefulSet `X-nats`: one pod a NATS server. Selector, service name and pod management can't change, so those of
 * an observed StatefulSet are asked for again; volume claims are not asked for at all, which leaves them as they are.
 */
export function statefulSet(
  broker: Broker,
  credentials: Credentials,
  selector: Record<string, string>,
  observed: ObservedStatefulSet | undefined,
): Manifest<V1StatefulSet> {
  const spec: V1StatefulSetSpec = {
    podManagementPolicy: observed?.spec.podManagementPolicy ?? 'Parallel',
    replicas: broker.size,
    selector: { matchLabels: selector },
    serviceName: governingService(broker, observed),
    template: {
      metadata: {
        annotations: {
          'meshery.io/credentials-checksum': checksum(`${credentials.token}\n${credentials.routePassword}`),
        },
        labels: podLabels(broker, selector),
      },
      spec: {
        automountServiceAccountToken: false,
        containers: [nats(broker), reloader()],
        enableServiceLinks: false,
        securityContext: restrictedPod,
        shareProcessNamespace: true,
        terminationGracePeriodSeconds: 60,
        ...(broker.size > 1 && { topologySpreadConstraints: [spread(selector)] }),
        volumes: [
          {
            name: 'config',
            projected: {
              sources: [
                { configMap: { name: broker.names.config, items: [{ key: CONFIG_FILE, path: CONFIG_FILE }] } },
                { secret: { name: broker.names.auth, items: [{ key: CREDENTIALS_FILE, path: CREDENTIALS_FILE }] } },
              ],
            },
          },
          { name: 'pid', emptyDir: {} },
        ],
      },
    },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: broker.names.nats,
      namespace: broker.namespace,
      labels: brokerLabels(broker),
      annotations: { [REVISION_ANNOTATION]: checksum(JSON.stringify(spec)) },
    },
    spec,
  };
}

/** Name of the Service that names the pods, which their addresses in the routes must use. */
export function governingService(broker: Broker, observed: ObservedStatefulSet | undefined): string {
  return observed?.spec.serviceName ?? broker.names.headless;
}

function nats(broker: Broker): V1Container {
  const clustered = broker.size > 1;
  return {
    name: NATS_CONTAINER,
    image: image('nats', broker.tag),
    imagePullPolicy: pullPolicy(broker.tag),
    args: ['--config', `${CONFIG_DIRECTORY}/${CONFIG_FILE}`],
    env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    // Lame-duck mode hands the clients to the other servers. Alone, a server has nobody to hand them to and would only
    // keep its successor from starting, so it stops at once.
    ...(clustered && {
      lifecycle: { preStop: { exec: { command: ['nats-server', `-sl=ldm=${PID_FILE}`] } } },
    }),
    ports: [
      { containerPort: PORTS.nats, name: 'nats', protocol: 'TCP' },
      ...(clustered ? [{ containerPort: PORTS.cluster, name: 'cluster', protocol: 'TCP' }] : []),
      { containerPort: PORTS.monitor, name: 'monitor', protocol: 'TCP' },
    ],
    // The startup probe looks each second from the first on, so that a broker is Ready about a second after its start,
    // and has the patience for a long recovery; the others begin once it has succeeded.
    startupProbe: probe('/healthz', { periodSeconds: 1, failureThreshold: 900 }),
    readinessProbe: probe('/healthz?js-server-only=true', { periodSeconds: 2, failureThreshold: 5 }),
    livenessProbe: probe('/healthz?js-enabled-only=true', { periodSeconds: 30, failureThreshold: 3 }),
    resources: { limits: { cpu: '1', memory: '256Mi' }, requests: { cpu: '100m', memory: '64Mi' } },
    securityContext: restrictedContainer,
    volumeMounts: [
      { mountPath: CONFIG_DIRECTORY, name: 'config', readOnly: true },
      { mountPath: PID_DIRECTORY, name: 'pid' },
    ],
  };
}

/** Sends the server a reload when a file of its configuration changes; takes up what needs no restart. */
function reloader(): V1Container {
  return {
    name: 'reloader',
    image: RELOADER_IMAGE,
    imagePullPolicy: 'IfNotPresent',
    args: [
      ...['-pid', PID_FILE],
      ...['-config', `${CONFIG_DIRECTORY}/${CONFIG_FILE}`],
      ...['-config', `${CONFIG_DIRECTORY}/${CREDENTIALS_FILE}`],
    ],
    resources: { limits: { cpu: '100m', memory: '64Mi' }, requests: { cpu: '10m', memory: '16Mi' } },
    securityContext: restrictedContainer,
    volumeMounts: [
      { mountPath: PID_DIRECTORY, name: 'pid' },
      { mountPath: CONFIG_DIRECTORY, name: 'config', readOnly: true },
    ],
  };
}

function probe(path: string, times: { periodSeconds: number; failureThreshold: number }): V1Probe {
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
