import { goTools } from '../tools.ts';
import { metacontrollerBinary } from './metacontroller.ts';
import { meshSyncBinary } from './processes.ts';

/** Builds the control plane before the first test, and prints the drivers of the scenarios. */
export default async function setup(): Promise<void> {
  const binary = metacontrollerBinary();
  if (process.env.RECORD && !binary) {
    throw new Error('recording needs a real Metacontroller: set METACONTROLLER to its path');
  }
  process.stderr.write(
    binary
      ? `scenarios run through Metacontroller (${binary}) under both apply strategies, and through the test double\n`
      : 'scenarios run through the test double only: set METACONTROLLER to run them through a real Metacontroller too\n',
  );
  const meshSync = meshSyncBinary();
  process.stderr.write(
    meshSync ? `MeshSync is ${meshSync}\n` : 'no real MeshSync is run: set MESHSYNC to the path of one of 1.0.3\n',
  );
  await goTools(['etcd', 'kwok', 'nats-server', 'kustomize', 'health']);
  await goTools(['promtool', 'kube-state-metrics']);
  await goTools(['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl']);
}
