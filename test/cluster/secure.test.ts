import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Container, V1Deployment, V1PodSpec } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { decode } from '../../src/kubernetes/secrets.ts';
import { authority, issue, type KeyPair, tlsData } from '../support/certificates.ts';
import { leastPrivileged } from './accounts.ts';
import { countChanges } from './changes.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { post, startDriver } from './driver.ts';
import { broker, eventually, isReady, meshSync, namespace } from './expectations.ts';
import { connect, type Kubernetes, type KubernetesObject } from './kubernetes.ts';
import { type Driver, metacontrollerBinary, startMetacontroller } from './metacontroller.ts';
import { type Operator, startOperator } from './operator.ts';
import { kustomize, metacontrollerCrds, registrations } from './registration.ts';
import { exposedIn } from './secrecy.ts';
import { applyPatiently } from './world.ts';

const binary = metacontrollerBinary();
const TOKEN = 'meshery-operator-token';
const [FIRST, SECOND] = ['tHookTokenTheFirst', 'tHookTokenTheSecond'];
const OF = 'meshery';

/** The overlays of both folders, of the operator and of its registration, that belong together. */
describe.each(binary ? ['Metacontroller', 'the test double'] : ['the test double'])('hooks that %s calls', (name) => {
  let controlPlane: ControlPlane;
  let kubernetes: Kubernetes;
  let driver: Driver;
  let operator: Operator | undefined;
  let failed = false;
  let ca: KeyPair;

  beforeAll(async () => {
    controlPlane = await startControlPlane(() => {});
    kubernetes = controlPlane.kubernetes;
    for (const crd of metacontrollerCrds()) await kubernetes.apply(crd);
    for (const object of await kustomize('manifests/crds')) await kubernetes.apply(object);
    await kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: OF } });
    const kubeconfig = await leastPrivileged(controlPlane);
    driver =
      name === 'Metacontroller'
        ? await startMetacontroller(binary ?? '', controlPlane, 'server-side-apply', kubeconfig)
        : startDriver({ kubernetes: connect(kubeconfig), directory: controlPlane.directory });

    ca = await authority();
    const secret = (name: string, data: object) =>
      kubernetes.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: OF }, ...data });
    await secret(TOKEN, { stringData: { token: FIRST } });
    await secret('meshery-operator-tls', { data: tlsData(await issue(ca, 'meshery-operator.meshery'), ca) });
    await secret('meshery-operator-client-tls', { data: tlsData(await issue(ca, 'metacontroller'), ca) });
  });
  afterAll(async () => {
    if (name === 'Metacontroller') {
      const log = await readFile(join(controlPlane.directory, 'metacontroller-server-side-apply.log'), 'utf8');
      expect(log.match(/User "system:serviceaccount:metacontroller:metacontroller" cannot .*/)?.[0]).toBeUndefined();
    }
    await driver?.stop();
    await operator?.process.stop();
    await controlPlane?.stop(failed);
  });

  /** Mounts the Secrets of a pod, and returns the environment of its first container with the paths of this machine. */
  async function mounted({ containers: [container], volumes = [] }: V1PodSpec): Promise<Record<string, string>> {
    const { env = [], volumeMounts = [] } = container as V1Container;
    const environment = Object.fromEntries(env.flatMap(({ name, value }) => (value ? [[name, value]] : [])));
    for (const { name, mountPath } of volumeMounts) {
      const secretName = volumes.find((volume) => volume.name === name)?.secret?.secretName ?? '';
      const directory = await mkdtemp(join(controlPlane.directory, `${name}-`));
      await mount(secretName, directory);
      for (const [variable, value] of Object.entries(environment)) {
        environment[variable] = value.replaceAll(mountPath, directory);
      }
    }
    return environment;
  }

  async function mount(secretName: string, directory: string): Promise<void> {
    const { data = {} } = (await kubernetes.get('v1', 'Secret', secretName, OF)) as KubernetesObject;
    await rm(directory, { recursive: true });
    await mkdir(directory);
    for (const [key, value] of Object.entries(data)) await writeFile(join(directory, key), decode(value));
  }

  /** Starts the service with the overlay of the manifests, and registers it with that of Metacontroller. */
  async function install(overlay: string): Promise<Record<string, string>> {
    await operator?.process.stop();
    const objects = await kustomize(`manifests/overlays/${overlay}`);
    const { spec } = objects.find(({ kind }) => kind === 'Deployment') as unknown as V1Deployment;
    const environment = await mounted(spec?.template.spec as V1PodSpec);
    operator = await startOperator(controlPlane.directory, undefined, { ...environment, RELOAD_INTERVAL: '100' });
    for (const controller of await registrations(operator.url, `metacontroller/overlays/${overlay}`)) {
      await applyPatiently(kubernetes, controller);
    }
    return environment;
  }

  it.each(['token', 'tls', 'mutual-tls'])('have the security of the overlay %s', async (overlay) => {
    onTestFailed(() => {
      failed = true;
    });
    const environment = await install(overlay);
    const call = async (token?: string) => {
      const url = `${operator?.url}/broker/customize`;
      return (await post(url, { ca: ca.certificate, ...(token && { token }) }, '{}')).status;
    };
    const exposed = () => exposedIn(controlPlane, [FIRST, SECOND, 'PRIVATE KEY']);
    if (overlay === 'mutual-tls') await expect(call()).rejects.toThrow();
    else expect(await call()).toBe(401);
    const of = await namespace(kubernetes, overlay);
    const applied = [broker(of, 'meshery-broker'), meshSync(of, 'meshery-meshsync')];
    for (const object of applied) await kubernetes.apply(object);
    for (const object of applied) await isReady(kubernetes, object);

    // The operator has another token than Metacontroller: nothing is written until it has that one as well.
    const tokens = environment.HOOK_TOKEN_FILES?.split(',')[0];
    if (!tokens) return expect(await exposed()).toEqual([]);
    const changes = await countChanges(kubernetes, of);
    await writeFile(tokens, SECOND);
    await eventually(async () => expect([await call(FIRST), await call(SECOND)]).toEqual([401, 400]));
    await kubernetes.patch({ ...applied[0], spec: { size: 2 } } as KubernetesObject);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const size = async () => (await kubernetes.get('apps/v1', 'StatefulSet', 'meshery-nats', of))?.spec.replicas;
    expect(await size()).toBe(1);
    await writeFile(tokens, `${SECOND}\n${FIRST}`);
    await eventually(async () => expect(await size()).toBe(2), 60);
    expect(await changes()).toMatchObject({ 'StatefulSet/meshery-nats': 1 });
    expect(await exposed()).toEqual([]);
  });
});
