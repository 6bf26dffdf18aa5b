import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

const TYPES: Record<string, string> = {
  ...{ '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' },
  ...{ '.svg': 'image/svg+xml', '.png': 'image/png', '.woff2': 'font/woff2' },
};

/**
 * Serves a folder on loopback as GitHub Pages does: `/page` is page.html, what does not exist is 404.html.
 * @param base path that the folder is served at, with slashes around it
 */
export async function servePages(folder: string, base: string) {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '', 'http://pages').pathname);
    const file = path.startsWith(base) ? path.slice(base.length) : undefined;
    const found =
      file === undefined ? undefined : await firstOf(folder, [file, `${file}.html`, join(file, 'index.html')]);
    const { name, content } = found ?? { name: '404.html', content: await readFile(join(folder, '404.html')) };
    response.writeHead(found ? 200 : 404, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' });
    response.end(content);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function firstOf(folder: string, names: string[]) {
  for (const name of names) {
    const content = await readFile(join(folder, name)).catch(() => undefined);
    if (content) return { name, content };
  }
  return undefined;
}
