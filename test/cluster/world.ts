import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { goTool } from '../tools.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { startDriver } from './driver.ts';
import { restricted } from './expectations.ts';
import { type Gateway, startGateway } from './gateway.ts';
import type { Kubernetes, KubernetesObject } from './kubernetes.ts';
import { type Driver, metacontrollerBinary, startMetacontroller } from './metacontroller.ts';
import { type Operator, startOperator } from './operator.ts';
import { until } from './processes.ts';
import { metacontrollerCrds, registrations } from './registration.ts';

const run = promisify(execFile);

/** A control plane with the operator installed and something that drives it. */
export interface World {
  controlPlane: ControlPlane;
  kubernetes: Kubernetes;
  gateway: Gateway;
  driver: Driver;
  operator: Operator;
  stop: (failed: boolean) => Promise<void>;
}

/** What drives a world: the real Metacontroller under one of its strategies, or the test double. */
export type DriverName = 'dynamic-apply' | 'server-side-apply' | 'test-double';

/** Builds a world: the manifests of the README applied, the registrations pointed at a gateway before the service. */
export async function startWorld(name: DriverName, log: (line: string) => void): Promise<World> {
  const controlPlane = await startControlPlane(log);
  const { kubernetes, directory } = controlPlane;
  const undo: (() => Promise<unknown>)[] = [];
  /** Backwards, and all of it whatever fails on the way. */
  const stop = async (failed: boolean) => {
    const results = [];
    for (const step of undo.reverse()) results.push(...(await Promise.allSettled([step()])));
    await controlPlane.stop(failed);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  };
  try {
    log('installing the operator');
    for (const crd of metacontrollerCrds()) await kubernetes.apply(crd);
    for (const object of await kustomize('manifests')) {
      if (object.kind === 'Namespace') object.metadata.labels = restricted;
      await applyPatiently(kubernetes, object);
    }
    const operator = await startOperator(directory);
    // Scenarios put another process in its place: the one that is there in the end is the one to stop.
    const world = { operator } as World;
    undo.push(() => world.operator.process.stop());
    const gateway = await startGateway(() => world.operator.url);
    undo.push(() => gateway.close());
    for (const controller of await registrations(gateway.url)) await applyPatiently(kubernetes, controller);
    const binary = metacontrollerBinary();
    const driver =
      name === 'test-double' || !binary
        ? startDriver(controlPlane)
        : await startMetacontroller(binary, controlPlane, name);
    undo.push(() => driver.stop());
    log(`driven by ${driver.name}`);
    return Object.assign(world, { controlPlane, kubernetes, gateway, driver, stop });
  } catch (error) {
    await stop(true).catch(() => {}); // what failed first is what counts
    throw error;
  }
}

/** The objects of a kustomization. */
export async function kustomize(folder: string): Promise<KubernetesObject[]> {
  const { stdout } = await run(await goTool('kustomize'), ['build', folder]);
  return parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject);
}

/** A kind whose CRD was created a moment ago is not served at once. */
async function applyPatiently(kubernetes: Kubernetes, object: object): Promise<void> {
  await until('to apply', async () => Boolean(await kubernetes.apply(object)), 20);
}
