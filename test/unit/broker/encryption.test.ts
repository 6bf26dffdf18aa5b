import { describe, expect, it } from 'vitest';
import { nextEncryption } from '../../../src/broker/credentials.ts';
import { decode, encode } from '../../../src/kubernetes/secrets.ts';
import type { Cluster } from '../../stand-in/cluster.ts';
import { at, type JsonObject, type KubeObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { condition } from '../../support/invariants.ts';
import { brokerParent, clusterWith, hookOf, READY, STRATEGIES, settle } from '../../support/scenarios.ts';

const [FIRST, SECOND, THIRD] = ['the-first-key-of-all', 'the-second-key-of-all', 'the-third-key-of-all'];
const NOT_READY = { ready: false, addresses: false };

const keySecret = (key: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'key', namespace: 'meshery' },
  data: { key: encode(key) },
});

const encrypted = (more: JsonObject = {}, fileStore: JsonObject = { size: '1Gi' }): JsonObject => ({
  jetstream: { fileStore, encryptionKeySecretRef: { name: 'key' } },
  ...more,
});

const serverData = (cluster: Cluster) =>
  Object.fromEntries(
    Object.entries((cluster.get('Secret.v1', 'meshery', 'meshery-nats-server')?.data ?? {}) as JsonObject).map(
      ([key, value]) => [key, decode(String(value))],
    ),
  );
const keysOf = (cluster: Cluster) => {
  const data = serverData(cluster);
  return [data['encryption-key'], data['previous-encryption-key']];
};
const template = (cluster: Cluster) =>
  JSON.stringify(at(cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats'), 'spec', 'template'));
const natsConf = (cluster: Cluster) =>
  String(at(cluster.get('ConfigMap.v1', 'meshery', 'meshery-nats-config'), 'data', 'nats.conf'));

describe.each(STRATEGIES)('under %s, the key that streams are encrypted with', (how) => {
  async function start(spec: JsonObject, progress = READY) {
    const parent = brokerParent(spec);
    const cluster = clusterWith(parent, keySecret(FIRST));
    const hook = hookOf(testApp());
    const settled = async (next = READY) => (await settle(cluster, [parent], hook, how, next))[0]?.status;
    await settled(progress);
    return {
      cluster,
      settled,
      replace: (key: string) =>
        cluster.edit(keySecret(FIRST), 'kubectl', (object) => {
          object.data = { key: encode(key) };
        }),
      edit: (next: JsonObject) =>
        cluster.edit(parent, 'kubectl', (object) => {
          object.spec = next;
        }),
    };
  }

  it('is in no other object than the Secret of the servers, and in their configuration by a variable', async () => {
    const { cluster } = await start(encrypted());
    expect(keysOf(cluster)).toEqual([FIRST, undefined]);
    expect(serverData(cluster)['credentials.conf']).toContain(
      `ENCRYPTION_KEY: "${FIRST}"\nPREVIOUS_ENCRYPTION_KEY: ""\n`,
    );
    expect(natsConf(cluster)).toContain(
      '  encryption_key: $ENCRYPTION_KEY\n  prev_encryption_key: $PREVIOUS_ENCRYPTION_KEY\n',
    );
    for (const object of cluster.snapshot()) {
      if (object.kind === 'Secret') continue;
      for (const text of [FIRST, encode(FIRST)]) expect(JSON.stringify(object)).not.toContain(text);
    }
  });

  it('is replaced by a roll of a single server, which is told the one before', async () => {
    const { cluster, settled, replace } = await start(encrypted());
    const before = template(cluster);
    replace(SECOND);
    expect(condition(await settled(), 'Ready')).toMatchObject({ status: 'True' });
    expect(keysOf(cluster)).toEqual([SECOND, FIRST]);
    expect(template(cluster)).not.toBe(before);
    replace(THIRD);
    await settled();
    expect(keysOf(cluster)).toEqual([THIRD, SECOND]);
  });

  it('is replaced only when the server runs with the last one', async () => {
    const { cluster, settled, replace } = await start(encrypted(), NOT_READY);
    replace(SECOND);
    for (const type of ['SpecApplied', 'Ready']) {
      expect(condition(await settled(NOT_READY), type)).toMatchObject({ status: 'False', reason: 'KeyPending' });
    }
    expect(keysOf(cluster)).toEqual([FIRST, undefined]);
    expect(condition(await settled(READY), 'Ready')).toMatchObject({ status: 'True' });
    expect(keysOf(cluster)).toEqual([SECOND, FIRST]);
  });

  it('is not replaced in a cluster', async () => {
    const { cluster, settled, replace } = await start(encrypted({ size: 3 }));
    const before = template(cluster);
    replace(SECOND);
    expect(condition(await settled(), 'SpecApplied')).toMatchObject({
      status: 'False',
      reason: 'ImmutableField',
      message: expect.stringContaining("spec.jetstream.encryptionKeySecretRef: the key can't be replaced"),
    });
    expect([keysOf(cluster), template(cluster)]).toEqual([[FIRST, undefined], before]);
    replace(FIRST);
    expect(condition(await settled(), 'Ready')).toMatchObject({ status: 'True' });
  });

  it('is not removed before the key is removed by hand, also while JetStream is off', async () => {
    const { cluster, settled, edit } = await start(encrypted());
    edit({});
    expect(condition(await settled(), 'Ready')).toMatchObject({ status: 'True' });
    expect(natsConf(cluster)).not.toContain('ENCRYPTION_KEY');
    expect(serverData(cluster)['credentials.conf']).not.toContain('ENCRYPTION_KEY');
    edit({ jetstream: { fileStore: { size: '1Gi' } } });
    const status = await settled();
    expect(condition(status, 'SpecApplied')).toMatchObject({ status: 'False', reason: 'StreamsWouldBeLost' });
    expect(natsConf(cluster)).toContain('encryption_key: $ENCRYPTION_KEY\n');
    expect(at(condition(status, 'SpecApplied') as unknown as JsonObject, 'message')).toContain(
      `kubectl patch secret meshery-nats-server -n meshery --type json -p '[{"op":"remove","path":"/data/encryption-key"}]'`,
    );
    const server = cluster.get('Secret.v1', 'meshery', 'meshery-nats-server') as KubeObject;
    cluster.edit(server, 'kubectl', ({ data }) => {
      delete (data as JsonObject)['encryption-key'];
    });
    expect(condition(await settled(), 'Ready')).toMatchObject({ status: 'True' });
    expect([keysOf(cluster), natsConf(cluster).includes('encryption_key')]).toEqual([[undefined, undefined], false]);
  });

  it('of streams in memory-backed volumes is replaced at once, whatever the number of servers', async () => {
    const { cluster, settled, replace } = await start(encrypted({ size: 3 }, { size: '100Mi', medium: 'Memory' }));
    const before = template(cluster);
    replace(SECOND);
    expect(condition(await settled(), 'Ready')).toMatchObject({ status: 'True' });
    expect(keysOf(cluster)).toEqual([SECOND, undefined]);
    expect(template(cluster)).not.toBe(before);
  });

  it('is reported when the Secret has none, or a short one', async () => {
    const { settled, replace } = await start(encrypted());
    for (const [key, reason] of [
      ['short', 'SecretInvalid'],
      ['with a blank in between', 'SecretInvalid'],
      ['', 'SecretKeyMissing'],
    ] as const) {
      replace(key);
      expect(condition(await settled(), 'Ready')).toMatchObject({ status: 'False', reason });
    }
  });
});

describe('nextEncryption', () => {
  const last = { current: FIRST, previous: THIRD };
  it.each([
    [undefined, undefined, true, undefined],
    [undefined, FIRST, false, { current: FIRST }],
    [last, undefined, true, last],
    [last, FIRST, true, last],
    [last, SECOND, false, last],
    [last, SECOND, true, { current: SECOND, previous: FIRST }],
  ])('after %j, with %j (replaceable: %j), is %j', (before, desired, isReplaceable, expected) => {
    expect(nextEncryption(before, desired, isReplaceable)).toEqual(expected);
  });
});
