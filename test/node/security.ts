import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually, isReady, meshSync, namespace, restricted } from '../cluster/expectations.ts';
import type { KubernetesObject } from '../cluster/kubernetes.ts';
import { PAUSE } from './images.ts';
import { processes } from './processes.ts';
import { type Scene, startBroker, startMeshSync } from './scene.ts';

const ADMISSION = 'admissionregistration.k8s.io/v1';

/** Parts of the command lines in the pods of a Broker with an exporter, and of its MeshSync. */
const PROGRAMS = ['nats-server ', 'nats-server-config-reloader', 'prometheus-nats-exporter', './meshery-meshsync'];

/** The same of the operator, a Broker and a MeshSync. */
const EVERYTHING = ['/app/main.js', 'nats-server ', './meshery-meshsync'];

/** As what the processes of pods run: what a container is allowed is seen in /proc. */
export function security({ world }: Scene): void {
  const remove = (of: string) => world().kubernetes.delete('v1', 'Namespace', of);

  /** Every process of a namespace runs as a user, and can do no more than that user. */
  async function restrictedTo(user: number, of: string, programs: string[]): Promise<void> {
    const uids = (await world().kubernetes.list('v1', 'Pod', of)).map(({ metadata }) => metadata.uid);
    const own = (await processes()).filter(({ pod, command }) => uids.includes(pod) && command !== '/pause');
    for (const program of programs) expect(own.map(({ command }) => command).join('\n')).toContain(program);
    for (const { command, status, root } of own) {
      const { Uid, NoNewPrivs, Seccomp, CapEff, CapBnd } = status;
      const expected = { Uid: Array(4).fill(user).join('\t'), NoNewPrivs: '1', Seccomp: '2', root: true };
      expect({ Uid, NoNewPrivs, Seccomp, root: root.includes('ro') }, command).toEqual(expected);
      expect(
        [CapEff, CapBnd].map((set) => Number(`0x${set}`)),
        command,
      ).toEqual([0, 0]);
    }
  }

  it('all run as a user without rights, under the seccomp profile of the runtime, on a read-only root', async () => {
    const of = 'restricted';
    await startBroker(world(), of, { promExporter: { enabled: true }, jetstream: { memoryStore: { maxSize: '8Mi' } } });
    await startMeshSync(world(), of);
    await restrictedTo(65_532, of, PROGRAMS);
    await restrictedTo(65_532, 'meshery', ['/app/main.js']);
    await remove(of);
  });

  it('on OpenShift, run as the user that the platform chooses', async () => {
    const of = 'openshift';
    const user = 1_000_680_000;
    const rolledOut = () =>
      world().kubectl('rollout', 'status', 'deployment/meshery-operator', '-n', 'meshery', '--timeout=90s');
    try {
      await world().kubectl('label', 'namespace', 'meshery', 'platform=openshift');
      await admitAsOpenShift(user, 'meshery');
      await enforceRestricted('meshery');
      await world().documented('docs/openshift.md', 'kubectl apply -k manifests/overlays/openshift');
      await rolledOut();
      // The servers and the MeshSync that run already follow.
      await eventually(() => restrictedTo(user, 'meshery', EVERYTHING), 90);
      await namespace(world().kubernetes, of);
      await world().kubectl('label', 'namespace', of, 'platform=openshift');
      // JetStream of several servers writes what they agree on.
      await startBroker(world(), of, {
        size: 3,
        promExporter: { enabled: true },
        jetstream: { memoryStore: { maxSize: '8Mi' } },
      });
      await startMeshSync(world(), of);
      await restrictedTo(user, of, PROGRAMS);
      await writesAs(user, of);
    } finally {
      await remove(of);
      const labels = ['platform', ...Object.keys(restricted)].map((label) => `${label}-`);
      await world().kubectl('label', 'namespace', 'meshery', ...labels);
      for (const kind of ['MutatingAdmissionPolicyBinding', 'MutatingAdmissionPolicy']) {
        await world().kubernetes.delete(ADMISSION, kind, 'platform-user');
      }
      await world().documented('docs/install.md', 'kubectl apply -k manifests\n');
      await rolledOut();
    }
    await eventually(() => restrictedTo(65_532, 'meshery', EVERYTHING), 90);
    await isReady(world().kubernetes, meshSync('meshery', 'meshery-meshsync'), 'Ready', 90);
  }, 240_000);

  /** Pods that name no user get one, as a SecurityContextConstraint of OpenShift does. Waits until this is so in a namespace. */
  async function admitAsOpenShift(user: number, of: string): Promise<void> {
    const metadata = { name: 'platform-user' };
    const context = `Object.spec.securityContext{runAsUser: ${user}, fsGroup: ${user}}`;
    await world().kubernetes.apply({
      ...{ apiVersion: ADMISSION, kind: 'MutatingAdmissionPolicy', metadata },
      spec: {
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        matchConstraints: {
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        },
        matchConditions: [
          {
            name: 'no-user',
            expression: '!has(object.spec.securityContext) || !has(object.spec.securityContext.runAsUser)',
          },
        ],
        mutations: [
          {
            patchType: 'ApplyConfiguration',
            applyConfiguration: { expression: `Object{spec: Object.spec{securityContext: ${context}}}` },
          },
        ],
      },
    });
    await world().kubernetes.apply({
      ...{ apiVersion: ADMISSION, kind: 'MutatingAdmissionPolicyBinding', metadata },
      spec: {
        policyName: metadata.name,
        matchResources: { namespaceSelector: { matchLabels: { platform: 'openshift' } } },
      },
    });
    // The API server reads policies each second.
    await eventually(async () => {
      const { body } = await admit(of);
      expect((body as KubernetesObject).spec?.securityContext).toEqual({ runAsUser: user, fsGroup: user });
    });
  }

  /** Only restricted pods are admitted in a namespace from now on, as those of `namespace()`: an ordinary one is refused. */
  async function enforceRestricted(of: string): Promise<void> {
    await world().kubectl('label', 'namespace', of, ...Object.entries(restricted).map((label) => label.join('=')));
    await eventually(async () => expect((await admit(of)).status).toBe(403));
  }

  /** What the API server answers to an ordinary pod, which it does not create. */
  function admit(of: string): Promise<{ status: number; body: unknown }> {
    const pod = { metadata: { name: 'trial' }, spec: { containers: [{ name: 'pause', image: PAUSE }] } };
    return world().kubernetes.request('POST', `/api/v1/namespaces/${of}/pods?dryRun=All`, pod);
  }

  /** The pid of a server and what its JetStream keeps are files on its volumes that belong to a user. */
  async function writesAs(user: number, of: string): Promise<void> {
    const { metadata, spec } = (await world().kubernetes.get('v1', 'Pod', 'meshery-nats-0', of)) ?? {};
    const pod = join(world().directory, spec?.nodeName, 'kubelet/pods', metadata?.uid ?? '');
    const volumes = join(pod, 'volumes/kubernetes.io~empty-dir');
    const entries = await readdir(volumes, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const written of ['/pid/nats.pid', '/data/jetstream/']) expect(files.join('\n')).toContain(written);
    for (const file of files) expect((await stat(file)).uid, file).toBe(user);
  }
}
