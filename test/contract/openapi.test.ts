import { expect, it } from 'vitest';
import { generatedFiles } from '../../generate/main.ts';
import { controllers } from '../../src/controllers.ts';
import { testApp } from '../support/app.ts';

const document = JSON.parse(generatedFiles(controllers).get('docs/api/openapi.json') ?? '');

it('the OpenAPI document has the hooks that the service serves, each with a recorded request that the service accepts', async () => {
  const { app, post } = testApp();
  const index = (await app.inject('/')).json();
  expect(index).toMatchObject({ name: 'meshery-operator' });
  expect(Object.keys(document.paths).sort()).toEqual([...index.hooks].sort());
  for (const [path, { post: operation }] of Object.entries<{ post: Operation }>(document.paths)) {
    const examples = Object.values(operation.requestBody.content['application/json'].examples);
    expect(examples.length).toBeGreaterThan(0);
    for (const { value } of examples) expect((await post(path, value)).statusCode).toBe(200);
  }
});

it('the service has no API page', async () => {
  expect((await testApp().app.inject('/docs')).statusCode).toBe(404);
});

interface Operation {
  requestBody: { content: { 'application/json': { examples: Record<string, { value: object }> } } };
}
