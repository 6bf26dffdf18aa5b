import type { NatsConnection } from '@nats-io/transport-node';
import { until } from '../cluster/processes.ts';

/** Options of clients that reconnect at once, again and again, and wait for a connection as long as those of Go do by default. */
export const TENACIOUS = { maxReconnectAttempts: -1, reconnectTimeWait: 50, timeout: 2_000 };

/**
 * The longest time without a message, in ms, of a client that publishes each 50 ms and another that subscribes, while something
 * happens to their servers.
 * @throws when no messages arrive before it, or within a minute after it
 */
export async function gapDuring(
  publisher: NatsConnection,
  subscriber: NatsConnection,
  happens: () => Promise<unknown>,
): Promise<number> {
  const times: number[] = [];
  const callback = () => {
    times.push(performance.now());
  };
  const subscription = subscriber.subscribe('gap', { callback });
  await subscriber.flush();
  const timer = setInterval(() => publisher.publish('gap'), 50);
  const receives = async () => {
    const before = times.length;
    await until('messages', async () => times.length > before + 20, 60);
  };
  try {
    await receives();
    await happens();
    await receives();
  } finally {
    clearInterval(timer);
    subscription.unsubscribe();
  }
  return Math.round(Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? 0))));
}
