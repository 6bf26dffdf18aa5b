import yoctoSpinner from 'yocto-spinner';
import { type Connection, connect } from '../cluster/connection.ts';
import { canAsk, isConfirmed } from '../confirm.ts';
import { EXIT, UsageError } from '../errors.ts';
import type { ClusterCommandOptions } from '../options.ts';
import { diagnose } from './diagnose.ts';
import type { Finding } from './finding.ts';
import { carryOut, fixesOf, type Outcome } from './fix.ts';
import { gather } from './gather.ts';
import { asData, asText, outcomes, summary } from './print.ts';

/** The options of the command. */
export interface DoctorOptions extends ClusterCommandOptions {
  fix: boolean;
  yes: boolean;
}

/**
 * Checks an installation, prints what is found, and makes the safe fixes where that is wanted.
 * @returns the exit code
 */
export async function doctor(options: DoctorOptions, connection = connect(options)): Promise<number> {
  const { fix, yes, output } = options;
  const namespace = options.namespace || undefined;
  if (yes && !fix) throw new UsageError('--yes is for --fix');
  if (fix && !yes && !canAsk())
    throw new UsageError('--fix asks before it changes anything: without a terminal, add --yes');
  const before = await examined(connection, namespace);
  if (!fix) {
    print(before, [], output);
    return exitCode(before, []);
  }
  const fixes = fixesOf(before);
  if (output === 'text') process.stdout.write(asText(before, process.stdout) + summary(before));
  for (const { summary } of fixes) process.stderr.write(`would ${summary}\n`);
  if (fixes.length === 0) process.stderr.write('there is nothing to fix that is safe to do\n');
  const made = fixes.length > 0 && (yes || (await isConfirmed('Do this?'))) ? await carryOut(connection, fixes) : [];
  const after = made.length > 0 ? await examined(connection, namespace) : before;
  if (output === 'text') process.stdout.write(made.length > 0 ? outcomes(made) + summary(after) : '');
  else print(after, made, output);
  return exitCode(after, made);
}

async function examined(connection: Connection, namespace: string | undefined): Promise<Finding[]> {
  const spinner = yoctoSpinner({ text: `checking ${connection.context}`, stream: process.stderr });
  if (process.stderr.isTTY) spinner.start();
  try {
    return diagnose(await gather(connection, new Date(), namespace));
  } finally {
    if (process.stderr.isTTY) spinner.stop();
  }
}

function print(findings: Finding[], made: Outcome[], output: DoctorOptions['output']): void {
  const text =
    output === 'text' ? asText(findings, process.stdout) + summary(findings) : asData(findings, made, output);
  process.stdout.write(text);
}

function exitCode(findings: readonly Finding[], made: readonly Outcome[]): number {
  if (findings.some(({ severity }) => severity === 'error')) return EXIT.refused;
  return findings.some(({ unchecked }) => unchecked) || made.some(({ failure }) => failure) ? EXIT.cluster : 0;
}
