import { connect, errors, type NatsConnection, tokenAuthenticator } from '@nats-io/transport-node';
import { ClusterError } from '../errors.ts';
import { type Entry, entryOf } from './message.ts';

/** How a subscriber connects, and what it listens to. */
export interface Subscription {
  /** A port of this machine. */
  port: number;
  subject: string;
  /** Reads the token, again after each interruption: it may have been rotated. */
  readToken: () => Promise<string>;
  /** Only with TLS. */
  tls?: { servername: string; ca?: string; cert?: string; key?: string };
  /** Ends after so many messages. */
  count?: number;
  signal: AbortSignal;
}

/** What a subscriber reports. */
export interface Listener {
  onMessage(entry: Entry): void;
  /** It is connected, for the first time or again. */
  onConnected(): void;
  onInterrupted(): void;
}

/** Pause between two attempts to reconnect. */
const PAUSE_MS = 500;
const TIMEOUT_MS = 5_000;

/**
 * Subscribes until it is interrupted or has enough messages, and outlives servers that restart.
 * @throws ClusterError when the first connection fails
 */
export async function tail(subscription: Subscription, listener: Listener): Promise<void> {
  const { port, subject, tls, count = Number.POSITIVE_INFINITY, signal, readToken } = subscription;
  let token = await readToken();
  const connection = await connected({
    name: 'meshery-operator connect',
    servers: `127.0.0.1:${port}`,
    authenticator: tokenAuthenticator(() => token),
    maxReconnectAttempts: -1,
    reconnectTimeWait: PAUSE_MS,
    timeout: TIMEOUT_MS,
    // Their addresses are those of pods.
    ignoreClusterUpdates: true,
    ignoreAuthErrorAbort: true,
    ...(tls && { tls }),
  });
  const close = () => connection.close();
  signal.addEventListener('abort', close, { once: true });
  if (signal.aborted) await close();
  const refresh = async () => {
    // Where it can't be read now, the old one may still do.
    token = await readToken().catch(() => token);
  };
  const following = follow(connection, listener, refresh);
  try {
    const messages = connection.subscribe(subject);
    await connection.flush();
    listener.onConnected();
    let received = 0;
    for await (const message of messages) {
      listener.onMessage(entryOf(message.subject, message.data, new Date()));
      received += 1;
      if (received >= count) break;
    }
  } catch (error) {
    if (!signal.aborted) throw refusal(error);
  } finally {
    signal.removeEventListener('abort', close);
    await connection.close();
    await following;
  }
}

async function connected(options: Parameters<typeof connect>[0]): Promise<NatsConnection> {
  try {
    return await connect(options);
  } catch (error) {
    // A server that does not accept a certificate says nothing to the client.
    if (!(error instanceof errors.TimeoutError) || !options?.tls?.cert) throw refusal(error);
    throw new ClusterError('the Broker does not answer: has ca.crt of its Secret signed the certificate?');
  }
}

async function follow(connection: NatsConnection, listener: Listener, refresh: () => Promise<void>): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === 'disconnect') listener.onInterrupted();
    if (type === 'disconnect' || type === 'reconnecting') await refresh();
    if (type === 'reconnect') listener.onConnected();
  }
}

/** Never the options of the connection, which hold the token. */
function refusal(error: unknown): ClusterError {
  const message = error instanceof Error ? error.message : String(error);
  return new ClusterError(`the Broker refuses the connection: ${message.replaceAll(/\s+/g, ' ').trim()}`);
}
