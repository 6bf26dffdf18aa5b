import type { Strategy } from '../stand-in/metacontroller.ts';
import { leastPrivileged } from './accounts.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { startDriver } from './driver.ts';
import { restricted } from './expectations.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { connect, type Kubernetes } from './kubernetes.ts';
import { type Driver, metacontrollerBinary, startMetacontroller } from './metacontroller.ts';
import { type Operator, startOperator } from './operator.ts';
import { until } from './processes.ts';
import { kustomize, metacontrollerCrds, registrations } from './registration.ts';

/** A control plane with the operator installed and a driver. */
export interface World {
  controlPlane: ControlPlane;
  kubernetes: Kubernetes;
  gateway: Gateway;
  driver: Driver;
  operator: Operator;
  /** Kills the driver and starts it again. */
  restartDriver: () => Promise<void>;
  stop: (failed: boolean) => Promise<void>;
}

/** The driver of a world: the real Metacontroller with one of its strategies, where it is installed, or the test double. */
export type DriverName = Strategy | 'test-double' | 'test-double-dynamic-apply';

export const isDouble = (name: DriverName) => name.startsWith('test-double');

export const strategyOf = (name: DriverName): Strategy =>
  name.endsWith('dynamic-apply') ? 'dynamic-apply' : 'server-side-apply';

/** Creates a world: the manifests applied, the registrations pointed at a gateway in front of the service. */
export async function startWorld(name: DriverName, log: (line: string) => void): Promise<World> {
  const controlPlane = await startControlPlane(log);
  const { kubernetes, directory } = controlPlane;
  const undo: (() => Promise<unknown>)[] = [];
  /** In reverse order, and all of it even after an error. */
  const stop = async (failed: boolean) => {
    const results = [];
    for (const step of undo.reverse()) results.push(...(await Promise.allSettled([step()])));
    await controlPlane.stop(failed);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  };
  try {
    log('installing the operator');
    const operator = await install(controlPlane);
    // Scenarios replace the process: the last one must be stopped.
    const world = { operator } as World;
    undo.push(() => world.operator.process.stop());
    const gateway = await startGateway(() => world.operator.url);
    undo.push(() => gateway.close());
    for (const controller of await registrations(gateway.url)) await applyPatiently(kubernetes, controller);
    const binary = metacontrollerBinary();
    const kubeconfig = await leastPrivileged(controlPlane);
    const strategy = strategyOf(name);
    const start = async () =>
      isDouble(name) || !binary
        ? startDriver({ kubernetes: connect(kubeconfig), directory }, strategy)
        : startMetacontroller(binary, controlPlane, strategy, kubeconfig);
    world.driver = await start();
    undo.push(() => world.driver.stop());
    const restartDriver = async () => {
      await world.driver.stop('SIGKILL');
      world.driver = await start();
    };
    log(`driven by ${world.driver.name}`);
    return Object.assign(world, { controlPlane, kubernetes, gateway, restartDriver, stop });
  } catch (error) {
    await stop(true).catch(() => {}); // the first error counts
    throw error;
  }
}

/** Applies the manifests and the CRDs of Metacontroller, and starts the service. */
export async function install({ kubernetes, directory }: ControlPlane): Promise<Operator> {
  for (const crd of metacontrollerCrds()) await kubernetes.apply(crd);
  for (const object of await kustomize('manifests')) {
    if (object.kind === 'Namespace') object.metadata.labels = restricted;
    await applyPatiently(kubernetes, object);
  }
  return startOperator(directory);
}

/** A kind is not served immediately after its CRD is created. */
export async function applyPatiently(kubernetes: Kubernetes, object: object): Promise<void> {
  await until('to apply', async () => Boolean(await kubernetes.apply(object)), 20);
}
