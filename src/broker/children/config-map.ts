import type { V1ConfigMap } from '@kubernetes/client-node';
import { TLS_KEYS } from '../../kubernetes/secrets.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import { bytes } from '../../schema/quantity.ts';
import { type JetStreamAnnotations, jetStreamState } from '../jetstream.ts';
import { brokerLabels } from '../labels.ts';
import { PORTS } from '../nats.ts';
import type { Broker } from '../spec.ts';
import { CREDENTIALS_FILE } from './server-secret.ts';

/** Key of the configuration in the ConfigMap, and its name in the pods. */
export const CONFIG_FILE = 'nats.conf';

/** Mount paths of the certificates and the streams. */
export const TLS_DIRECTORY = '/etc/nats-certs';
export const DATA_DIRECTORY = '/data';

/** PID file of a server, for the config reloader and for lame duck mode. */
export const PID_FILE = '/var/run/nats/nats.pid';

/**
 * The ConfigMap `X-nats-config`: the servers' configuration without credentials.
 * @param annotations a copy of those of the StatefulSet and its pods, which survives when the StatefulSet is deleted
 */
export function configMap(broker: Broker, { workload, pods }: JetStreamAnnotations): Manifest<V1ConfigMap> {
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
    data: { [CONFIG_FILE]: natsConf(broker) },
  };
}

/** The lame duck times are NATS' minimum: a grace period of 10 s, then clients are disconnected over 30 s. */
function natsConf(broker: Broker): string {
  return `# Broker ${broker.namespace}/${broker.name}. Edits are put back: change the Broker instead.
server_name: $POD_NAME
port: ${PORTS.nats}
http_port: ${PORTS.monitor}
pid_file: "${PID_FILE}"
lame_duck_grace_period: "10s"
lame_duck_duration: "30s"
# The token and, with more than one server, the routes, which carry a password: from Secret ${broker.names.server}.
include ./${CREDENTIALS_FILE}
${settings(broker)}${tls(broker)}${jetStream(broker)}`;
}

/** The settings of `spec.config` that are set. */
function settings({ config }: Broker): string {
  const { maxPayload, maxConnections, writeDeadline, pingInterval, pingMax, debug, trace } = config;
  const lines: [string, string | number | boolean | undefined][] = [
    ['max_payload', maxPayload && String(bytes(maxPayload))],
    ['max_connections', maxConnections],
    ['write_deadline', writeDeadline && `"${writeDeadline}"`],
    ['ping_interval', pingInterval && `"${pingInterval}"`],
    ['ping_max', pingMax],
    ['debug', debug],
    ['trace', trace],
  ];
  return lines.map(([name, value]) => (value === undefined ? '' : `${name}: ${value}\n`)).join('');
}

function tls({ tls }: Broker): string {
  if (!tls) return '';
  const file = (key: string) => `"${TLS_DIRECTORY}/${key}"`;
  return `tls {
  cert_file: ${file(TLS_KEYS.certificate)}
  key_file: ${file(TLS_KEYS.key)}
${tls.verify ? `  ca_file: ${file(TLS_KEYS.ca)}\n  verify: true\n` : ''}}
`;
}

function jetStream(broker: Broker): string {
  const state = jetStreamState(broker);
  if (!state) return '';
  return `jetstream {
  store_dir: "${DATA_DIRECTORY}"
  max_file_store: ${state.maxFileStore}
  max_memory_store: ${state.maxMemoryStore}
}
`;
}
