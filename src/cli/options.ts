import { type Command, Option } from 'commander';
import type { ClusterOptions } from './cluster/connection.ts';

/** How a command prints: for people, or for programs. */
export const OUTPUTS = ['text', 'json', 'yaml'] as const;
export type Output = (typeof OUTPUTS)[number];

/** The options of a command that asks a cluster, as `action` gets them. */
export interface ClusterCommandOptions extends ClusterOptions {
  output: Output;
  /** False by `--no-color`; NO_COLOR and a pipe have the same effect. */
  color: boolean;
}

/**
 * Adds the options by which every command names a cluster and a namespace, and says how it prints.
 * @param namespace what the namespace is for, and its default
 */
export function withClusterOptions(command: Command, namespace = 'namespace; default: that of the context'): Command {
  return withConnectionOptions(command)
    .option('-n, --namespace <name>', namespace)
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(OUTPUTS).default('text'))
    .option('--no-color', 'print without colours, as NO_COLOR does')
    .hook('preAction', (_, command) => {
      // Before anything is printed: node:util's styleText reads it.
      if (command.opts().color !== false) return;
      process.env.NO_COLOR = '1';
      // It would have the last word.
      delete process.env.FORCE_COLOR;
    });
}

/** Adds the options by which a command names a cluster. */
function withConnectionOptions(command: Command): Command {
  return command
    .option('--kubeconfig <path>', 'kubeconfig to use; default: KUBECONFIG, else ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig; default: the current one');
}

/** Adds the arguments and options of a command for files that takes resources of a cluster too. */
export function withGivenOptions(command: Command): Command {
  return withConnectionOptions(command)
    .argument(
      '[file...]',
      'YAML or JSON files, - for standard input, or resources of the cluster: broker/NAME, meshsync/NAME',
    )
    .option('-f, --filename <file...>', 'YAML or JSON files, as kubectl takes them; - is standard input')
    .option(
      '-n, --namespace <name>',
      'namespace of resources in files that name none; default: default. Of those in the cluster; default: that of the context',
    );
}

/** Adds `-A`, for a command that can look into all namespaces. */
export function withAllNamespaces(command: Command): Command {
  return command.option('-A, --all-namespaces', 'in all namespaces', false);
}

/** An example: what follows the name of the command, and what it does. */
export type Example = readonly [args: string, what: string];

const EXAMPLES = new WeakMap<Command, readonly Example[]>();

/** Adds examples to the help of a command. */
export function withExamples(command: Command, examples: readonly Example[]): Command {
  EXAMPLES.set(command, examples);
  return command.addHelpText('after', () => {
    const lines = exampleLines(command).map(({ line, what }) => `  # ${what}\n  ${line}`);
    return `\nExamples:\n${lines.join('\n')}`;
  });
}

/** The examples of a command, as a shell takes them. */
export function exampleLines(command: Command): { line: string; what: string }[] {
  return (EXAMPLES.get(command) ?? []).map(([args, what]) => ({ line: `${nameOf(command)} ${args}`.trim(), what }));
}

/** The name of a command after those of the commands that it belongs to, up to one of them: `migrate plan` of the program. */
export function nameOf(command: Command, of?: Command): string {
  const { parent } = command;
  return parent && parent !== of ? `${nameOf(parent, of)} ${command.name()}` : command.name();
}

/** The commands that do something, those of groups included. */
export function commandsOf(program: Command): Command[] {
  const visible = program.createHelp().visibleCommands(program);
  return visible
    .filter((each) => each.name() !== 'help')
    .flatMap((each) => (each.commands.length > 0 ? commandsOf(each) : [each]));
}
