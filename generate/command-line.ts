import type { Command } from 'commander';
import { commandsOf, exampleLines, nameOf } from '../src/cli/options.ts';

const HEADER = '<!-- Generated from src/cli/program.ts by "npm run generate". -->';

/** The page of all commands of a program, in Markdown: what `--help` prints of each. */
export function commandLinePage(program: Command): string {
  return `${HEADER}
# Command line

\`meshery-operator <command>\`, and the same as a plugin of kubectl: \`kubectl meshery <command>\`. [How it is installed](../command-line.md). Results are printed to standard output, all else to standard error.

Commands for a cluster take the kubeconfig that kubectl takes, several files in \`KUBECONFIG\` and exec plugins included, and need the rights of what they show: where one
is missing, a line names it. None of them prints a credential but \`connect --show-token\`.

| exit code | meaning |
|---|---|
| 0 | done; Ready; nothing wrong; no difference |
| 1 | a resource is refused or not Ready, something is wrong with the installation, or there is a difference |
| 2 | the command can't be understood: an argument, a file or the kubeconfig. Nothing was changed |
| 3 | the cluster gives no answer: it can't be reached, or a right is missing |
| 130 | it was interrupted before it was done |

${commandsOf(program).map(section).join('\n')}`;
}

function section(command: Command): string {
  const help = command.createHelp();
  const rows = [
    ...help.visibleArguments(command).map((each) => [help.argumentTerm(each), help.argumentDescription(each)]),
    ...help.visibleOptions(command).map((each) => [help.optionTerm(each), help.optionDescription(each)]),
  ].filter(([term]) => term !== '-h, --help');
  const table = rows.map(([term = '', what = '']) => `| \`${term}\` | ${what.replaceAll('|', '\\|')} |\n`).join('');
  const examples = exampleLines(command)
    .map(({ line, what }) => `# ${what}\n${line}\n`)
    .join('');
  return [
    `## ${nameOf(command)}\n\n${sentence(command.description())}\n\n`,
    `\`\`\`sh\n${help.commandUsage(command)}\n\`\`\`\n`,
    ...(table ? [`\n| argument or option | meaning |\n|---|---|\n${table}`] : []),
    ...(examples ? [`\n\`\`\`sh\n${examples}\`\`\`\n`] : []),
  ].join('');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
