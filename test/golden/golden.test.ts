import { existsSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { render } from '../../src/cli/render.ts';
import type { GivenResource } from '../../src/cli/resources.ts';
import { GOLDEN, goldenCases, goldenFile, goldenSecrets, readGolden } from '../support/golden.ts';
import { specFields, withoutField } from '../support/spec-fields.ts';

function renderAll(resources: GivenResource[]) {
  const options = { mint: false, namespace: 'default', now: () => new Date('2026-01-01T00:00:00Z') };
  return render({ resources, secrets: goldenSecrets }, options);
}

async function rendered(name: string): Promise<string> {
  const { yaml, notes } = renderAll(await readGolden(name));
  expect(notes).toEqual([]);
  // The certificates of the cases are re-created for each run.
  return yaml
    .replace(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g, 'CERTIFICATE')
    .replace(/(ca-checksum|revision): [0-9a-f]{64}/g, (line, key) =>
      yaml.includes('ca-checksum') ? `${key}: CHECKSUM` : line,
    );
}

describe('golden manifests', () => {
  it('are there for every case', () => {
    expect(goldenCases).toEqual([
      'broker-addresses',
      'broker-config',
      'broker-encryption',
      'broker-jetstream',
      'broker-leaf-node',
      'broker-leaf-nodes',
      'broker-memory-store',
      'broker-memory-volumes',
      'broker-merge',
      'broker-nats-box',
      'broker-network-policy',
      'broker-pod-fields',
      'broker-pods',
      'broker-services',
      'broker-static-volumes',
      'broker-tls',
      'broker-tls-routes',
      'broker-tls-verify',
      'broker-users',
      'broker-websocket',
      'common-metadata',
      'default',
      'loadbalancer-full',
      'meshsync-cross-namespace',
      'meshsync-custom-secrets',
      'meshsync-custom-url',
      'meshsync-custom-url-with-credentials',
      'meshsync-native',
      'meshsync-old-version',
      'meshsync-output',
      'meshsync-pod-fields',
      'meshsync-pods',
      'meshsync-watch-list',
      'nodeport',
      'size-3',
      'two-brokers',
      'version-with-v',
    ]);
  });

  it.each(goldenCases)('%s is rendered as expected', async (name) => {
    const file = goldenFile(name, 'expected.yaml');
    const yaml = await rendered(name);
    if (process.env.UPDATE_GOLDEN) writeFileSync(file, yaml);
    if (!existsSync(file)) throw new Error(`${file} is missing: UPDATE_GOLDEN=1 writes it`);
    expect(yaml, `${file}: UPDATE_GOLDEN=1 writes what is rendered now; read the diff`).toBe(
      await readFile(file, 'utf8'),
    );
  });
});

/** Fields that change no child as it is printed. */
const ELSEWHERE = [
  // A watch-list has the shape of a ConfigMap, of which only `data` is read.
  ...['apiVersion', 'kind', 'metadata', 'binaryData', 'immutable'].map((field) => `watch-list.${field}`),
  // In the status.
  'service.externalEndpointOverride',
  // The value of a Secret, which is not printed.
  'auth.tokenSecretRef',
];

describe('each field of a spec', () => {
  it.each(specFields.filter(({ path }) => !ELSEWHERE.includes(path)).map(({ kind, path }) => [kind, path] as const))(
    'is set by a case, and changes what is rendered: %s spec.%s',
    async (kind, path) => {
      const inputs = await Promise.all(goldenCases.map(readGolden));
      const setting = inputs.filter((resources) =>
        resources.some((resource) => resource.kind === kind && withoutField(resource.spec, path) !== undefined),
      );
      const folder = `src/${kind.toLowerCase()}`;
      expect(setting.length, `no case of ${GOLDEN} sets spec.${path} of a ${kind}: add it to one`).toBeGreaterThan(0);
      const hasEffect = setting.some((resources) => {
        const others = resources.map((each) =>
          each.kind === kind ? { ...each, spec: withoutField(each.spec, path) ?? each.spec } : each,
        );
        return JSON.stringify(childrenIn(others)) !== JSON.stringify(childrenIn(resources));
      });
      const advice = `spec.${path} of a ${kind} changes no child: resolve it in ${folder}/spec.ts, use it in ${folder}/children`;
      expect(hasEffect, advice).toBe(true);
    },
  );
});

/** What is rendered, without the resources themselves, and the notes: without a field, the rest may be invalid. */
function childrenIn(resources: GivenResource[]) {
  const { yaml, notes } = renderAll(resources);
  return [yaml.split(/^---$/m).filter((document) => !/^apiVersion: meshery\.io/m.test(document)), notes];
}
