import type { V1Container, V1Deployment, V1DeploymentSpec, V1EnvVar, V1Volume } from '@kubernetes/client-node';
import { checksum } from '../../kubernetes/checksum.ts';
import { withCommonPodMetadata } from '../../kubernetes/common-metadata.ts';
import { recommendedLabels } from '../../kubernetes/labels.ts';
import { withPodTemplate } from '../../kubernetes/pods.ts';
import { REVISION_ANNOTATION } from '../../kubernetes/rollout.ts';
import { TLS_KEYS } from '../../kubernetes/secrets.ts';
import { podSecurityContext, restrictedContainer } from '../../kubernetes/security.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import { AUTH_KEYS } from '../contract.ts';
import { clientUrl } from '../nats.ts';
import type { Broker, NatsBox } from '../spec.ts';

const HOME = '/home/nats';
const CA_DIRECTORY = '/etc/nats-ca';
const CERTIFICATE_DIRECTORY = '/etc/nats-client';

/** Name of the Deployment. */
export function natsBoxName({ names }: Pick<Broker, 'names'>): string {
  return `${names.nats}-box`;
}

/** Labels that select the pod; no selector of the servers matches them. */
export function natsBoxSelector(broker: Pick<Broker, 'names'>): Record<string, string> {
  return { 'app.kubernetes.io/instance': natsBoxName(broker), 'app.kubernetes.io/name': 'nats-box' };
}

/**
 * The Deployment `X-nats-box`: a pod with the command line of NATS, which finds URL, token and certificates in its environment.
 * It reads the token and the certificate authority from the Secret of the clients, and is replaced when the token changes.
 * @param token of clients, for its checksum
 * @param hasCa whether the Secret has certificate authorities that clients must trust
 */
export function natsBox(
  broker: Broker,
  box: NatsBox,
  { token, hasCa }: { token: string; hasCa: boolean },
): Manifest<V1Deployment> {
  const { podTemplate, commonMetadata } = broker;
  const selector = natsBoxSelector(broker);
  const labels = recommendedLabels('nats-box', natsBoxName(broker), 'nats-box');
  // What the cluster demands of every pod.
  const { imagePullSecrets, nodeSelector, tolerations } = podTemplate.spec ?? {};
  const spec: V1DeploymentSpec = {
    replicas: 1,
    selector: { matchLabels: selector },
    template: withPodTemplate(
      {
        metadata: { annotations: { 'meshery.io/credentials-checksum': checksum(token) }, labels },
        spec: {
          automountServiceAccountToken: false,
          containers: [container(broker, box, hasCa)],
          enableServiceLinks: false,
          securityContext: podSecurityContext(broker.securityContext),
          terminationGracePeriodSeconds: 5,
          volumes: volumes(broker, box, hasCa),
          ...(imagePullSecrets && { imagePullSecrets }),
          ...(nodeSelector && { nodeSelector }),
          ...(tolerations && { tolerations }),
        },
      },
      withCommonPodMetadata({}, commonMetadata),
      selector,
    ),
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: natsBoxName(broker),
      namespace: broker.namespace,
      labels,
      annotations: { [REVISION_ANNOTATION]: checksum(JSON.stringify(spec)) },
    },
    spec,
  };
}

function container(broker: Broker, box: NatsBox, hasCa: boolean): V1Container {
  return {
    name: 'nats-box',
    image: box.image,
    imagePullPolicy: box.imagePullPolicy,
    command: ['sh', '-ec', 'trap true INT TERM; sleep infinity & wait'],
    env: environment(broker, box, hasCa),
    resources: box.resources,
    securityContext: restrictedContainer,
    volumeMounts: [
      { mountPath: HOME, name: 'home' },
      ...(hasCa ? [{ mountPath: CA_DIRECTORY, name: 'ca', readOnly: true }] : []),
      ...(box.clientCertificate ? [{ mountPath: CERTIFICATE_DIRECTORY, name: 'client', readOnly: true }] : []),
    ],
    workingDir: HOME,
  };
}

/** The variables by which the command line of NATS finds its broker. */
function environment(broker: Broker, { clientCertificate }: NatsBox, hasCa: boolean): V1EnvVar[] {
  return [
    { name: 'NATS_URL', value: clientUrl(broker) },
    {
      name: 'NATS_TOKEN',
      valueFrom: { secretKeyRef: { key: AUTH_KEYS.token, name: broker.names.auth } },
    },
    { name: 'HOME', value: HOME },
    { name: 'XDG_CONFIG_HOME', value: `${HOME}/.config` },
    ...(hasCa ? [{ name: 'NATS_CA', value: `${CA_DIRECTORY}/${AUTH_KEYS.ca}` }] : []),
    ...(clientCertificate
      ? [
          { name: 'NATS_CERT', value: `${CERTIFICATE_DIRECTORY}/${TLS_KEYS.certificate}` },
          { name: 'NATS_KEY', value: `${CERTIFICATE_DIRECTORY}/${TLS_KEYS.key}` },
        ]
      : []),
  ];
}

/** Of the Secret of the clients, only the certificate authority. */
function volumes({ names }: Broker, { clientCertificate }: NatsBox, hasCa: boolean): V1Volume[] {
  const { certificate, key } = TLS_KEYS;
  const { ca } = AUTH_KEYS;
  return [
    { name: 'home', emptyDir: {} },
    ...(hasCa ? [{ name: 'ca', secret: { secretName: names.auth, items: [{ key: ca, path: ca }] } }] : []),
    ...(clientCertificate
      ? [
          {
            name: 'client',
            secret: {
              secretName: clientCertificate,
              items: [certificate, key].map((each) => ({ key: each, path: each })),
            },
          },
        ]
      : []),
  ];
}
