import { broker, isReady, meshSync, printed } from './expectations.ts';
import { metacontrollerBinary } from './metacontroller.ts';
import { kustomize } from './registration.ts';
import { startWorld } from './world.ts';

/**
 * `npm run playground -- --simulated`: a control plane with the operator, driven by a real Metacontroller where one is
 * installed, and the samples in it. Runs until it is interrupted.
 */
const started = Date.now();
const print = (line: string) =>
  process.stdout.write(`${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s  ${line}\n`);

const world = await startWorld(metacontrollerBinary() ? 'server-side-apply' : 'test-double', print);
print('creating the samples');
for (const sample of await kustomize('manifests/samples')) await world.kubernetes.apply(sample);
await isReady(world.kubernetes, broker('meshery', 'meshery-broker'));
await isReady(world.kubernetes, meshSync('meshery', 'meshery-meshsync'));
print('the samples are ready');
process.stdout.write(`
${JSON.stringify(await printed(world.kubernetes, 'brokers', 'meshery', 'meshery-broker'))}
${JSON.stringify(await printed(world.kubernetes, 'meshsyncs', 'meshery', 'meshery-meshsync'))}

  export KUBECONFIG=${world.controlPlane.kubeconfig}
  kubectl get meshery -A
  node dist/cli.js status -A

Pods are simulated: nothing runs in them. Interrupt (Ctrl-C) to stop everything.
`);

const stop = async () => {
  print('stopping');
  await world.stop(false);
  process.exit(0);
};
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
