import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/**
 * A proxy between Metacontroller and the service, so that a scenario can stop the service and read the requests.
 * `pass` forwards requests; `refuse` closes the connection, as when no pod is ready; `fail` responds with 500; `late` responds
 * after the timeout of Metacontroller; `older` changes responses to those of an older version, `mixed` every other one.
 */
export type Mode = 'pass' | 'refuse' | 'fail' | 'late' | 'older' | 'mixed';

/** A request of Metacontroller and its response. */
export interface Exchange {
  path: string;
  request: string;
  status: number;
}

export interface Gateway {
  url: string;
  mode: Mode;
  exchanges: Exchange[];
  close: () => Promise<void>;
}

/** Longer than the timeout of 10 s for the hooks in the registrations. */
const TOO_LATE = 11_000;

/** Starts a gateway to a service. */
export async function startGateway(target: () => string): Promise<Gateway> {
  let count = 0;
  const server = createServer(async (request, response) => {
    count += 1;
    await handle(gateway, target(), count, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const gateway: Gateway = {
    url: `http://127.0.0.1:${port}`,
    mode: 'pass',
    exchanges: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return gateway;
}

async function handle(
  gateway: Gateway,
  target: string,
  count: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { mode } = gateway;
  const body = await text(request);
  const path = request.url ?? '';
  if (mode === 'refuse') {
    request.socket.destroy();
    return;
  }
  if (mode === 'fail') {
    response.writeHead(500).end('{"message":"out of order"}');
    return;
  }
  const etag = request.headers['if-none-match'];
  const upstream = await fetch(`${target}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(etag && mode === 'pass' && { 'if-none-match': etag }) },
    body,
  });
  const content = await upstream.text();
  gateway.exchanges.push({ path, request: body, status: upstream.status });
  if (mode === 'late') await new Promise((resolve) => setTimeout(resolve, TOO_LATE));
  const old = mode === 'older' || (mode === 'mixed' && count % 2 === 0);
  const tag = upstream.headers.get('etag');
  response.writeHead(upstream.status, {
    'content-type': 'application/json',
    ...(tag && mode === 'pass' && { etag: tag }),
  });
  response.end(old ? asOlderVersion(content) : content);
}

/** Another default image, one label less: the difference between two releases. */
function asOlderVersion(content: string): string {
  return content
    .replaceAll('nats:2.14.2-alpine', 'nats:2.14.1-alpine')
    .replaceAll(',"app.kubernetes.io/part-of":"meshery"', '');
}
