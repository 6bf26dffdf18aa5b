import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { testApp } from './support/app.ts';
import { start } from './support/built.ts';
import { type Servers, servers } from './support/listening.ts';
import { OPENAPI, printedOpenApi } from './support/openapi.ts';

it('the OpenAPI document is the one that `npm run openapi` writes', async () => {
  expect(await readFile(OPENAPI, 'utf8')).toBe(await printedOpenApi());
});

it('GET / says what this is', async () => {
  const { app } = testApp();
  const page = (await app.inject('/')).json();
  expect(page).toMatchObject({ name: 'meshery-operator', hooks: expect.arrayContaining(['/broker/sync']) });
  expect(page).not.toHaveProperty('documentation');
  expect((await app.inject('/docs')).statusCode).toBe(404);
});

it('the page is served where it is switched on, from the bundle alone', async () => {
  const all: Servers = await servers();
  try {
    const { url } = await all.listen({ API_DOCS: 'true' });
    expect(await (await fetch(url)).json()).toMatchObject({ documentation: '/docs' });
    const page = await fetch(`${url}/docs`);
    expect([page.status, page.url, page.headers.get('content-type')]).toEqual([
      ...[200, `${url}/docs/index.html`, 'text/html; charset=utf-8'],
    ]);
    const names = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"|url: '([^']+)'/g)].map(
      ([, a, b]) => a ?? b ?? '',
    );
    expect(names.sort()).toEqual(['openapi.json', 'swagger-ui-bundle.js', 'swagger-ui.css']);
    for (const name of names) expect((await fetch(`${url}/docs/${name}`)).status).toBe(200);

    const env = { HOST: '127.0.0.1', PORT: '0', MONITORING_PORT: '0', API_DOCS: 'true' };
    const served = start(all.bundles.cli, ['serve'], env);
    const [, byCommand] = await served.written(/version \S+ listening on (http:\/\/127\.0\.0\.1:\d+)/);
    expect((await fetch(`${byCommand}/docs`)).status).toBe(200);
    served.child.kill('SIGKILL');
  } finally {
    await all.stop();
  }
});
