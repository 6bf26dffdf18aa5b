import type { Strategy } from '../stand-in/metacontroller.ts';
import type { ControlPlane } from './control-plane.ts';
import { freePort, givenProgram, type RunningProcess, startProcess, until } from './processes.ts';

/** The program that applies the responses of the hooks in a control plane. */
export interface Driver {
  name: string;
  /** A real process gets the signal; the test double only stops its round. */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/** Path of a real Metacontroller: `METACONTROLLER`, else the one on PATH, else `undefined`. */
export function metacontrollerBinary(): string | undefined {
  return givenProgram('METACONTROLLER', 'metacontroller');
}

/**
 * Starts a real Metacontroller with the flags that `metacontroller/install` recommends.
 * @param kubeconfig with its rights; default: an administrator
 */
export async function startMetacontroller(
  binary: string,
  controlPlane: ControlPlane,
  strategy: Strategy,
  kubeconfig = controlPlane.kubeconfig,
): Promise<Driver & { process: RunningProcess }> {
  const [metrics, health] = [await freePort(), await freePort()];
  const running = startProcess(
    `metacontroller-${strategy}`,
    binary,
    [
      `--kubeconfig=${kubeconfig}`,
      `--apply-strategy=${strategy}`,
      ...['--client-go-qps=200', '--client-go-burst=400', '--workers=20', '--discovery-interval=5s'],
      ...[`--metrics-address=127.0.0.1:${metrics}`, `--health-probe-bind-address=127.0.0.1:${health}`],
      '--zap-log-level=4',
    ],
    controlPlane.directory,
  );
  await until('Metacontroller', async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).ok, 30, running);
  return { name: `Metacontroller, ${strategy}`, process: running, stop: (signal) => running.stop(signal) };
}
