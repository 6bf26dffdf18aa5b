import { Type } from '@sinclair/typebox';
import { brokerDefaults } from '../../api/broker.ts';
import { AUTH_KEYS, brokerHost, brokerNames } from '../../broker/contract.ts';
import { BROKER_LABEL } from '../../broker/labels.ts';
import { kinds } from '../../kubernetes/kinds.ts';
import { decode } from '../../kubernetes/secrets.ts';
import { compiled } from '../../schema/compiled.ts';
import { read } from '../cluster/answer.ts';
import type { Connection } from '../cluster/connection.ts';
import { isReady, Pod, type Resource } from '../cluster/objects.ts';
import { listResources } from '../cluster/resources.ts';
import { ClusterError, UsageError } from '../errors.ts';

/** A Broker as far as clients need it. */
export interface Target {
  name: string;
  namespace: string;
  /** Where the token is. */
  token: SecretKey;
  /** Only with TLS. */
  tls?: {
    /** Where the CA certificates are. */
    ca: SecretKey;
    /** The name that the certificate is for. */
    serverName: string;
    /** Whether clients must present a certificate. */
    verify: boolean;
  };
}

/** A key of a Secret in the namespace of the Broker. */
export interface SecretKey {
  secret: string;
  key: string;
}

/** The fields that count, whether or not the operator accepts the rest of the spec. */
const hasAuth = compiled(
  Type.Object({
    auth: Type.Object({ tokenSecretRef: Type.Object({ name: Type.String(), key: Type.Optional(Type.String()) }) }),
  }),
);
const hasTls = compiled(
  Type.Object({ tls: Type.Object({ secretName: Type.String(), verify: Type.Optional(Type.Boolean()) }) }),
);
const isSecret = compiled(kinds.secret.schema);

/**
 * The Broker of a name, or the only one of the namespace.
 * @throws UsageError when there is none, or several
 */
export async function findTarget(connection: Connection, name: string | undefined): Promise<Target> {
  const { namespace } = connection;
  const brokers = await listResources(connection, { kinds: ['Broker'], namespace, ...(name && { name }) });
  const [broker] = brokers;
  if (!broker) {
    const what = name ? `Broker ${name}` : 'Broker';
    throw new UsageError(`there is no ${what} in namespace ${namespace}; -n names another`);
  }
  if (brokers.length > 1) {
    const names = brokers.map(({ metadata }) => metadata.name).join(', ');
    throw new UsageError(`namespace ${namespace} has several Brokers, name one: ${names}`);
  }
  return targetOf(broker);
}

/** What clients need to know of a Broker. */
export function targetOf({ metadata: { name, namespace }, spec }: Resource): Target {
  const names = brokerNames(name);
  const own = hasAuth.Check(spec) ? spec.auth.tokenSecretRef : undefined;
  const tls = hasTls.Check(spec) ? spec.tls : undefined;
  return {
    name,
    namespace,
    token: own?.name
      ? { secret: own.name, key: own.key || brokerDefaults.tokenKey }
      : { secret: names.auth, key: AUTH_KEYS.token },
    ...(tls?.secretName && {
      tls: {
        ca: { secret: names.auth, key: AUTH_KEYS.ca },
        serverName: brokerHost(names.nats, namespace),
        verify: tls.verify ?? false,
      },
    }),
  };
}

/**
 * The plain text of a key of a Secret, `undefined` where there is none.
 * @throws ClusterError when it may not be read
 */
export async function readSecret(
  connection: Connection,
  { namespace }: Target,
  { secret, key }: SecretKey,
): Promise<string | undefined> {
  const found = await connection.get(kinds.secret, secret, namespace);
  const { data = {} } = isSecret.Check(found) ? found : {};
  return Object.hasOwn(data, key) ? decode(data[key]) : undefined;
}

/**
 * The token of the clients.
 * @throws ClusterError when there is none, or when it may not be read
 */
export async function readToken(connection: Connection, target: Target): Promise<string> {
  const token = await readSecret(connection, target, target.token);
  if (token) return token;
  throw new ClusterError(`Secret ${target.token.secret} in namespace ${target.namespace} has no ${target.token.key}`);
}

/** The names of the server pods that are ready. */
export async function readyPods(connection: Pick<Connection, 'list'>, { name, namespace }: Target): Promise<string[]> {
  const labelSelector = `${BROKER_LABEL}=${name}`;
  const pods = await connection.list(kinds.pod, { namespace, labelSelector });
  return pods
    .map((pod) => read(Pod, pod))
    .filter(isReady)
    .map(({ metadata }) => metadata.name)
    .sort();
}
