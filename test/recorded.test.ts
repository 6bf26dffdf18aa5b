import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BrokerSyncRequest, brokerParts } from '../src/broker/request.ts';
import { syncBroker } from '../src/broker/sync.ts';
import { type MeshSyncSyncRequest, meshSyncParts } from '../src/meshsync/request.ts';
import { syncMeshSync } from '../src/meshsync/sync.ts';
import { bodyParser } from '../src/metacontroller/body.ts';
import { answerText } from '../src/metacontroller/envelope.ts';
import type { JsonObject, KubeObject } from './stand-in/json.ts';
import type { SyncOutcome } from './stand-in/metacontroller.ts';
import { START, testApp } from './support/app.ts';
import { expectSound } from './support/invariants.ts';

/**
 * What a real Metacontroller sent through the cluster scenarios, as `npm run record` wrote it: a folder for each apply
 * strategy, a file for each request, named by namespace, parent and hook.
 */
const DIRECTORY = 'test/payloads/recorded';
const files = readdirSync(DIRECTORY, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.json'))
  .sort();

const read = (file: string) => JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8')) as SyncOutcome['request'];
const routeOf = (file: string) => `/${/-(broker|meshsync)-(sync|customize)-\w+\.json$/.exec(file)?.slice(1).join('/')}`;
const syncs = files.filter((file) => routeOf(file).endsWith('/sync'));

/** What is parsed may be given to a later sync too. */
function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(Object.freeze(value))) frozen(inner);
  return value;
}

type Request = SyncOutcome['request'];

const objects = ({ children, related = {} }: Request, kind: string) =>
  [children, related].flatMap((kinds) => Object.values(kinds[kind] ?? {}) as unknown as KubeObject[]);

/** Changes of a request of which an answer may tell. */
const CHANGES: ((request: Request) => void)[] = [
  ({ parent }) => Object.assign(parent.spec as JsonObject, { size: 3 }),
  ({ parent }) => Object.assign(parent.spec as JsonObject, { broker: { custom: { url: 'nats://u:p@h' } } }),
  ({ parent }) => Object.assign(parent.metadata, { annotations: { 'meshery.io/hibernation': 'on' } }),
  ({ parent }) => Object.assign(parent, { status: {} }),
  (request) => {
    for (const secret of objects(request, 'Secret.v1')) secret.data = { token: btoa('tAnother'), 'ca.crt': btoa('CA') };
  },
  ...['StatefulSet.apps/v1', 'Deployment.apps/v1'].map((kind) => (request: Request) => {
    for (const { metadata, spec } of objects(request, kind)) {
      delete metadata.annotations;
      Object.assign(spec as JsonObject, { replicas: 7, serviceName: 'another', selector: { matchLabels: { a: 'b' } } });
    }
  }),
  (request) => {
    for (const { spec } of objects(request, 'Service.v1')) Object.assign(spec as JsonObject, { clusterIP: '10.9.8.7' });
  },
  ...['Secret.v1', 'ConfigMap.v1', 'StatefulSet.apps/v1', 'Deployment.apps/v1'].map((kind) => (request: Request) => {
    Object.assign(request, { children: { ...request.children, [kind]: {} } });
  }),
  (request) => Object.assign(request, { related: {} }),
];

describe('the recorded requests', () => {
  it('are those of both apply strategies and of all four hooks', () => {
    expect(new Set(files.map((file) => file.split('/')[0]))).toEqual(new Set(['dynamic-apply', 'server-side-apply']));
    expect(new Set(files.map(routeOf))).toEqual(
      new Set(['/broker/sync', '/broker/customize', '/meshsync/sync', '/meshsync/customize']),
    );
    expect(files.length).toBeGreaterThan(100);
  });

  it.each(files.filter((file) => routeOf(file).endsWith('/customize')))('%s is answered with rules', async (file) => {
    const response = await testApp().post(routeOf(file), read(file));
    expect(response.statusCode).toBe(200);
    expect(Object.keys(response.json())).toEqual(['relatedResources']);
  });

  it('are answered alike whatever was seen before, and however they are changed; what was parsed is not changed', () => {
    const context = { now: () => new Date(START), mintToken: () => 'tMinted' };
    const hooks = {
      '/broker/sync': {
        parse: bodyParser(brokerParts, 'cut-from-here-'),
        sync: (body: unknown) => syncBroker(body as BrokerSyncRequest, context),
      },
      '/meshsync/sync': {
        parse: bodyParser(meshSyncParts, 'cut-from-here-'),
        sync: (body: unknown) => syncMeshSync(body as MeshSyncSyncRequest, context),
      },
    };
    const answers = new Set<string>();
    for (const file of syncs) {
      const { parse, sync } = hooks[routeOf(file) as keyof typeof hooks];
      for (const change of [undefined, ...CHANGES, undefined]) {
        const request = read(file);
        change?.(request);
        const text = JSON.stringify(request);
        const answer = answerText(frozen(sync(frozen(parse(Buffer.from(text))))));
        expect(answer, `${file} ${change}`).toBe(JSON.stringify(sync(JSON.parse(text))));
        answers.add(answer);
      }
    }
    expect(answers.size).toBeGreaterThan(3 * syncs.length);
  });

  it.each(syncs)('%s is answered soundly, and alike when it is repeated later', async (file) => {
    const service = testApp();
    const request = read(file);
    const first = await service.post(routeOf(file), request);
    expect(first.statusCode).toBe(200);
    const answer = first.json() as JsonObject & { children: KubeObject[]; status: JsonObject };
    expect(Object.keys(answer).sort()).toEqual(['children', 'status']);
    expectSound({ request, children: answer.children, status: answer.status }, START);

    service.clock.time = '2027-01-01T00:00:00Z';
    const minted = service.minted.length;
    const again = await service.post(routeOf(file), {
      ...request,
      parent: { ...request.parent, status: answer.status },
    });
    if (minted === 0) expect(again.json()).toEqual(answer);
    else expect(again.json().status).toEqual(answer.status);
  });
});
