import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { broker, isReady, meshSync } from '../cluster/expectations.ts';
import { givenProgram } from '../cluster/processes.ts';
import { goTool } from '../tools.ts';
import { API_SERVER } from './cluster.ts';
import { forward } from './forward.ts';
import { progress } from './progress.ts';
import { startWorld } from './world.ts';

/**
 * The part of the playground in the sandbox: `playground-inside.ts STEPS PORT`, with the number of all steps, of which
 * two are done, and the port outside of the sandbox that leads to the API server.
 */
const [steps, api] = process.argv.slice(2);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0));

const starting = progress(Number(steps), 2);
const world = await startWorld((line) => starting.step(line), 1);
const { directory, kubernetes } = world;
starting.step('installing the operator');
await world.documented('docs/install.md', 'kubectl apply -k manifests\n');
starting.step('waiting for the samples');
await isReady(kubernetes, broker('meshery', 'meshery-broker'), 'Ready', 120);
await isReady(kubernetes, meshSync('meshery', 'meshery-meshsync'), 'Ready', 120);

await forward({ path: join(directory, 'api.sock') }, { host: API_SERVER, port: 6443 });
const kubeconfig = join(directory, 'kubeconfig-outside');
const config = JSON.parse(await readFile(world.kubeconfig, 'utf8'));
Object.assign(config.clusters[0].cluster, {
  server: `https://127.0.0.1:${api}`,
  'tls-server-name': 'kubernetes.default.svc',
});
await writeFile(kubeconfig, JSON.stringify(config), { mode: 0o600 });
starting.end();

const kubectl = givenProgram('KUBECTL', 'kubectl') ? 'kubectl' : await goTool('kubectl');
process.stdout.write(`
${await world.kubectl('get', 'meshery,pods', '-n', 'meshery')}
In another shell, in this folder:

  export KUBECONFIG=${kubeconfig}
  ${kubectl} get meshery,pods -A
  ${kubectl} logs -n meshery deployment/meshery-operator
  node dist/cli.js status -A
  node dist/cli.js doctor

What MeshSync publishes, as it happens (try: ${kubectl} create configmap hello):

  node dist/cli.js connect -n meshery --tail

Interrupt (Ctrl-C) to stop everything.
`);
// The forwarders keep no process running.
setInterval(() => {}, 2 ** 30);
