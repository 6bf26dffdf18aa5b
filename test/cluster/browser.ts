import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { build } from 'esbuild';
import { startChromium } from '../support/chromium.ts';

/** A page that Chromium shows. */
export interface Page {
  /** What its script has reported so far. */
  reports: string[];
  close: () => Promise<void>;
}

/**
 * Shows a page with a script in Chromium. The script is a module that may import packages, and calls `report(text)`.
 * @param port where the page is served, which is part of its origin; by default a free one
 */
export async function open(browser: string, script: string, port = 0): Promise<Page> {
  const report = `const report = (text) => fetch('/report', { method: 'POST', body: String(text) });\n`;
  const bundle = await build({
    stdin: { contents: `${report}${script}`, resolveDir: process.cwd() },
    ...{ bundle: true, format: 'esm', write: false, platform: 'browser' },
  });
  const reports: string[] = [];
  const server = createServer(async (request, response) => {
    if (request.url === '/report') reports.push(await text(request));
    const isScript = request.url === '/script.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? bundle.outputFiles[0]?.text : '<script type="module" src="/script.js"></script>');
  });
  const origin = `http://127.0.0.1:${await listening(server, port)}`;
  const running = await startChromium(browser, ['--ignore-certificate-errors', `${origin}/`]);
  return {
    reports,
    close: async () => {
      await running.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

async function listening(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
