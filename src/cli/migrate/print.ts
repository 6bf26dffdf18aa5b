import type { Output } from '../options.ts';
import type { Terminal } from '../terminal.ts';
import { printYaml } from '../yaml.ts';
import type { Plan } from './plan.ts';
import { isDone, type Step } from './step.ts';

type Paint = Terminal['paint'];

/** A plan as text, JSON or YAML. It contains no credential: bodies of requests are left out. */
export function printPlan(plan: Plan, output: Output, paint: Paint): string {
  if (output === 'text') return inText(plan, paint);
  const described = { ...plan, steps: plan.steps.map(describe) };
  return output === 'json' ? `${JSON.stringify(described, undefined, 2)}\n` : printYaml(described);
}

function describe(step: Step) {
  const { name, title, changes, waitsFor } = step;
  return {
    name,
    title,
    isDone: isDone(step),
    changes: changes.map(({ does, target: { resource: _resource, ...target }, request }) => ({
      does,
      verb: request.verb,
      ...target,
    })),
    ...(waitsFor !== undefined && { waitsFor }),
  };
}

function inText({ context, found, obstacles, notes, steps, isComplete }: Plan, paint: Paint): string {
  if (isComplete) return `Nothing to do: context ${context} has nothing of Meshery's Go operator.\n`;
  const lines = [
    `In context ${context}:`,
    ...found.map((line) => `  ${line}`),
    '',
    ...stepLines(steps, paint),
    ...section(
      paint('red', 'What stops it:'),
      obstacles.map(({ about, message, remedy }) => `${about} ${message}: ${remedy}.`),
    ),
    ...section(paint('yellow', 'Notes:'), notes),
  ];
  return `${lines.join('\n')}\n`;
}

/** The steps in lines, with what each still changes. */
export function stepLines(steps: Step[], paint: Paint): string[] {
  return steps.flatMap((step, index) => {
    const { title, changes, waitsFor } = step;
    const number = `${index + 1}. `.padEnd(4);
    if (isDone(step)) return [paint('dim', `${number}${title}: done`)];
    return [
      `${number}${title}`,
      ...changes.map(({ does }) => `    ${does}`),
      ...(waitsFor === undefined ? [] : [`    wait for ${waitsFor}`]),
    ];
  });
}

function section(title: string, lines: string[]): string[] {
  return lines.length > 0 ? ['', title, ...lines.map((line) => `  ${line}`)] : [];
}
