import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as upgrade } from 'node:tls';
import { expect, it } from 'vitest';
import { eventually, isReady, namespace } from '../cluster/expectations.ts';
import type { KubernetesObject } from '../cluster/kubernetes.ts';
import { authority, issue, type KeyPair, tlsSecret } from '../support/certificates.ts';
import { NEXT } from './images.ts';
import { gap, LONGEST_GAP, patchBroker, type Scene, startBroker } from './scene.ts';

/** What is done to a Broker, and which of its pods are replaced by it. */
interface Disturbance {
  what: string;
  replaces: 'all' | 'one' | 'none';
  happens: (of: string) => Promise<unknown>;
}

/** How long the clients of a Broker receive nothing, while it is changed or what it runs on fails. */
export function gaps(scene: Scene): void {
  const { world } = scene;
  const requests = (memory: string) => ({ resources: { requests: { cpu: '50m', memory } } });

  /** The uids of the pods of the Broker of a namespace, by name. */
  const servers = async (of: string): Promise<Record<string, string | undefined>> => {
    const pods = await world().kubernetes.list('v1', 'Pod', of);
    return Object.fromEntries(pods.map(({ metadata }) => [metadata.name, metadata.uid]));
  };
  const ready = (of: string): Promise<KubernetesObject> =>
    isReady(world().kubernetes, { kind: 'Broker', metadata: { name: 'meshery-broker', namespace: of } }, 'Ready', 120);

  /** The gap while something happens and until all servers are ready again, of which the expected ones are new. */
  async function gapOf(size: number, of: string, { what, replaces, happens }: Disturbance): Promise<number> {
    const before = await servers(of);
    const length = await gap(scene, of, `${size === 1 ? '1 server' : `${size} servers`}: ${what}`, async () => {
      await happens(of);
      await eventually(async () => {
        const now = await servers(of);
        expect(Object.keys(now)).toEqual(Object.keys(before));
        const kept = Object.entries(now).filter(([name, uid]) => before[name] === uid);
        expect(kept).toHaveLength({ all: 0, one: size - 1, none: size }[replaces]);
      }, 150);
      await ready(of);
    });
    return length;
  }

  /** Gives the operator the other image, and waits until it has rolled out. */
  const upgradeOperator = async () => {
    const deployment = ['deployment/meshery-operator', '-n', 'meshery'];
    const image = await world().kubectl('get', ...deployment, '-o', 'jsonpath={..image}');
    if (image === NEXT) await world().kubectl('rollout', 'undo', ...deployment);
    else await world().kubectl('set', 'image', ...deployment, `manager=${NEXT}`);
    await world().kubectl('rollout', 'status', ...deployment, '--timeout=90s');
  };

  const disturbances: Disturbance[] = [
    {
      what: 'a pod is deleted',
      replaces: 'one',
      happens: (of) => world().kubernetes.delete('v1', 'Pod', 'meshery-nats-0', of),
    },
    {
      what: '`spec.resources` is changed',
      replaces: 'all',
      happens: (of) => patchBroker(world(), of, requests('48Mi')),
    },
    {
      what: 'the token is rotated',
      replaces: 'all',
      happens: (of) => world().kubernetes.delete('v1', 'Secret', 'meshery-nats-auth', of),
    },
    { what: 'the operator is upgraded', replaces: 'none', happens: () => upgradeOperator() },
    { what: 'the API server is restarted', replaces: 'none', happens: () => world().restartApiServer() },
  ];

  for (const [size, of, longest] of [
    [1, 'one', LONGEST_GAP.one],
    [3, 'three', LONGEST_GAP.three],
  ] as const) {
    const count = size === 1 ? '1 server' : `${size} servers`;
    it(`${count}: starts`, async () => {
      await startBroker(world(), of, { size, ...requests('32Mi') });
    });
    it.each(disturbances)(`${count}: $what`, async (disturbance) => {
      expect(await gapOf(size, of, disturbance)).toBeLessThan(longest);
    });
    it(`${count}: a node is drained`, async () => {
      const { kubernetes, kubectl } = world();
      const node = (await kubernetes.get('v1', 'Pod', 'meshery-nats-0', of))?.spec.nodeName;
      try {
        const length = await gap(scene, of, `${count}: a node is drained`, async () => {
          const options = ['--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=150s'];
          await kubectl('drain', node, '--pod-selector=app.kubernetes.io/name=nats', ...options);
          await eventually(async () => {
            const pods = await kubernetes.list('v1', 'Pod', of);
            expect(pods.filter(({ spec }) => spec.nodeName === node)).toEqual([]);
            expect(pods).toHaveLength(size);
          }, 60);
          await ready(of);
        });
        expect(length).toBeLessThan(longest);
      } finally {
        await kubectl('uncordon', node);
      }
    });
    it(`${count}: the certificate is renewed`, async () => {
      const secure = `secure-${of}`;
      const ca = await authority();
      await namespace(world().kubernetes, secure);
      const first = await applyCertificate(secure, ca);
      await startBroker(world(), secure, { size, ...requests('32Mi'), tls: { secretName: 'certificates' } });
      expect(await presented(secure)).toEqual([first]);
      const length = await gapOf(size, secure, {
        what: 'the certificate is renewed',
        replaces: 'none',
        happens: async () => {
          const renewed = await applyCertificate(secure, ca);
          // kubelet updates mounted Secrets in its own time.
          await eventually(async () => expect(await presented(secure)).toEqual([renewed]), 120);
        },
      });
      expect(length).toBeLessThan(longest);
      await world().kubernetes.delete('v1', 'Namespace', secure);
    });
    it(`${count}: ends`, () => world().kubernetes.delete('v1', 'Namespace', of));
  }

  it('from 1 server to 3, and back', async () => {
    const of = 'scaled';
    await startBroker(world(), of, { size: 1, ...requests('32Mi') });
    const scale = async (size: number) => {
      await patchBroker(world(), of, { size });
      await eventually(async () => expect(Object.keys(await servers(of))).toHaveLength(size), 150);
      await ready(of);
    };
    expect(await gap(scene, of, 'from 1 server to 3', () => scale(3))).toBeLessThan(LONGEST_GAP.one);
    expect(await gap(scene, of, 'from 3 servers to 1', () => scale(1))).toBeLessThan(LONGEST_GAP.one);
    await world().kubernetes.delete('v1', 'Namespace', of);
  });

  /** Issues a certificate for the client Service, if it exists, and writes it into the Secret of a namespace. */
  async function applyCertificate(of: string, ca: KeyPair): Promise<string> {
    const { spec } = (await world().kubernetes.get('v1', 'Service', 'meshery-nats', of)) ?? {};
    const pair = await issue(ca, `meshery-nats.${of}.svc`, ...(spec ? [spec.clusterIP] : []));
    await world().kubernetes.apply(tlsSecret('certificates', pair, ca, of));
    return new X509Certificate(pair.certificate).fingerprint256;
  }

  /** The fingerprints of the certificates that the servers of a namespace present, without repetitions. */
  async function presented(of: string): Promise<string[]> {
    const pods = await world().kubernetes.list('v1', 'Pod', of);
    return [...new Set(await Promise.all(pods.map(({ status }) => presentedAt(status?.podIP))))];
  }
}

/** The fingerprint of the certificate of a server. NATS begins with a line in plain text. */
async function presentedAt(host: string): Promise<string> {
  const socket = connect(4222, host);
  try {
    await once(socket, 'data', { signal: AbortSignal.timeout(2_000) });
    const secure = upgrade({ socket, rejectUnauthorized: false });
    await once(secure, 'secureConnect', { signal: AbortSignal.timeout(2_000) });
    return secure.getPeerCertificate().fingerprint256;
  } finally {
    socket.destroy();
  }
}
