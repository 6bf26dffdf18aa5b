import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type ListenOptions, type NetConnectOpts } from 'node:net';

/**
 * Forwards connections. A Unix socket leads from one network namespace to another, since the file system is the same.
 * @returns the port, where it listens on one
 */
export async function forward(from: ListenOptions, to: NetConnectOpts): Promise<number | undefined> {
  const server = createServer((client) => {
    const target = connect(to);
    client.pipe(target).pipe(client);
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      socket.on('error', () => other.destroy());
      // What the one has sent before it closed still reaches the other.
      socket.on('close', () => other.destroySoon());
    }
  }).listen(from);
  await once(server, 'listening');
  server.unref();
  return (server.address() as AddressInfo | null)?.port;
}
