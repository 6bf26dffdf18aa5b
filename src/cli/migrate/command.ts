import { type Connection, connect } from '../cluster/connection.ts';
import { objectInWords } from '../cluster/objects.ts';
import { canAsk, isConfirmed } from '../confirm.ts';
import { duration } from '../duration.ts';
import { EXIT, UsageError } from '../errors.ts';
import type { ClusterCommandOptions } from '../options.ts';
import { processTerminal } from '../terminal.ts';
import type { Facts } from './facts.ts';
import { gather, type Scope } from './gather.ts';
import { lackingIn, missingParts } from './install.ts';
import { assertAccepted, manifestChanges, readManifests } from './manifests.ts';
import { type Plan, planOf } from './plan.ts';
import { printPlan, stepLines } from './print.ts';
import { assertAllowed } from './rights.ts';
import { refusalOf, rollbackStepsOf } from './rollback.ts';
import { run } from './run.ts';
import { oldServices, stepsOf } from './steps.ts';

/** The options of the commands that change a cluster. */
export interface ChangeOptions extends ClusterCommandOptions {
  yes: boolean;
  timeout: string;
  manifests?: string[];
}

const { paint } = processTerminal();

/** Prints what a migration would do, and what stops it. */
export async function printMigration(options: ClusterCommandOptions): Promise<void> {
  const connection = connect(options);
  const facts = await factsOf(connection, scopeOf(options));
  const plan = planOf(facts);
  process.stdout.write(printPlan(plan, options.output, paint));
  if (plan.obstacles.length > 0) process.exitCode = EXIT.refused;
  else await assertAllowed(connection, plan.steps, facts.namespace);
}

/** Migrates: shows the plan, asks, and does its steps. */
export async function applyMigration(options: ChangeOptions): Promise<void> {
  const timeoutMs = duration(options.timeout);
  const manifests = await readManifests(options.manifests ?? []);
  const connection = connect(options);
  const scope = { ...scopeOf(options), manifests };
  const facts = await factsOf(connection, scope);
  const plan = planOf(facts);
  process.stdout.write(printPlan(plan, options.output, paint));
  if (plan.obstacles.length > 0) {
    process.exitCode = EXIT.refused;
    return;
  }
  if (plan.isComplete) return;
  await assertInstallable(connection, facts);
  await assertAllowed(connection, plan.steps, facts.namespace);
  if (!(await isAgreed('Do this?', options))) return;
  await run(connection, { scope, steps: stepsOf, timeoutMs, progress: say });
  say(`Done: this operator runs ${resourcesOf(plan)}, and nothing of the Go operator is left.`);
}

/** Undoes a migration whose last step has not begun. */
export async function rollBackMigration(options: ChangeOptions): Promise<void> {
  const timeoutMs = duration(options.timeout);
  const connection = connect(options);
  const scope = scopeOf(options);
  const facts = await factsOf(connection, scope);
  const refusal = refusalOf(facts);
  if (refusal) {
    say(refusal);
    process.exitCode = EXIT.refused;
    return;
  }
  const steps = rollbackStepsOf(facts);
  process.stdout.write(`${stepLines(steps, paint).join('\n')}\n`);
  await assertAllowed(connection, steps, facts.namespace);
  if (!(await isAgreed('Undo the migration?', options))) return;
  await run(connection, { scope, steps: rollbackStepsOf, timeoutMs, progress: say });
  say('Done: the Go operator has its resources again.');
}

async function factsOf(connection: Connection, scope: Scope): Promise<Facts> {
  const facts = await gather(connection, scope);
  const elsewhere = facts.goOperators.find(({ metadata }) => scope.namespace && metadata.namespace !== scope.namespace);
  if (elsewhere)
    throw new UsageError(`the Go operator is ${objectInWords(elsewhere)}, not in namespace ${scope.namespace}`);
  return facts;
}

/** Whether the given files, if any, would install this operator. */
async function assertInstallable(connection: Connection, facts: Facts): Promise<void> {
  const missing = missingParts(facts);
  if (missing.length === 0) return;
  const lacking = lackingIn(facts, missing);
  if (lacking.length > 0) throw new UsageError(`the given files have not ${lacking.join(', ')}; nothing was changed`);
  const replaced = [...facts.goOperators, ...oldServices(facts)].map(objectInWords);
  await assertAccepted(connection, manifestChanges(facts), replaced);
}

function scopeOf({ namespace }: ClusterCommandOptions): Scope {
  return namespace ? { namespace } : {};
}

function resourcesOf({ found }: Plan): string {
  return found.filter((line) => /^(Broker|MeshSync) /.test(line)).join(', ') || 'in the cluster';
}

/** Asks, unless the options agree already. */
async function isAgreed(question: string, { yes, manifests = [] }: ChangeOptions): Promise<boolean> {
  if (yes) return true;
  if (manifests.includes('-') || !canAsk()) throw new UsageError('nobody can be asked here: give --yes');
  return isConfirmed(question);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
