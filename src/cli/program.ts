import { Argument, Command, Help, Option } from 'commander';
import { SECURITY_CONTEXTS } from '../kubernetes/security.ts';
import { version } from '../server/version.ts';
import type { ConnectOptions } from './connect/command.ts';
import type { DoctorOptions } from './doctor/doctor.ts';
import { UsageError } from './errors.ts';
import type { CrdsOptions, RenderCommandOptions, ValidateOptions } from './file-commands.ts';
import type { GivenOptions } from './given.ts';
import { registerMigrate } from './migrate/register.ts';
import { withAllNamespaces, withClusterOptions, withExamples, withGivenOptions } from './options.ts';
import type { StatusOptions } from './status/command.ts';

/** The command that shells ask what may follow some words. */
export const COMPLETE = 'complete';

/**
 * The command line, ready to parse arguments. Each command loads what it needs when it runs, so that help is there at once.
 * @param name by which it is called: that of its own, or `kubectl meshery`
 */
export function createProgram(name = 'meshery-operator'): Command {
  const program = new Command(name)
    .description(
      "Shows, checks and changes Meshery's Broker (NATS) and MeshSync in a cluster, and runs the service that reconciles them.",
    )
    .version(version, '--version', 'print the version')
    .showHelpAfterError('(see --help)')
    .exitOverride()
    .configureHelp({ optionDescription });

  addClusterCommands(program);
  registerMigrate(program);
  addFileCommands(program);
  program
    .command('serve', { hidden: isPlugin(program) })
    .description('run the webhook service; configured by environment')
    .action(async () => (await import('../server/serve.ts')).serve());
  addCompletion(program);
  return program;
}

function isPlugin(program: Command): boolean {
  return program.name().includes(' ');
}

/** Of a flag, nobody needs to know that it is not given by default. */
function optionDescription(option: Option): string {
  return option.defaultValue === false ? option.description : new Help().optionDescription(option);
}

/** What asks a cluster. */
function addClusterCommands(program: Command): void {
  withExamples(withAllNamespaces(withClusterOptions(program.command('status'))), [
    ['-A', 'all Brokers and MeshSyncs of the cluster, with what stops those that are not Ready'],
    ['broker meshery-broker --namespace meshery --watch', 'one Broker, until it is Ready'],
    ['--namespace meshery --wait --timeout 2m', 'for scripts: exit code 0 once all are Ready, else 1'],
  ])
    .description('show whether Brokers and MeshSyncs are Ready, and what stops those that are not')
    .argument('[kind]', 'broker or meshsync, or broker/NAME; default: both')
    .argument('[name]', 'name of one resource')
    .option('--watch', 'show it again and again until all are Ready', false)
    .option('--wait', 'wait until all are Ready or one is stalled, then show it', false)
    .option('--timeout <duration>', 'how long --watch and --wait go on, such as 90s; default: 5m')
    .action(async (kind: string | undefined, name: string | undefined, options: StatusOptions) => {
      const [{ connect }, { status }, { processTerminal }] = await Promise.all([
        import('./cluster/connection.ts'),
        import('./status/command.ts'),
        import('./terminal.ts'),
      ]);
      process.exitCode = await status(connect(options), { kind, name }, options, processTerminal());
    });

  withExamples(withClusterOptions(program.command('connect')), [
    ['--namespace meshery', 'forward a port, and print the lines for a shell with the nats command'],
    ['--namespace meshery --tail', 'print a line for each message that MeshSync publishes'],
  ])
    .description('forward a port of this machine to a Broker, and print how to use it or what is published')
    .argument('[name]', 'name of the Broker, or broker/NAME; default: the only one')
    .option('--show-token', 'print the token instead of the command that reads it', false)
    .option('--tail', 'subscribe, and print a line for each message', false)
    .option('--subject <subject>', 'what to subscribe to', 'meshery.>')
    .option('--count <number>', 'end --tail after so many messages')
    .option('--cert <path>', 'client certificate for --tail, where the Broker asks for one')
    .option('--key <path>', 'its private key')
    .action(async (name: string | undefined, options: ConnectOptions) => {
      const [{ connect }, { connectTo }, { interruption, processTerminal }] = await Promise.all([
        import('./cluster/connection.ts'),
        import('./connect/command.ts'),
        import('./terminal.ts'),
      ]);
      const io = { terminal: processTerminal(), signal: interruption() };
      process.exitCode = await connectTo(connect(options), name, options, io);
    });

  withExamples(
    withClusterOptions(
      program.command('doctor'),
      'namespace of the operator; default: the one that the registrations name',
    ),
    [
      ['', 'check the installation; exit code 1 if something is wrong'],
      ['--fix', 'show what is safe to do about it, ask, and do it'],
      ['--output json', 'for programs'],
    ],
  )
    .description('check an installation, and say what is wrong and what to do about it')
    .option('--fix', 'do what is safe, after asking: it restarts no pod and deletes nothing', false)
    .option('--yes', 'do it without asking', false)
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import('./doctor/doctor.ts');
      process.exitCode = await doctor(options);
    });
}

/** What takes files, and resources of a cluster too. */
function addFileCommands(program: Command): void {
  const load = () => import('./file-commands.ts');

  withExamples(withGivenOptions(program.command('render')), [
    ['broker.yaml meshsync.yaml', 'the children and the status of resources in files'],
    ['--diff broker/meshery-broker --namespace meshery', 'what this version would change in the cluster'],
    ['--diff --filename broker.yaml', 'what an edited file would change, and what would restart'],
  ])
    .description('print the children and the status of Brokers and MeshSyncs, as the service gives them')
    .option(
      '--diff',
      'print what would change in the cluster, what would restart, and what would stop the operator; exit code 1 if anything would',
      false,
    )
    .option('--mint', 'generate random credentials instead of placeholders', false)
    .option('--image-registry <registry>', 'pull images that name no registry from this one, as IMAGE_REGISTRY does')
    .option('--image-registry-library', 'pull library/nats from it, and not nats, as IMAGE_REGISTRY_LIBRARY does')
    .addOption(
      new Option('--security-context <mode>', 'user and groups of pods, as SECURITY_CONTEXT sets them').choices(
        SECURITY_CONTEXTS,
      ),
    )
    .action(async (args: string[], options: RenderCommandOptions) => (await load()).renderCommand(args, options));

  withExamples(withGivenOptions(program.command('validate')), [
    ['broker.yaml', 'what kubectl apply would refuse, and what it would warn about'],
    ['broker/meshery-broker --namespace meshery', 'the same for a resource of the cluster'],
  ])
    .description('print what kubectl apply and the service would refuse or warn about, before resources are applied')
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .action(async (args: string[], options: ValidateOptions) => (await load()).validateCommand(args, options));

  withExamples(withGivenOptions(program.command('rbac')), [
    ['meshsync/meshery-meshsync --namespace meshery', 'the role that a MeshSync of the cluster needs'],
  ])
    .description('print the ClusterRole and the ClusterRoleBinding that MeshSyncs need, and nothing more')
    .action(async (args: string[], options: GivenOptions) => (await load()).rbacCommand(args, options));

  withExamples(program.command('crds'), [['', 'the CustomResourceDefinitions of this version, for kubectl apply']])
    .description('print the CustomResourceDefinitions')
    .option('--directory <path>', 'write them there instead, one file each')
    .action(async (options: CrdsOptions) => (await load()).crdsCommand(options));

  withExamples(program.command('demo'), [['broker.yaml meshsync.yaml', 'without a cluster']])
    .description('start the service, send it resources as Metacontroller would, and show what comes back')
    .argument('<file...>', 'YAML or JSON files with Brokers and MeshSyncs')
    .action(async (files: string[]) => (await load()).demoCommand(files));
}

function addCompletion(program: Command): void {
  // The words of a plugin are completed by kubectl's own script, which asks the program kubectl_complete-meshery.
  withExamples(program.command('completion', { hidden: isPlugin(program) }), [
    ['bash', 'bash and zsh: source <(meshery-operator completion bash)'],
    ['fish', 'fish: meshery-operator completion fish | source'],
  ])
    .description('print a script that completes commands, options and names of resources')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: string) => {
      if (isPlugin(program)) throw new UsageError('kubectl completes the words of plugins: see docs/command-line.md');
      const { printCompletion } = await import('./completion.ts');
      printCompletion(program, shell);
    });

  program
    .command(COMPLETE, { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(async (words: string[]) => {
      const { complete } = await import('./completion.ts');
      await complete(program, words);
      // A request for names that came too late does not keep the shell waiting.
      process.exit();
    });
}
