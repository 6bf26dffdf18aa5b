import type { Argument, Command, Option } from 'commander';
import { commandsOf, exampleLines, nameOf } from '../../src/cli/options.ts';
import { anchor, code, type Entry, item, prose, title } from './markdown.ts';

/** The variables that commands read, and what for. */
export const VARIABLES = {
  KUBECONFIG: 'Paths of kubeconfigs, as kubectl takes them. --kubeconfig wins.',
  NO_COLOR: 'With any value, output has no colours. Output that is no terminal has none anyway.',
  FORCE_COLOR: 'With 1, output has colours although it is no terminal. It wins over NO_COLOR, and --no-color over it.',
};

/** The page of all commands of a program: what `--help` prints of each. */
export function commandLinePage(program: Command): string {
  const commands = commandsOf(program);
  const links = commands.map((each) => {
    const name = nameOf(each, program);
    return `- [${name}](#${anchor(nameOf(each))}): ${prose(each.description())}`;
  });
  const variables = Object.entries(VARIABLES).map(([name, text]) => item({ name, facts: [], text: prose(text) }));
  return `${title('src/cli/program.ts', 'Command line')}
All commands of \`meshery-operator\` and their options, as \`--help\` prints them. [The command line](../command-line.md) says how to install it and
what each is for. As a plugin of kubectl, it is \`kubectl meshery\` with the same commands.

${links.join('\n')}

Results are printed to standard output, all else to standard error. Commands for a cluster need the rights of what they show: where one is
missing, a line names it. None of them prints a credential but \`connect --show-token\`.

## Exit codes

| exit code | meaning |
|---|---|
| 0 | done; Ready; nothing wrong; no difference |
| 1 | a resource is refused or not Ready, something is wrong with the installation, or there is a difference |
| 2 | the command can't be understood: an argument, a file or the kubeconfig. Nothing was changed |
| 3 | the cluster gives no answer: it can't be reached, or a right is missing |
| 130 | it was interrupted before it was done |

## Environment

${variables.join('\n')}

\`meshery-operator serve\` is the service, with [variables of its own](environment.md).

${commands.map(section).join('\n')}`;
}

function section(command: Command): string {
  const help = command.createHelp();
  const entries = [
    ...help.visibleArguments(command).map(argumentEntry),
    ...help
      .visibleOptions(command)
      .filter(({ long }) => long !== '--help')
      .map(optionEntry),
  ];
  const examples = exampleLines(command).map(({ line, what }) => `# ${what}\n${line}\n`);
  return [
    `## ${nameOf(command)}\n\n${sentence(command.description())}\n\n`,
    `\`\`\`text\n${help.commandUsage(command)}\n\`\`\`\n`,
    ...(entries.length > 0 ? [`\n${entries.map(item).join('\n')}\n`] : []),
    ...(examples.length > 0 ? [`\n\`\`\`sh\n${examples.join('')}\`\`\`\n`] : []),
  ].join('');
}

function argumentEntry(argument: Argument): Entry {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return entry(name, argument.description, argument.argChoices, argument.required && 'required');
}

function optionEntry({ flags, description, argChoices, defaultValue }: Option): Entry {
  const isShown = typeof defaultValue === 'string';
  return entry(flags, description, argChoices, isShown && `default: ${code(defaultValue)}`);
}

/** A text may end with a default in words. */
function entry(name: string, description: string, choices: readonly string[] | undefined, fact: string | false): Entry {
  const [text = '', words, ...more] = description.split('; default: ');
  const hasWords = words !== undefined && more.length === 0 && !words.includes('. ');
  return {
    name,
    facts: [choices && `one of ${choices.map(code).join(', ')}`, fact, hasWords && `default: ${prose(words)}`].filter(
      (each) => each !== undefined,
    ),
    text: sentence(hasWords ? text : description),
  };
}

function sentence(text: string): string {
  return `${prose(text.charAt(0).toUpperCase() + text.slice(1))}.`;
}
