import { connect, type NatsConnection, tokenAuthenticator } from '@nats-io/transport-node';
import { decode } from '../../src/kubernetes/secrets.ts';
import { broker, isReady, meshSync, namespace } from '../cluster/expectations.ts';
import type { KubernetesObject } from '../cluster/kubernetes.ts';
import { gapDuring, TENACIOUS } from '../support/gap.ts';
import type { World } from './world.ts';

/** What the scenarios share. */
export interface Scene {
  world: () => World;
  /** Adds a row to a table that is printed at the end: a value in the unit that the table names. */
  measured: (table: Table, what: string, value: number) => void;
}

/** The tables: seconds from a command to a state, milliseconds without a message, MiB, and thousandths of a CPU. */
export type Table = 'times' | 'gaps' | 'memory' | 'cpu';

/** The longest accepted gaps of a client, in ms: with one server, and with three. */
export const LONGEST_GAP = { one: 10_000, three: 1_000 };

/** Applies a Broker with the usual name in a namespace of its own, and waits until it is ready. */
export async function startBroker({ kubernetes }: World, of: string, spec: object = {}): Promise<KubernetesObject> {
  await namespace(kubernetes, of);
  return isReady(kubernetes, await kubernetes.apply(broker(of, 'meshery-broker', spec)), 'Ready', 90);
}

/** Applies a MeshSync with the usual name, and waits until it is ready. */
export async function startMeshSync({ kubernetes }: World, of: string): Promise<KubernetesObject> {
  return isReady(kubernetes, await kubernetes.apply(meshSync(of, 'meshery-meshsync')), 'Ready', 90);
}

/** Merges into the spec of the Broker of a namespace. */
export function patchBroker({ kubernetes }: World, of: string, spec: object): Promise<KubernetesObject> {
  return kubernetes.patch({ ...broker(of, 'meshery-broker'), spec });
}

/**
 * A client of the Broker of a namespace, through its Service. It connects again with the token that it had, or with the one
 * that is in the Secret by then: while a token is rotated, some servers accept the one, and some the other.
 */
export async function client({ kubernetes }: World, of: string): Promise<NatsConnection> {
  const { data } = (await kubernetes.get('v1', 'Secret', 'meshery-nats-auth', of)) ?? {};
  const tokens = [decode(data?.token), decode(data?.token)];
  const stop = await kubernetes.watch('v1', 'Secret', of, (_, object) => {
    if (object.metadata.name === 'meshery-nats-auth') tokens[1] = decode(object.data?.token);
  });
  const { spec } = (await kubernetes.get('v1', 'Service', 'meshery-nats', of)) ?? {};
  const ca = decode(data?.['ca.crt']);
  // The certificates of the tests are for the name of the Service, which this machine can't resolve.
  const tls = { ca, servername: `meshery-nats.${of}.svc` };
  let attempts = 0;
  const connection = await connect({
    ...TENACIOUS,
    servers: `${spec?.clusterIP}:4222`,
    authenticator: tokenAuthenticator(() => tokens[attempts++ % 2] ?? ''),
    ignoreAuthErrorAbort: true,
    // A Service leads to a pod a moment after the pod is ready.
    waitOnFirstConnect: true,
    ...(ca && { tls }),
  });
  connection.closed().then(stop);
  return connection;
}

/** The gap of a pair of clients of the Broker of a namespace, in ms, which goes into the table. */
export async function gap(
  { world, measured }: Scene,
  of: string,
  what: string,
  happens: () => Promise<unknown>,
): Promise<number> {
  const clients = await Promise.all([client(world(), of), client(world(), of)]);
  try {
    const [publisher, subscriber] = clients;
    const milliseconds = await gapDuring(publisher, subscriber, happens);
    measured('gaps', what, milliseconds);
    return milliseconds;
  } finally {
    await Promise.all(clients.map((each) => each.close()));
  }
}
