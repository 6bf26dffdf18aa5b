import type { V1ConfigMap } from '@kubernetes/client-node';
import type { Manifest } from '../../kubernetes/manifest.ts';
import { brokerLabels } from '../labels.ts';
import { PORTS } from '../nats.ts';
import type { Broker } from '../spec.ts';
import { CREDENTIALS_FILE } from './auth-secret.ts';

/** Key of the configuration in the ConfigMap, and its name in the pods. */
export const CONFIG_FILE = 'nats.conf';

/** Where a server writes its process id, for the config reloader and for lame-duck mode. */
export const PID_FILE = '/var/run/nats/nats.pid';

/** The ConfigMap `X-nats-config`: the servers' configuration without credentials. */
export function configMap(broker: Broker): Manifest<V1ConfigMap> {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: broker.names.config, namespace: broker.namespace, labels: brokerLabels(broker) },
    data: { [CONFIG_FILE]: natsConf(broker) },
  };
}

/** Lame-duck times are NATS's least: clients get 10 s to leave by themselves and are moved away over 30 s. */
function natsConf(broker: Broker): string {
  return `# Broker ${broker.namespace}/${broker.name}. Edits are put back: change the Broker instead.
server_name: $POD_NAME
port: ${PORTS.nats}
http_port: ${PORTS.monitor}
pid_file: "${PID_FILE}"
lame_duck_grace_period: "10s"
lame_duck_duration: "30s"
# The token and, with more than one server, the routes, which carry a password: from Secret ${broker.names.auth}.
include ./${CREDENTIALS_FILE}
`;
}
