import { Command, CommanderError, Option } from 'commander';
import type { OperatorSettings } from '../api/context.ts';
import { controllers } from '../controllers.ts';
import { SECURITY_CONTEXTS } from '../kubernetes/security.ts';
import { serve } from '../server/serve.ts';
import { crdFiles, writeCrds } from './crds.ts';
import { demo } from './demo.ts';
import { UsageError } from './errors.ts';
import { rbac } from './rbac.ts';
import { render } from './render.ts';
import { readResources } from './resources.ts';
import { findings, line } from './validate.ts';

/** Exit codes: 0 is success, 1 that a resource is refused, 2 a usage error. */
const REFUSED = 1;
const USAGE = 2;

const NOTHING = `the files contain no ${controllers.map(({ kind }) => kind).join(' and no ')}`;

const program = new Command('meshery-operator')
  .description("Runs Meshery's Broker (NATS) and MeshSync in Kubernetes, as a webhook service for Metacontroller.")
  .showHelpAfterError('(see --help)')
  .exitOverride();

program
  .command('serve', { isDefault: true })
  .description('run the webhook service; configured by environment')
  .action(serve);

program
  .command('render')
  .description('print the children and the status of Brokers and MeshSyncs, as the service gives them')
  .argument('<file...>', 'YAML or JSON files; - is standard input')
  .option('--mint', 'generate random credentials instead of placeholders', false)
  .option('-n, --namespace <name>', 'namespace of resources that name none', 'default')
  .option('--image-registry <registry>', 'pull images that name no registry from this one, as IMAGE_REGISTRY does')
  .option('--image-registry-library', 'pull library/nats from it, and not nats, as IMAGE_REGISTRY_LIBRARY does')
  .addOption(
    new Option('--security-context <mode>', 'user and groups of pods, as SECURITY_CONTEXT sets them').choices(
      SECURITY_CONTEXTS,
    ),
  )
  .action(async (files: string[], options: { mint: boolean; namespace: string } & OperatorSettings) => {
    const given = await readResources(files);
    for (const line of given.skipped) warn(line);
    if (given.resources.length === 0) throw new UsageError(NOTHING);
    const { yaml, notes } = render(given, { ...options, now: () => new Date() });
    process.stdout.write(yaml);
    for (const { source, text } of notes) warn(`${source}: ${text}`);
    if (notes.some(({ refused }) => refused)) process.exitCode = REFUSED;
  });

program
  .command('validate')
  .description('print what kubectl apply and the service would refuse or warn about, before resources are applied')
  .argument('<file...>', 'YAML or JSON files; - is standard input')
  .addOption(new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'))
  .option('-n, --namespace <name>', 'namespace of resources that name none', 'default')
  .action(async (files: string[], options: { output: 'text' | 'json'; namespace: string }) => {
    const given = await readResources(files);
    if (given.resources.length === 0) warn(NOTHING);
    const found = findings(given, options.namespace, new Date());
    const text = found.map((finding) => `${line(finding)}\n`).join('');
    process.stdout.write(options.output === 'json' ? `${JSON.stringify(found, undefined, 2)}\n` : text);
    if (found.some(({ severity }) => severity === 'error')) process.exitCode = REFUSED;
  });

program
  .command('rbac')
  .description('print the ClusterRole and the ClusterRoleBinding that MeshSyncs need, and nothing more')
  .argument('<file...>', 'YAML or JSON files; - is standard input')
  .option('-n, --namespace <name>', 'namespace of resources that name none', 'default')
  .action(async (files: string[], { namespace }: { namespace: string }) => {
    const { resources } = await readResources(files);
    const { yaml, notes } = rbac(resources, namespace);
    process.stdout.write(yaml);
    for (const note of notes) warn(note);
  });

program
  .command('crds')
  .description('print the CustomResourceDefinitions')
  .option('--directory <path>', 'write them there instead, one file each')
  .action(async ({ directory }: { directory?: string }) => {
    if (directory) await writeCrds(directory);
    else process.stdout.write([...crdFiles().values()].join('---\n'));
  });

program
  .command('demo')
  .description('start the service, send it resources as Metacontroller would, and show what comes back')
  .argument('<file...>', 'YAML or JSON files with Brokers and MeshSyncs')
  .action(async (files: string[]) => {
    const { resources } = await readResources(files);
    await demo(resources, (text) => process.stdout.write(text));
  });

// A reader that has enough, such as head, closes the pipe.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));

try {
  // Without a command the service runs; an unknown command must not count as an argument of it.
  const [first] = process.argv.slice(2);
  const names = ['help', ...program.commands.map((command) => command.name())];
  if (first && !first.startsWith('-') && !names.includes(first))
    throw new UsageError(`there is no command ${first} (see --help)`);
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  else {
    warn(error instanceof Error ? error.message : String(error));
    process.exitCode = USAGE;
  }
}

function warn(line: string): void {
  process.stderr.write(`meshery-operator: ${line}\n`);
}
