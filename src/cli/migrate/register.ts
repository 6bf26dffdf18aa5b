import type { Command } from 'commander';
import { type ClusterCommandOptions, withClusterOptions } from '../options.ts';
import type { ChangeOptions } from './command.ts';

const NAMESPACE = 'namespace of the Go operator; default: where it is found, else meshery';

/** Adds `migrate` and its commands. What they need is loaded once one of them runs. */
export function registerMigrate(program: Command): void {
  const migrate = program
    .command('migrate')
    .description("move a cluster from Meshery's Go operator to this one, keeping resources, tokens and addresses");

  withClusterOptions(migrate.command('plan'), NAMESPACE)
    .description('print each step, what it changes, and what stops it; changes nothing')
    .action(async (options: ClusterCommandOptions) => (await load()).printMigration(options));

  withChangeOptions(migrate.command('apply'))
    .description('print the plan, ask, and do its steps; run it again after an interruption')
    .option('--manifests <file...>', 'apply these files of a release to install the operator; - is standard input')
    .action(async (options: ChangeOptions) => (await load()).applyMigration(options));

  withChangeOptions(migrate.command('rollback'))
    .description('undo a migration, until its last step')
    .action(async (options: ChangeOptions) => (await load()).rollBackMigration(options));
}

function withChangeOptions(command: Command): Command {
  return withClusterOptions(command, NAMESPACE)
    .option('-y, --yes', 'do it without asking', false)
    .option('--timeout <duration>', 'how long a step may wait', '30m');
}

const load = () => import('./command.ts');
