import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { generatedFiles } from '../../generate/main.ts';
import type { SyncContext } from '../../src/api/context.ts';
import { render } from '../../src/cli/render.ts';
import { readResources } from '../../src/cli/resources.ts';
import { findings } from '../../src/cli/validate.ts';
import { controllers } from '../../src/controllers.ts';
import type { Controller } from '../../src/metacontroller/controller.ts';
import { testApp } from '../support/app.ts';
import { condition } from '../support/invariants.ts';
import { clusterWith, hookOf, STRATEGIES, sync } from '../support/scenarios.ts';

/** The controllers of the operator and one more: the example in the README of the framework, unchanged. */
let list: readonly Controller<SyncContext>[];
let folder: string;

beforeAll(async () => {
  const readme = await readFile('src/metacontroller/README.md', 'utf8');
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  folder = await mkdtemp('node_modules/.third-controller-');
  const file = resolve(folder, 'greeting.ts');
  await writeFile(file, code.replaceAll("from './", `from '${resolve('src/metacontroller')}/`));
  const { greeting } = await import(file);
  list = [...controllers, greeting];
});
afterAll(() => rm(folder, { recursive: true }));

const parent = {
  apiVersion: 'example.com/v1',
  kind: 'Greeting',
  metadata: { name: 'hello', namespace: 'meshery', uid: 'uid-of-the-greeting', generation: 1 },
  spec: { text: 'Hello' },
};

describe('a third controller in the list', () => {
  it('gets its generated files and its RBAC rules', () => {
    const files = generatedFiles(list);
    const crd = parse(files.get('manifests/crds/example.com_greetings.yaml') ?? '');
    expect(crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties).toHaveProperty('text');
    const registration = parse(files.get('metacontroller/controllers/greeting.yaml') ?? '');
    expect(registration.spec).toMatchObject({
      parentResource: { apiVersion: 'example.com/v1', resource: 'greetings' },
      childResources: [{ apiVersion: 'v1', resource: 'configmaps', updateStrategy: { method: 'InPlace' } }],
      hooks: { sync: { webhook: { path: '/greeting/sync' } } },
    });
    for (const folder of ['manifests/crds', 'metacontroller/controllers']) {
      expect(parse(files.get(`${folder}/kustomization.yaml`) ?? '').resources).toHaveLength(3);
    }
    const { rules } = parse(files.get('metacontroller/install/least-privilege/cluster-role.yaml') ?? '');
    expect(rules).toContainEqual({
      apiGroups: ['example.com'],
      resources: ['greetings'],
      verbs: ['get', 'list', 'watch'],
    });
    expect(Object.keys(JSON.parse(files.get('docs/api/openapi.json') ?? '').paths)).toContain('/greeting/sync');
    expect(files.get('docs/reference/conditions.md')).toContain('### Greeting Ready');
    expect(files.get('docs/reference/fields.md')).toContain('### Greeting text');
  });

  it.each(STRATEGIES)('is synced under %s, counted in the metrics, and listed on the index page', async (strategy) => {
    const service = testApp({ controllers: list });
    const hook = hookOf(service);
    const cluster = clusterWith(parent);
    const first = await sync(cluster, parent, hook, strategy, list);
    expect(cluster.get('ConfigMap.v1', 'meshery', 'hello')?.data).toEqual({ text: 'Hello' });
    expect(condition(first.status, 'Ready')).toMatchObject({ status: 'True' });
    const second = await sync(cluster, parent, hook, strategy, list);
    expect([second.writes, second.statusWritten]).toEqual([[], false]);
    const metrics = (await service.monitoring.inject('/metrics')).body;
    expect(metrics).toContain('meshery_operator_reconcile_total{controller="Greeting"} 2');
    expect((await service.app.inject('/')).json().hooks).toContain('/greeting/customize');
    const rejected = await service.post('/greeting/sync', { parent: { ...parent, kind: 'Broker' }, children: {} });
    expect([rejected.statusCode, rejected.json().path]).toEqual([400, '/parent/kind']);
  });

  it('has a kind that the command line accepts', async () => {
    const file = join(folder, 'greeting.yaml');
    await writeFile(file, JSON.stringify({ ...parent, spec: { text: 1 } }));
    const given = await readResources([file], list);
    const options = { mint: false, namespace: 'default', now: () => new Date(0), controllers: list };
    expect(render(given, options).yaml).toContain('kind: ConfigMap');
    expect(findings(given, 'default', new Date(0), list)).toMatchObject([
      { kind: 'Greeting', severity: 'error', path: 'spec.text', message: 'must be a string' },
    ]);
  });
});
