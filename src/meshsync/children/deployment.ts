import type { V1Container, V1Deployment, V1DeploymentSpec, V1EnvVar, V1Volume } from '@kubernetes/client-node';
import { checksum } from '../../kubernetes/checksum.ts';
import { withAdditions } from '../../kubernetes/containers.ts';
import type { ObservedDeployment } from '../../kubernetes/kinds.ts';
import { COMPONENT_TYPE, MANAGEMENT_PLANE } from '../../kubernetes/labels.ts';
import { withPodTemplate } from '../../kubernetes/pods.ts';
import { REVISION_ANNOTATION } from '../../kubernetes/rollout.ts';
import { podSecurityContext, restrictedContainer } from '../../kubernetes/security.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import { isDynamicallyApplied } from '../../metacontroller/reapply.ts';
import type { BrokerAccess } from '../broker.ts';
import { withCredentials } from '../broker-url.ts';
import { meshSyncLabels, podSelector } from '../labels.ts';
import { MESHSYNC_PORT } from '../reserved.ts';
import type { MeshSync } from '../spec.ts';

/** Name of the container that runs MeshSync. */
export const MESHSYNC_CONTAINER = 'meshsync';

const BINARY = './meshery-meshsync';

const CA_DIRECTORY = '/etc/meshery/broker-ca';

/** User of the image, and its home directory, to which MeshSync writes a file. */
const USER = { name: 'nonroot', home: '/home/nonroot' };

/**
 * The Deployment, with the name of the MeshSync. Meshery Server edits it too: container arguments, some environment variables
 * and a pod annotation. Fields that the spec does not set are not applied, so Meshery Server's values are kept.
 * @param watchListChecksum of the active watch-list
 */
export function deployment(
  meshSync: MeshSync,
  access: BrokerAccess,
  watchListChecksum: string,
  observed: ObservedDeployment | undefined,
): Manifest<V1Deployment> {
  const selector = podSelector(meshSync, observed);
  const spec: V1DeploymentSpec = {
    replicas: meshSync.size,
    selector: { matchLabels: selector },
    template: withPodTemplate(
      {
        metadata: {
          annotations: {
            [COMPONENT_TYPE]: MANAGEMENT_PLANE,
            // MeshSync reads these only at startup: a change of a checksum rolls the pods.
            'meshery.io/watch-list-checksum': watchListChecksum,
            ...(access.credential && { 'meshery.io/credentials-checksum': access.credential.checksum }),
            ...(access.ca && { 'meshery.io/ca-checksum': access.ca.checksum }),
          },
          labels: { ...meshSyncLabels(meshSync), ...selector },
        },
        spec: {
          // Asked for by the pod, since its ServiceAccount may deny it by default.
          automountServiceAccountToken: true,
          containers: [withAdditions(container(meshSync, access, observed), meshSync.additions)],
          securityContext: podSecurityContext(meshSync.securityContext),
          serviceAccountName: meshSync.serviceAccountName ?? meshSync.names.meshsync,
          shareProcessNamespace: true,
          terminationGracePeriodSeconds: 60,
          volumes: [{ name: 'home', emptyDir: {} }, ...caVolume(access)],
        },
      },
      meshSync.podTemplate,
      selector,
    ),
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: meshSync.names.meshsync,
      namespace: meshSync.namespace,
      labels: meshSyncLabels(meshSync),
      annotations: {
        [COMPONENT_TYPE]: MANAGEMENT_PLANE,
        [REVISION_ANNOTATION]: checksum(JSON.stringify(spec)),
      },
    },
    spec,
  };
}

/** Only the CA certificates of the broker, not the other keys of the Secret. */
function caVolume({ ca }: BrokerAccess): V1Volume[] {
  if (!ca) return [];
  return [{ name: 'broker-ca', secret: { items: [{ key: ca.key, path: 'ca.crt' }], secretName: ca.name } }];
}

function container(meshSync: MeshSync, access: BrokerAccess, observed: ObservedDeployment | undefined): V1Container {
  const args = [...outputArguments(meshSync), ...meshSync.extraArgs];
  return {
    name: MESHSYNC_CONTAINER,
    image: meshSync.image.image,
    imagePullPolicy: meshSync.image.imagePullPolicy,
    command: [BINARY],
    env: [
      ...environment(access, observed),
      // Go programs read CA certificates from this directory besides the bundle of their image.
      ...(access.ca ? [{ name: 'SSL_CERT_DIR', value: CA_DIRECTORY }] : []),
      ...switches(meshSync),
      // MeshSync ends at once where it can't find the home directory of its user, which an image lacks for the platform's users.
      ...(meshSync.securityContext === 'platform'
        ? [
            { name: 'HOME', value: USER.home },
            { name: 'USER', value: USER.name },
          ]
        : []),
    ],
    ...(args.length > 0 && { args }),
    ports: [{ containerPort: MESHSYNC_PORT, name: 'client', protocol: 'TCP' }],
    ...probes(meshSync),
    resources: meshSync.resources,
    securityContext: restrictedContainer,
    volumeMounts: [
      { mountPath: USER.home, name: 'home' },
      ...(access.ca ? [{ mountPath: CA_DIRECTORY, name: 'broker-ca', readOnly: true }] : []),
    ],
  };
}

/**
 * `BROKER_URL`, preceded by the credential that it refers to: `$(NAME)` is expanded for preceding variables only.
 * Server-side-apply keeps the applied order. Dynamic-apply keeps the order of existing variables and appends new ones: if the
 * credential would follow `BROKER_URL`, the latter is removed for one sync, and appended by the next.
 */
function environment({ url, credential }: BrokerAccess, observed: ObservedDeployment | undefined): V1EnvVar[] {
  if (!credential) return [{ name: 'BROKER_URL', value: url }];
  const { type, name, key } = credential;
  const fromSecret = { valueFrom: { secretKeyRef: { key, name } } };
  if (type === 'url') return [{ name: 'BROKER_URL', ...fromSecret }];

  const variable = type === 'token' ? 'NATS_TOKEN' : 'BROKER_CREDENTIALS';
  const env = observed?.spec.template?.spec?.containers?.find(({ name }) => name === MESHSYNC_CONTAINER)?.env ?? [];
  const tokenAt = env.findIndex(({ name }) => name === variable);
  const urlAt = env.findIndex(({ name }) => name === 'BROKER_URL');
  const isMisplaced = isDynamicallyApplied(observed) && urlAt >= 0 && (tokenAt < 0 || tokenAt > urlAt);
  return [
    { name: variable, ...fromSecret },
    ...(isMisplaced ? [] : [{ name: 'BROKER_URL', value: withCredentials(url, variable) }]),
  ];
}

/** Switches that the spec sets, on or off; the others are left to Meshery Server. */
function switches({ switches: { debug, redactSecrets, contentDeduplication } }: MeshSync): V1EnvVar[] {
  return Object.entries({
    DEBUG: debug,
    MESHSYNC_REDACT_SECRETS: redactSecrets,
    MESHSYNC_BROKER_CONTENT_DEDUP: contentDeduplication,
  }).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value: String(value) }]));
}

function outputArguments({ output: { namespaces, resources } }: MeshSync): string[] {
  return [
    ...(namespaces ? ['--outputNamespaces', namespaces.join(',')] : []),
    ...(resources ? ['--outputResources', resources.join(',')] : []),
  ];
}

function probes({ hasHealthEndpoints }: MeshSync): Pick<V1Container, 'livenessProbe' | 'readinessProbe'> {
  if (!hasHealthEndpoints) {
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
