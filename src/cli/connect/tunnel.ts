import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { PORTS } from '../../broker/nats.ts';
import type { Connection } from '../cluster/connection.ts';
import { readyPods, type Target } from './target.ts';

/** A port of this machine that leads to whichever server of a Broker is ready. */
export interface Tunnel {
  port: number;
  /** The pod of the last connection. */
  pod(): string | undefined;
  /** Why the last connection did not reach its pod, in one line. */
  failure(): Promise<string | undefined>;
  close(): void;
}

/**
 * Opens a port that stays the same while servers come and go: for each connection, a ready pod is chosen, and the one that was
 * left last is the last choice.
 */
export async function openTunnel(connection: Pick<Connection, 'list' | 'forward'>, target: Target): Promise<Tunnel> {
  const open = new Set<Socket>();
  const forwards = new Map<string, ReturnType<Connection['forward']>>();
  let current: string | undefined;
  let left: string | undefined;

  async function choose(): Promise<string | undefined> {
    const ready = await readyPods(connection, target);
    const stays = current !== left && ready.find((pod) => pod === current);
    return stays || (ready.find((pod) => pod !== left) ?? ready[0]);
  }

  function forwardTo(pod: string): ReturnType<Connection['forward']> {
    const known = forwards.get(pod);
    if (known) return known;
    const made = connection.forward(target.namespace, pod, PORTS.nats);
    made.catch(() => forwards.delete(pod));
    forwards.set(pod, made);
    return made;
  }

  async function join(client: Socket): Promise<void> {
    const pod = await choose();
    if (!pod) throw new Error('no server is ready');
    current = pod;
    const { port } = await forwardTo(pod);
    const server = connect(port, '127.0.0.1');
    open.add(server);
    server.on('error', () => client.destroy());
    server.on('close', () => {
      open.delete(server);
      // The client has not ended it: the server is gone, or no longer reachable.
      if (!client.destroyed) left = pod;
      client.destroy();
    });
    client.on('close', () => server.destroy());
    client.pipe(server).pipe(client);
  }

  const listener = createServer((client) => {
    open.add(client);
    client.on('close', () => open.delete(client)).on('error', () => client.destroy());
    // The client tries again.
    join(client).catch(() => client.destroy());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    pod: () => current,
    failure: async () => (current ? (await forwardTo(current)).failure() : undefined),
    close: () => {
      listener.close();
      for (const socket of open) socket.destroy();
      for (const forward of forwards.values())
        forward.then(
          ({ close }) => close(),
          () => {},
        );
    },
  };
}

/** How long a server may take to greet. */
const GREETING_MS = 10_000;

/** Whether a NATS server answers on a port of this machine. */
export async function greets(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(GREETING_MS, () => socket.destroy());
  return new Promise((resolve) => {
    socket.once('data', (data: Buffer) => {
      resolve(data.toString('latin1').startsWith('INFO '));
      socket.destroy();
    });
    socket.on('error', () => resolve(false)).on('close', () => resolve(false));
  });
}
