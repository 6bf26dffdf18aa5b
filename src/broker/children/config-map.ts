import type { V1ConfigMap } from '@kubernetes/client-node';
import type { Manifest } from '../../metacontroller/object.ts';
import { bytes } from '../../schema/quantity.ts';
import { isEncrypted, type ServerCredentials } from '../credentials.ts';
import { type JetStreamAnnotations, jetStreamState } from '../jetstream.ts';
import { brokerLabels } from '../labels.ts';
import { PORTS } from '../nats.ts';
import type { Broker } from '../spec.ts';
import { certificatesOf, DATA_DIRECTORY, ENCRYPTION_VARIABLES, PID_FILE, tlsBlock } from './files.ts';
import { CREDENTIALS_FILE } from './server-secret.ts';
import { settings, webSocket } from './settings.ts';

/** Key of the configuration in the ConfigMap, and its name in the pods. */
export const CONFIG_FILE = 'nats.conf';

/** The lame duck times are NATS' minimum: a grace period of 10 s, then clients are disconnected over 30 s. */
const lameDuck = `lame_duck_grace_period: "10s"
lame_duck_duration: "30s"
`;

/**
 * The ConfigMap `X-nats-config`: the servers' configuration without credentials.
 * @param annotations a copy of those of the StatefulSet and its pods, which survives when the StatefulSet is deleted
 */
export function configMap(
  broker: Broker,
  credentials: Pick<ServerCredentials, 'encryption'>,
  { workload, pods }: JetStreamAnnotations,
): Manifest<V1ConfigMap> {
  const annotations = { ...workload, ...pods };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: broker.names.config,
      namespace: broker.namespace,
      labels: brokerLabels(broker),
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    data: { [CONFIG_FILE]: natsConf(broker, isEncrypted(broker, credentials)) },
  };
}

function natsConf(broker: Broker, encrypted: boolean): string {
  const { tls, users, merge } = broker;
  const { clients } = certificatesOf(broker);
  return `# Broker ${broker.namespace}/${broker.name}. Edits are put back: change the Broker instead.
server_name: $POD_NAME
port: ${PORTS.nats}
${tls?.monitor ? 'https_port' : 'http_port'}: ${PORTS.monitor}
pid_file: "${PID_FILE}"
${lameDuck}# The token and, with more than one server, the routes, which carry a password: from Secret ${broker.names.server}.
include ./${CREDENTIALS_FILE}
${settings(broker)}${clients ? tlsBlock(clients, merge.blocks.tls) : ''}${jetStream(broker, encrypted)}${users.length > 0 ? '' : webSocket(broker)}`;
}

function jetStream(broker: Broker, encrypted: boolean): string {
  const state = jetStreamState(broker);
  if (!state) return '';
  const { domain, maxOutstandingCatchup, cipher } = broker.jetStream ?? {};
  const lines = [
    `store_dir: "${DATA_DIRECTORY}"`,
    `max_file_store: ${state.maxFileStore}`,
    `max_memory_store: ${state.maxMemoryStore}`,
    ...(domain ? [`domain: "${domain}"`] : []),
    ...(maxOutstandingCatchup ? [`max_outstanding_catchup: ${bytes(maxOutstandingCatchup)}`] : []),
    ...(encrypted
      ? [
          `encryption_key: $${ENCRYPTION_VARIABLES.current}`,
          `prev_encryption_key: $${ENCRYPTION_VARIABLES.previous}`,
          ...(cipher ? [`cipher: "${cipher}"`] : []),
        ]
      : []),
    ...(broker.merge.blocks.jetstream ?? []),
  ];
  return `jetstream {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;
}
