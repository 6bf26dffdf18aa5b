import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Servers, servers } from '../support/listening.ts';
import { brokerParent, meshSyncParent } from '../support/scenarios.ts';

let all: Servers;
let directory: string;
beforeAll(async () => {
  all = await servers();
  directory = await mkdtemp(join(tmpdir(), 'heap-'));
});
afterAll(async () => {
  await all.stop();
  await rm(directory, { recursive: true });
});

/** The heap of a process after garbage collection, which V8 runs before it takes a snapshot. */
async function heapOf(pid: number | undefined): Promise<string> {
  const before = (await readdir(directory)).length;
  process.kill(pid ?? 0, 'SIGUSR2');
  for (let attempt = 0; attempt < 100; attempt++) {
    const file = (await readdir(directory)).sort()[before];
    const snapshot = file ? await readFile(join(directory, file), 'utf8') : '';
    if (snapshot.endsWith(']}')) return snapshot;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('no snapshot');
}

it('the service keeps nothing of a resource in memory after its syncs', async () => {
  const options = `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${directory}`;
  const { url, child } = await all.listen({ NODE_OPTIONS: options, LOG_LEVEL: 'info' });
  const credential = Buffer.from('t0ken-of-this-resource').toString('base64');
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'name-of-this-secret', namespace: 'meshery' },
    data: { token: credential },
  };
  const spec = { auth: { tokenSecretRef: { name: 'name-of-this-secret' } } };
  const bodies = [
    ['broker', brokerParent(spec, 'name-of-this-broker')],
    [
      'meshsync',
      meshSyncParent({ broker: { custom: { url: 'nats://user:pass-of-this-url@host' } } }, 'name-of-this-sync'),
    ],
  ] as const;
  for (let round = 0; round < 3; round++) {
    for (const [controller, parent] of bodies) {
      const related = { 'Secret.v1': { 'meshery/name-of-this-secret': secret } };
      const sync = JSON.stringify({ parent, children: {}, related });
      for (const [hook, body] of [
        ['customize', JSON.stringify({ parent })],
        ['sync', sync],
      ] as const) {
        const headers = { 'content-type': 'application/json', connection: 'close' };
        const response = await fetch(`${url}/${controller}/${hook}`, { method: 'POST', headers, body });
        expect(response.status).toBe(200);
        await response.text();
      }
    }
  }
  // A match is either a leak, or a connection that is still being closed.
  let found: string[] = [];
  for (let attempt = 0; attempt < 3; attempt++) {
    const heap = await heapOf(child.pid);
    expect(heap).toContain('meshery_operator_reconcile_total'); // the snapshot is complete
    found =
      heap.match(new RegExp(`.{0,40}(?:of-this-(?:broker|sync|secret|url|resource)|${credential}).{0,40}`, 'g')) ?? [];
    if (found.length === 0) break;
  }
  expect(found).toEqual([]);
});
