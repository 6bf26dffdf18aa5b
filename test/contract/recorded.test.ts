import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonObject, KubeObject } from '../stand-in/json.ts';
import type { SyncOutcome } from '../stand-in/metacontroller.ts';
import { START, testApp } from '../support/app.ts';
import { expectSound } from '../support/invariants.ts';

/**
 * What a real Metacontroller sent through the cluster scenarios, as recorded by `npm run record`: a folder for each apply
 * strategy, a file for each request, named by namespace, parent and hook.
 */
const DIRECTORY = 'test/payloads/recorded';
const files = readdirSync(DIRECTORY, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.json'))
  .sort();

const read = (file: string) => JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8')) as SyncOutcome['request'];
const routeOf = (file: string) => `/${/-(broker|meshsync)-(sync|customize)-\w+\.json$/.exec(file)?.slice(1).join('/')}`;
const syncs = files.filter((file) => routeOf(file).endsWith('/sync'));

describe('the recorded requests', () => {
  it('cover both apply strategies and all four hooks', () => {
    expect(new Set(files.map((file) => file.split('/')[0]))).toEqual(new Set(['dynamic-apply', 'server-side-apply']));
    expect(new Set(files.map(routeOf))).toEqual(
      new Set(['/broker/sync', '/broker/customize', '/meshsync/sync', '/meshsync/customize']),
    );
    expect(files.length).toBeGreaterThan(100);
  });

  it.each(files.filter((file) => routeOf(file).endsWith('/customize')))(
    '%s gets a response with rules',
    async (file) => {
      const response = await testApp().post(routeOf(file), read(file));
      expect(response.statusCode).toBe(200);
      expect(Object.keys(response.json())).toEqual(['relatedResources']);
    },
  );

  it.each(syncs)('%s gets a valid response, and the same one when it is repeated later', async (file) => {
    const service = testApp();
    const request = read(file);
    const first = await service.post(routeOf(file), request);
    expect(first.statusCode).toBe(200);
    const body = first.json() as JsonObject & { children: KubeObject[]; status: JsonObject };
    expect(Object.keys(body).sort()).toEqual(['children', 'status']);
    expectSound({ request, children: body.children, status: body.status }, START);

    // A child that is still missing after ten seconds is reported.
    const isObserved = ({ kind, metadata: { namespace, name } }: KubeObject) =>
      [request.children, request.related].some((objects) =>
        Object.entries(objects).some(([key, group]) => key.startsWith(`${kind}.`) && group[`${namespace}/${name}`]),
      );
    service.clock.time = body.children.every(isObserved) ? '2027-01-01T00:00:00Z' : '2026-02-03T04:05:15Z';
    const generated = service.generated.length;
    const again = await service.post(routeOf(file), {
      ...request,
      parent: { ...request.parent, status: body.status },
    });
    if (generated === 0) expect(again.json()).toEqual(body);
    else expect(again.json().status).toEqual(body.status);
  });
});
