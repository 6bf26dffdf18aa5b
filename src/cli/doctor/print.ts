import { styleText } from 'node:util';
import { printYaml } from '../yaml.ts';
import type { Finding, Severity } from './finding.ts';
import type { Outcome } from './fix.ts';

/** What a program gets. */
export interface Report {
  findings: Omit<Finding, 'fix'>[];
  fixes: { summary: string; failure?: string }[];
  errors: number;
  warnings: number;
}

const STYLES = { ok: 'green', warning: 'yellow', error: 'red' } as const satisfies Record<Severity, string>;

/** A stream that knows whether it shows colours. */
type Stream = NodeJS.WriteStream;

/** The findings, a line each, with their remedies below. */
export function asText(findings: readonly Finding[], stream: Stream): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, severity, message, remedy }) => [
    `${styleText(STYLES[severity], severity.padEnd('warning'.length), { stream })}  ${check.padEnd(width)}  ${message}`,
    ...(remedy ? [`${' '.repeat(width + 'warning'.length + 4)}${styleText('dim', remedy, { stream })}`] : []),
  ]);
  return lines.map((line) => `${line}\n`).join('');
}

/** The last line. */
export function summary(findings: readonly Finding[]): string {
  const [errors, warnings] = [count(findings, 'error'), count(findings, 'warning')];
  return `${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}\n`;
}

/** What was fixed, or why not. */
export function outcomes(made: readonly Outcome[]): string {
  return made
    .map(({ fix, failure }) => (failure ? `not fixed: ${fix.summary}: ${failure}\n` : `fixed: ${fix.summary}\n`))
    .join('');
}

/** Everything for a program. */
export function asData(findings: readonly Finding[], made: readonly Outcome[], output: 'json' | 'yaml'): string {
  const report: Report = {
    findings: findings.map(({ fix: _fix, ...finding }) => finding),
    fixes: made.map(({ fix, failure }) => ({ summary: fix.summary, ...(failure && { failure }) })),
    errors: count(findings, 'error'),
    warnings: count(findings, 'warning'),
  };
  return output === 'json' ? `${JSON.stringify(report, undefined, 2)}\n` : printYaml(report);
}

function count(findings: readonly Finding[], severity: Severity): number {
  return findings.filter((finding) => finding.severity === severity).length;
}
