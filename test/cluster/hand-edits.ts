import { expect, it, onTestFailed } from 'vitest';
import { oneOfs } from '../../src/metacontroller/one-of.ts';
import { editsOf } from '../support/one-of-edits.ts';
import { eventually, isReady } from './expectations.ts';
import type { KubernetesObject } from './kubernetes.ts';
import type { Scene } from './scenarios.ts';

/** Edits by hand after which the API server would refuse every apply of the desired fields. */
export function handEdits({ kubernetes: cluster, keepLogs, pair, get, patchSpec }: Scene): void {
  const plurals = {
    StatefulSet: 'apis/apps/v1/namespaces/%/statefulsets',
    Deployment: 'apis/apps/v1/namespaces/%/deployments',
    PodDisruptionBudget: 'apis/policy/v1/namespaces/%/poddisruptionbudgets',
    Service: 'api/v1/namespaces/%/services',
  };
  const patch = async (of: string, kind: keyof typeof plurals, name: string, operations: object[]) => {
    const path = `/${plurals[kind].replace('%', of)}/${name}`;
    const headers = { 'content-type': 'application/json-patch+json' };
    const { status, body } = await cluster().request('PATCH', path, operations, headers);
    const message = status < 300 ? '' : `${(body as { message?: string }).message}`;
    return { generation: (body as KubernetesObject).metadata?.generation ?? 0, message };
  };

  const children = [
    ['apps/v1', 'StatefulSet', 'meshery-nats'],
    ['apps/v1', 'Deployment', 'meshery-meshsync'],
    ['policy/v1', 'PodDisruptionBudget', 'meshery-nats'],
    ['v1', 'Service', 'meshery-nats'],
  ] as const;

  it.each(children)('an edit by hand of a one-of field of the %s %s is put back', async (apiVersion, kind, name) => {
    onTestFailed(keepLogs);
    const of = `edits-${kind.toLowerCase()}`;
    const { broker, meshSync } = await pair(of, { size: 3 });
    const child = () => get(apiVersion, kind, name, of);
    const edits = editsOf(await child(), oneOfs);
    const refused: string[] = [];
    for (const { what, operations } of edits) {
      const { spec } = await child();
      const { generation, message } = await patch(of, kind, name, operations);
      if (message) {
        refused.push(`${what}: ${message}`);
        continue;
      }
      await eventually(async () => expect((await child()).spec, what).toEqual(spec), 20);
      // One write repairs it, or two where server-side-apply takes the field over first; a sync that still reads the object of
      // before repeats them.
      expect(((await child()).metadata.generation ?? 0) - generation, what).toBeLessThanOrEqual(4);
    }
    expect(refused).toEqual([]);
    expect(edits.length).toBeGreaterThan(0);
    await patchSpec(of, { size: 4, image: { pullPolicy: 'Always' } });
    await patchSpec(of, { image: { pullPolicy: 'Always' } }, 'MeshSync', 'meshery-meshsync');
    await isReady(cluster(), broker);
    await isReady(cluster(), meshSync);
  });
}
