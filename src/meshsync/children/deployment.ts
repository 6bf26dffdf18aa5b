import type { V1Container, V1Deployment, V1DeploymentSpec, V1EnvVar, V1Volume } from '@kubernetes/client-node';
import { TLS_KEYS } from '../../broker/references.ts';
import { checksum } from '../../kubernetes/checksum.ts';
import { isAtLeast } from '../../kubernetes/images.ts';
import type { Manifest } from '../../kubernetes/manifest.ts';
import { restrictedContainer, restrictedPod } from '../../kubernetes/security.ts';
import { isDynamicallyApplied } from '../../metacontroller/carry-over.ts';
import type { ObservedDeployment } from '../../metacontroller/observed.ts';
import { REVISION_ANNOTATION } from '../../metacontroller/revision.ts';
import type { BrokerConnection } from '../broker.ts';
import { meshSyncLabels, podSelector } from '../labels.ts';
import type { MeshSync } from '../spec.ts';

/** Name of the container that runs MeshSync. */
export const MESHSYNC_CONTAINER = 'meshsync';

const BINARY = './meshery-meshsync';

/** First release with `/healthz` and `/readyz`; a probe of an image without them would restart it for ever. */
const FIRST_WITH_HEALTH_ENDPOINTS = '1.0.1';

const CA_DIRECTORY = '/etc/meshery/broker-ca';

const managementPlane = { 'meshery/component-type': 'management-plane' };

/**
 * The Deployment, called as the MeshSync. Meshery Server edits it too: container arguments, some environment variables
 * and a pod annotation; none of them is rendered here, so they stay as the Server wrote them.
 */
export function deployment(
  meshSync: MeshSync,
  connection: BrokerConnection,
  observed: ObservedDeployment | undefined,
): Manifest<V1Deployment> {
  const { whitelist = '', blacklist = '' } = meshSync.watchList;
  const selector = podSelector(meshSync, observed);
  const ca = caVolume(connection);
  const spec: V1DeploymentSpec = {
    replicas: meshSync.size,
    selector: { matchLabels: selector },
    template: {
      metadata: {
        annotations: {
          ...managementPlane,
          // MeshSync reads both only when it starts.
          'meshery.io/watch-list-checksum': checksum(JSON.stringify([whitelist, blacklist])),
          ...(connection.credential && { 'meshery.io/credentials-checksum': checksum(connection.credential.value) }),
          ...(ca && { 'meshery.io/ca-checksum': checksum(connection.ca ?? '') }),
        },
        labels: { ...meshSyncLabels(meshSync), ...selector },
      },
      spec: {
        containers: [container(meshSync, connection, observed)],
        securityContext: restrictedPod,
        serviceAccountName: meshSync.names.meshsync,
        shareProcessNamespace: true,
        terminationGracePeriodSeconds: 60,
        volumes: [{ name: 'home', emptyDir: {} }, ...(ca ? [ca] : [])],
      },
    },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: meshSync.names.meshsync,
      namespace: meshSync.namespace,
      labels: meshSyncLabels(meshSync),
      annotations: { ...managementPlane, [REVISION_ANNOTATION]: checksum(JSON.stringify(spec)) },
    },
    spec,
  };
}

/** The certificates of the broker alone, not what else is in the Secret. */
function caVolume({ ca, credential }: BrokerConnection): V1Volume | undefined {
  if (!ca || !credential) return undefined;
  return {
    name: 'broker-ca',
    secret: { items: [{ key: TLS_KEYS.ca, path: TLS_KEYS.ca }], secretName: credential.secretName },
  };
}

function container(
  meshSync: MeshSync,
  connection: BrokerConnection,
  observed: ObservedDeployment | undefined,
): V1Container {
  return {
    name: MESHSYNC_CONTAINER,
    image: meshSync.image.image,
    imagePullPolicy: meshSync.image.imagePullPolicy,
    command: [BINARY],
    // Programs in Go read certificates from this directory besides the bundle of their image.
    env: [
      ...environment(connection, observed),
      ...(connection.ca ? [{ name: 'SSL_CERT_DIR', value: CA_DIRECTORY }] : []),
    ],
    ports: [{ containerPort: 11000, name: 'client', protocol: 'TCP' }],
    ...probes(meshSync.tag),
    resources: { limits: { cpu: '4', memory: '4Gi' }, requests: { cpu: '500m', memory: '512Mi' } },
    securityContext: restrictedContainer,
    // MeshSync keeps a file in its home directory, which is this one for the user it runs as.
    volumeMounts: [
      { mountPath: '/home/nonroot', name: 'home' },
      ...(connection.ca ? [{ mountPath: CA_DIRECTORY, name: 'broker-ca', readOnly: true }] : []),
    ],
  };
}

/**
 * `BROKER_URL`, and before it the token that it refers to: `$(NAME)` is expanded for variables that stand before only.
 * Server-side-apply puts them into the order that is asked for. Dynamic-apply keeps the order of those that are there
 * already and puts new ones behind them: where the token would end up behind `BROKER_URL`, that is taken out for one
 * sync, to come back in its place in the next.
 */
function environment({ url, credential }: BrokerConnection, observed: ObservedDeployment | undefined): V1EnvVar[] {
  if (!credential) return [{ name: 'BROKER_URL', value: url }];
  const { type, secretName: name } = credential;
  const fromSecret = { valueFrom: { secretKeyRef: { key: type, name } } };
  if (type === 'url') return [{ name: 'BROKER_URL', ...fromSecret }];

  const env = observed?.spec.template?.spec?.containers?.find(({ name }) => name === MESHSYNC_CONTAINER)?.env ?? [];
  const tokenAt = env.findIndex(({ name }) => name === 'NATS_TOKEN');
  const urlAt = env.findIndex(({ name }) => name === 'BROKER_URL');
  const misplaced = isDynamicallyApplied(observed) && urlAt >= 0 && (tokenAt < 0 || tokenAt > urlAt);
  return [
    { name: 'NATS_TOKEN', ...fromSecret },
    ...(misplaced ? [] : [{ name: 'BROKER_URL', value: url.replace('://', '://$(NATS_TOKEN)@') }]),
  ];
}

function probes(tag: string): Pick<V1Container, 'livenessProbe' | 'readinessProbe'> {
  if (!isAtLeast(tag, FIRST_WITH_HEALTH_ENDPOINTS)) {
    return {
      livenessProbe: {
        exec: { command: [BINARY, '-h'] },
        failureThreshold: 5,
        initialDelaySeconds: 60,
        periodSeconds: 30,
        timeoutSeconds: 30,
      },
    };
  }
  return {
    livenessProbe: {
      httpGet: { path: '/healthz', port: 'client' },
      failureThreshold: 5,
      periodSeconds: 30,
      timeoutSeconds: 5,
    },
    readinessProbe: {
      httpGet: { path: '/readyz', port: 'client' },
      failureThreshold: 3,
      periodSeconds: 2,
      timeoutSeconds: 5,
    },
  };
}
