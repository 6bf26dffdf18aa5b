import tab, { type Complete } from '@bomb.sh/tab';
import type { Command } from 'commander';
import { controllers } from '../controllers.ts';
import { apiResourceOf } from './cluster/api.ts';
import type { ClusterOptions } from './cluster/connection.ts';
import { commandsOf, nameOf } from './options.ts';

/** Prints the script that makes a shell ask this program, by its name, what may follow. */
export function printCompletion(program: Command, shell: string): void {
  tab.setup(program.name(), program.name(), shell);
}

/**
 * Prints what may follow some words: commands, options and their values, kinds and names of resources. Without an answer of the
 * cluster, there are no names.
 */
export async function complete(program: Command, words: string[]): Promise<void> {
  const names = await namesFor(words);
  for (const group of program.commands.filter(({ commands }) => commands.length > 0))
    tab.command(group.name(), group.description());
  for (const command of commandsOf(program)) {
    const known = tab.command(nameOf(command, program), command.description());
    for (const option of command.createHelp().visibleOptions(command)) {
      const long = option.long?.slice(2);
      const short = option.short?.slice(1);
      if (!long) continue;
      if (option.required || option.optional)
        known.option(long, option.description, offer(option.argChoices ?? []), short);
      else known.option(long, option.description, short);
    }
    for (const argument of command.registeredArguments) {
      const values = argument.argChoices ?? (argument.name() === 'kind' ? KINDS : names);
      known.argument(argument.name(), offer(values), argument.variadic);
    }
  }
  tab.parse(withoutOptions(program, words));
}

/** The words without the options before the one that is completed, and their values: they are no arguments of the command. */
function withoutOptions(program: Command, words: string[]): string[] {
  const withValue = new Set(
    commandsOf(program).flatMap(({ options }) =>
      options.filter(({ required, optional }) => required || optional).flatMap(({ short, long }) => [short, long]),
    ),
  );
  const last = words.length - 1;
  return words.filter((word, index) => {
    const isValue = withValue.has(words[index - 1] ?? '') && index < last;
    const isOption = word.startsWith('-') && index < last;
    const takesLast = index === last - 1 && withValue.has(word);
    return takesLast || !(isValue || isOption);
  });
}

const KINDS = controllers.map(({ name }) => name);

const offer = (values: readonly string[]) => (add: Complete) => {
  for (const value of values) add(value, '');
};

/** How long a shell waits for names. */
const TIMEOUT_MS = 1_000;

/** The names that may stand where the last word does, each as it is written there. */
async function namesFor(words: string[]): Promise<string[]> {
  const wanted = wantedNames(words);
  if (!wanted) return [];
  const { controller, prefix } = wanted;
  const { connect } = await import('./cluster/connection.ts');
  try {
    const connection = connect(optionsIn(words));
    const list = connection.list(apiResourceOf(controller), { namespace: connection.namespace, metadataOnly: true });
    // What is late is of no use, and its failure of no interest.
    const late = new Promise<[]>((resolve) => setTimeout(resolve, TIMEOUT_MS, []).unref());
    return (await Promise.race([list, late])).map(({ metadata }) => `${prefix}${metadata.name}`);
  } catch {
    return [];
  }
}

/** Whose names may stand there: after `broker/`, after `status broker`, and after `connect`. */
function wantedNames(words: string[]) {
  const last = words.at(-1) ?? '';
  if (last.startsWith('-')) return undefined;
  const [, kind = ''] = /^([a-z]+)\//.exec(last) ?? [];
  const slashed = controllerOf(kind);
  if (slashed) return { controller: slashed, prefix: `${kind}/` };
  const [command] = words;
  const before = command === 'status' ? words.slice(1, -1).flatMap((word) => controllerOf(word) ?? []) : [];
  const [controller = command === 'connect' ? controllerOf('broker') : undefined] = before;
  return controller && { controller, prefix: '' };
}

function controllerOf(word: string) {
  return controllers.find(({ name, plural, shortNames = [] }) => [name, plural, ...shortNames].includes(word));
}

/** The cluster and the namespace that the words name, as `--context NAME` or `--context=NAME`. */
function optionsIn(words: string[]): ClusterOptions {
  const value = (...names: string[]) => {
    const [joined] = words.flatMap((word) => {
      const name = names.find((each) => word.startsWith(`${each}=`));
      return name ? [word.slice(name.length + 1)] : [];
    });
    const index = words.findIndex((word) => names.includes(word));
    return joined ?? (index < 0 ? undefined : words[index + 1]);
  };
  const [kubeconfig, context, namespace] = [value('--kubeconfig'), value('--context'), value('-n', '--namespace')];
  return { ...(kubeconfig && { kubeconfig }), ...(context && { context }), ...(namespace && { namespace }) };
}
