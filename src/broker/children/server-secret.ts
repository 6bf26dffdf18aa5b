import type { V1Secret } from '@kubernetes/client-node';
import { encode } from '../../kubernetes/secrets.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import { ENCRYPTION_KEYS, isEncrypted, ROUTE_PASSWORD_KEY, type ServerCredentials } from '../credentials.ts';
import { brokerLabels } from '../labels.ts';
import { quoted } from '../merge.ts';
import { natsServerAddresses, PORTS, SYSTEM_PORTS, USERS_LINK } from '../nats.ts';
import type { Broker } from '../spec.ts';
import { CONFIG_DIRECTORY, certificatesOf, ENCRYPTION_VARIABLES, tlsBlock } from './files.ts';
import { USERS_FILE, usersFile } from './users-file.ts';

/** Key of the file that nats.conf includes: all settings that contain a credential. */
export const CREDENTIALS_FILE = 'credentials.conf';

/** Key of the configuration of a temporary server with a user of the system account; only with several servers. */
export const SYSTEM_FILE = 'system.conf';

/**
 * The Secret `X-nats-server`: what a server needs to join the broker, as values and as configuration. Clients can't read it:
 * the route password gives access to every account.
 */
export function serverSecret(broker: Broker, credentials: ServerCredentials, serviceName: string): Manifest<V1Secret> {
  const { routePassword, encryption } = credentials;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: broker.names.server, namespace: broker.namespace, labels: brokerLabels(broker) },
    data: {
      [ROUTE_PASSWORD_KEY]: encode(routePassword),
      ...(encryption && { [ENCRYPTION_KEYS.current]: encode(encryption.current) }),
      ...(encryption?.previous && { [ENCRYPTION_KEYS.previous]: encode(encryption.previous) }),
      ...Object.fromEntries(
        Object.entries(serverFiles(broker, credentials, serviceName)).map(([file, content]) => [file, encode(content)]),
      ),
    },
  };
}

/** The files of the Secret that the servers read, by name. */
function serverFiles(broker: Broker, credentials: ServerCredentials, serviceName: string): Record<string, string> {
  return {
    [CREDENTIALS_FILE]: credentialsFile(broker, credentials, serviceName),
    ...(broker.size > 1 && { [SYSTEM_FILE]: systemFile(broker, credentials, serviceName) }),
    ...(broker.users.length > 0 && { [USERS_FILE]: usersFile(broker, credentials) }),
    ...remoteFiles(credentials),
  };
}

/** The names of the files that `serverSecret` has for a broker. */
export function serverFileNames(broker: Broker, { own }: Pick<ServerCredentials, 'own'>): string[] {
  return [
    CREDENTIALS_FILE,
    ...(broker.size > 1 ? [SYSTEM_FILE] : []),
    ...(broker.users.length > 0 ? [USERS_FILE] : []),
    ...Object.keys(remoteFiles({ own })),
  ];
}

/** Values are quoted: NATS would parse an unquoted one that looks like a number as a number. */
export function credentialsFile(broker: Broker, credentials: ServerCredentials, serviceName: string): string {
  const further = (broker.merge.blocks.authorization ?? []).map((line) => `, ${line}`).join('');
  const authorization = `authorization { token: "${credentials.token}"${further} }\n`;
  return [
    authorization,
    encryption(broker, credentials),
    leafNodes(broker, credentials),
    ...(broker.size > 1
      ? [cluster(broker, credentials, serviceName, `port: ${PORTS.cluster}`)]
      : // The name of a cluster tells a leaf node from others whose servers have the same names.
        broker.leafNodes?.remotes.length
        ? [`cluster { name: "${broker.clusterName}" }\n`]
        : []),
  ].join('');
}

/**
 * NATS refuses users of the system account beside a token, and a token as an argument would show in the lists of processes.
 * So administrators start one more server in a pod for as long as they need that account: it joins the cluster without
 * JetStream, and is reached from within the pod only. The block `authorization` keeps it from accepting anonymous clients.
 */
function systemFile(broker: Broker, credentials: ServerCredentials, serviceName: string): string {
  return `listen: "127.0.0.1:${SYSTEM_PORTS.nats}"
authorization { timeout: 5 }
accounts { $SYS { users: [{ user: "${SYSTEM_USER}", password: "${credentials.routePassword}" }] } }
${cluster(broker, credentials, serviceName, `listen: "127.0.0.1:${SYSTEM_PORTS.cluster}"`)}`;
}

function cluster(broker: Broker, { routePassword }: ServerCredentials, serviceName: string, listen: string): string {
  const routes = natsServerAddresses(broker, serviceName).map(
    (address) => `    "nats://${ROUTE_USER}:${routePassword}@${address}:${PORTS.cluster}"\n`,
  );
  const { routes: certificates } = certificatesOf(broker);
  return `cluster {
  name: "${broker.clusterName}"
  ${listen}
  no_advertise: true
  authorization { user: "${ROUTE_USER}", password: "${routePassword}", timeout: 5 }
${certificates ? tlsBlock(certificates, [], '  ') : ''}${lines(broker.merge.blocks.cluster)}  routes: [
${routes.join('')}  ]
}
`;
}

/** Variables that the block `jetstream` of nats.conf refers to. Both are always there, so that a rotation changes one object. */
function encryption(broker: Broker, credentials: ServerCredentials): string {
  if (!isEncrypted(broker, credentials)) return '';
  const { current = '', previous = '' } = credentials.encryption ?? {};
  return `${ENCRYPTION_VARIABLES.current}: "${current}"\n${ENCRYPTION_VARIABLES.previous}: "${previous}"\n`;
}

/** The listener for leaf nodes, among them the servers of the users in the same pods, and the hubs. */
function leafNodes(broker: Broker, { own, routePassword }: ServerCredentials): string {
  const { users, leafNodes } = broker;
  const { listener, remotes = [] } = leafNodes ?? {};
  if (users.length === 0 && !leafNodes) return '';
  const { leafNodes: certificates } = certificatesOf(broker);
  const accepted = [
    ...(users.length > 0 ? [{ user: USERS_LINK.user, password: routePassword }] : []),
    ...(listener?.users.map(({ user }, index) => ({ user, password: own.leafUsers[index] ?? '' })) ?? []),
  ];
  const listen = listener ? `port: ${listener.port}` : `listen: "127.0.0.1:${USERS_LINK.port}"`;
  return `leafnodes {
${
  accepted.length > 0
    ? `  ${listen}
  no_advertise: true
  authorization {
    users: [
${accepted.map(({ user, password }) => `      { user: "${user}", password: ${quoted(password)} }\n`).join('')}    ]
  }
${certificates ? tlsBlock(certificates, [], '  ') : ''}`
    : ''
}${lines(broker.merge.blocks.leafnodes)}${
  remotes.length > 0
    ? `  remotes: [\n${remotes.map((remote, index) => remoteLeaf(remote, own.remotes[index] ?? {}, index)).join('')}  ]\n`
    : ''
}}
`;
}

type Remote = NonNullable<Broker['leafNodes']>['remotes'][number];
type RemoteSecrets = ServerCredentials['own']['remotes'][number];

function remoteLeaf({ url, user }: Remote, { password = '', credentials, tls }: RemoteSecrets, index: number): string {
  const [scheme = '', address = ''] = url.split('://');
  const userInfo = user ? `${encodeURIComponent(user.name)}:${encodeURIComponent(password)}@` : '';
  const file = (name: keyof typeof REMOTE_FILES) => `"${CONFIG_DIRECTORY}/${remoteFile(index, name)}"`;
  const certificates = [
    ...(tls?.ca ? [`ca_file: ${file('ca')}`] : []),
    ...(tls?.certificate ? [`cert_file: ${file('certificate')}, key_file: ${file('key')}`] : []),
  ];
  const fields = [
    `url: "${scheme}://${userInfo}${address}"`,
    ...(credentials ? [`credentials: ${file('credentials')}`] : []),
    ...(certificates.length > 0 ? [`tls { ${certificates.join(', ')} }`] : []),
  ];
  return `    { ${fields.join(', ')} }\n`;
}

/** Suffixes of the files of a hub. */
const REMOTE_FILES = { credentials: '.creds', ca: '-ca.crt', certificate: '-tls.crt', key: '-tls.key' };

function remoteFile(index: number, name: keyof typeof REMOTE_FILES): string {
  return `leaf-${index}${REMOTE_FILES[name]}`;
}

function remoteFiles({ own }: Pick<ServerCredentials, 'own'>): Record<string, string> {
  const files: Record<string, string> = {};
  for (const [index, { credentials, tls = {} }] of own.remotes.entries()) {
    if (credentials !== undefined) files[remoteFile(index, 'credentials')] = credentials;
    if (tls.ca !== undefined) files[remoteFile(index, 'ca')] = tls.ca;
    if (tls.certificate !== undefined) files[remoteFile(index, 'certificate')] = tls.certificate;
    if (tls.key !== undefined) files[remoteFile(index, 'key')] = tls.key;
  }
  return files;
}

function lines(settings: string[] = []): string {
  return settings.map((line) => `  ${line}\n`).join('');
}

const ROUTE_USER = 'route';

/** User of the system account; its password is that of the routes, which gives the same access. */
const SYSTEM_USER = 'system';
