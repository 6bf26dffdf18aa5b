import { TLS_KEYS } from '../../kubernetes/secrets.ts';
import type { Broker } from '../spec.ts';

/** Mount path of the configuration, with the files of the ConfigMap and of the Secret of the servers. */
export const CONFIG_DIRECTORY = '/etc/nats-config';

/** Mount path of the streams. */
export const DATA_DIRECTORY = '/data';

/** PID file of a server, for the config reloader and for lame duck mode; that of the server of the users is beside it. */
export const PID_FILE = '/var/run/nats/nats.pid';
export const USERS_PID_FILE = '/var/run/nats/users.pid';
export const PID_DIRECTORY = PID_FILE.slice(0, PID_FILE.lastIndexOf('/'));

/** Variables in the configuration for the keys that JetStream encrypts streams with. */
export const ENCRYPTION_VARIABLES = { current: 'ENCRYPTION_KEY', previous: 'PREVIOUS_ENCRYPTION_KEY' } as const;

/** Certificates that a Secret of the user has for the servers. */
export interface Certificates {
  /** Name of the volume. */
  volume: string;
  secretName: string;
  directory: string;
  /** The files that NATS reads. */
  files: string[];
}

const PAIR = [TLS_KEYS.certificate, TLS_KEYS.key];

/** Where the certificates of each purpose are mounted. */
export function certificatesOf({ tls, routesSecret, leafNodes, webSocket, size }: Broker) {
  const leafSecret = leafNodes?.listener?.tlsSecret;
  const webSocketSecret = webSocket?.tlsSecret;
  return {
    ...(tls && { clients: mounted('tls', tls.secretName, tls.verify ? [...PAIR, TLS_KEYS.ca] : PAIR) }),
    ...(routesSecret && size > 1 && { routes: mounted('tls-routes', routesSecret, [...PAIR, TLS_KEYS.ca]) }),
    ...(leafSecret && { leafNodes: mounted('tls-leafnodes', leafSecret, PAIR) }),
    ...(webSocketSecret && { webSocket: mounted('tls-websocket', webSocketSecret, PAIR) }),
  };
}

function mounted(volume: string, secretName: string, files: string[]): Certificates {
  return { volume, secretName, directory: `/etc/nats-certs${volume.slice('tls'.length)}`, files };
}

/** The block `tls` of a listener, with further settings. */
export function tlsBlock({ directory, files }: Certificates, further: string[] = [], indent = ''): string {
  const file = (key: string) => `"${directory}/${key}"`;
  const [certificate = '', key = '', ca] = files;
  const lines = [
    `cert_file: ${file(certificate)}`,
    `key_file: ${file(key)}`,
    ...(ca ? [`ca_file: ${file(ca)}`, 'verify: true'] : []),
    ...further,
  ];
  return `${indent}tls {\n${lines.map((line) => `${indent}  ${line}\n`).join('')}${indent}}\n`;
}
