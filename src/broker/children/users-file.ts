import { USERS_MONITOR_PORT, USERS_PORT } from '../../api/nats.ts';
import type { ServerCredentials } from '../credentials.ts';
import { quoted } from '../merge.ts';
import { USERS_LINK } from '../nats.ts';
import type { Broker, User } from '../spec.ts';
import { certificatesOf, tlsBlock, USERS_PID_FILE } from './files.ts';
import { settings, webSocket } from './settings.ts';

/** Key of the configuration of the servers of `auth.users` in the Secret of the servers. */
export const USERS_FILE = 'users.conf';

/**
 * The configuration of the server of `auth.users` in each pod. NATS refuses users beside a token, which Meshery needs, so
 * they connect to a server of their own: a leaf node of the server in the same pod, which it reaches on loopback. Whatever
 * the certificate for leaf nodes is for, it is not for loopback, which nobody else listens on.
 */
export function usersFile(broker: Broker, { own, routePassword }: ServerCredentials): string {
  const { users, leafNodes, tls } = broker;
  const { clients, leafNodes: leafCertificates } = certificatesOf(broker);
  const port = leafNodes?.listener?.port ?? USERS_LINK.port;
  const url = `nats-leaf://${USERS_LINK.user}:${routePassword}@127.0.0.1:${port}`;
  return `server_name: $USERS_SERVER_NAME
port: ${USERS_PORT}
${tls?.monitor ? 'https_port' : 'http_port'}: ${USERS_MONITOR_PORT}
pid_file: "${USERS_PID_FILE}"
authorization {
  users: [
${users.map((user, index) => userLine(user, own.users[index] ?? '')).join('')}  ]
}
leafnodes { remotes: [{ url: "${url}"${leafCertificates ? ', tls { insecure: true }' : ''} }] }
${settings(broker)}${clients ? tlsBlock(clients, broker.merge.blocks.tls) : ''}${webSocket(broker)}`;
}

function userLine({ user, nkey, permissions = {} }: User, value: string): string {
  const { publish, subscribe, allowResponses } = permissions;
  const rights = [
    ...(publish ? [`publish: ${subjects(publish)}`] : []),
    ...(subscribe ? [`subscribe: ${subjects(subscribe)}`] : []),
    ...(allowResponses ? ['allow_responses: true'] : []),
  ];
  const fields = [
    nkey ? `nkey: "${value}"` : `user: "${user}", password: ${quoted(value)}`,
    ...(rights.length > 0 ? [`permissions { ${rights.join(', ')} }`] : []),
  ];
  return `    { ${fields.join(', ')} }\n`;
}

/** NATS allows everything by an empty list of what it allows. */
function subjects({ allow, deny = [] }: { allow?: string[]; deny?: string[] }): string {
  const list = (names: string[]) => `[${names.map(quoted).join(', ')}]`;
  const denied = allow?.length === 0 ? ['>'] : deny;
  const fields = [
    ...(allow?.length ? [`allow: ${list(allow)}`] : []),
    ...(denied.length > 0 ? [`deny: ${list(denied)}`] : []),
  ];
  return `{ ${fields.join(', ')} }`;
}
