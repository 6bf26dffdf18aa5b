import { type ConditionTable, commonConditions } from '../../src/metacontroller/conditions.ts';
import type { Controller } from '../../src/metacontroller/controller.ts';
import { anchor, code, item, prose, title } from './markdown.ts';

/** The page of the conditions of some controllers. */
export function conditionsPage(list: readonly Controller[]): string {
  return [title('src/controllers.ts', 'Conditions'), INTRODUCTION, ...list.map(kindPart)].join('\n');
}

const INTRODUCTION = `The conditions of each kind, and their reasons. Types and reasons are part of the API: programs may rely on them. Messages are for
people and may change: they name the object and what to do. \`meshery-operator status\` shows the conditions that matter;
\`kubectl describe broker meshery-broker -n meshery\` shows all.

- **\`Ready\`** summarizes: it is True when every condition that it requires has the status that it requires. Else it is False, with reason
  and message of the first one that has not.
- **Needs an edit:** the reason ends only when a person edits something, such as the spec or a Secret. \`Stalled\` is True meanwhile, with the
  same reason. [Troubleshooting](../troubleshooting.md) says what to do.
- **Can end by itself:** the reason ends with time, or when what is missing arrives, such as a Secret. Whoever applies several objects
  together may wait.

[GitOps](../gitops.md) says what Argo CD, Flux and Helm make of \`Ready\`, \`Stalled\` and \`Reconciling\`.
`;

function kindPart({ kind, conditions, needEdits }: Controller): string {
  const table: ConditionTable = { ...commonConditions, ...conditions };
  const heading = (type: string) => `${kind} ${type}`;
  const links = Object.entries(table).map(
    ([type, { description }]) => `- [${type}](#${anchor(heading(type))}): ${prose(description)}`,
  );
  const sections = Object.entries(table).map(([type, condition]) => {
    const reasons = type === 'Stalled' ? stalledReasons(table, needEdits, heading) : reasonsOf(condition);
    const about = [prose(condition.description), ...requirement(type, condition)].join(' ');
    return `### ${heading(type)}\n\n${about}\n\n${reasons.join('\n')}\n`;
  });
  return `## ${kind}\n\n${links.join('\n')}\n\n${sections.join('\n')}`;
}

/** What Ready has to do with a condition. */
function requirement(type: string, { desired, needEdits, asked }: ConditionTable[string]): string[] {
  if (['Ready', 'Stalled'].includes(type)) return [];
  if (asked) return ['It ends with the annotation.', ...(desired ? ['Ready is False meanwhile.'] : [])];
  if (desired) return [`Ready requires ${desired}.`];
  return [needEdits?.length ? 'Ready is False for a reason that needs an edit.' : 'Ready does not depend on it.'];
}

function reasonsOf({ reasons, desired, asked, needEdits = [] }: ConditionTable[string]): string[] {
  return Object.entries(reasons).map(([reason, meaning]) => {
    const { status, text } = split(meaning);
    const waits = desired !== undefined && desired !== status && !asked;
    const end = needEdits.includes(reason) ? 'needs an edit' : waits && 'can end by itself';
    return item({ name: reason, facts: [status, end], text: prose(text) });
  });
}

/** Stalled has the reasons of others: it links to them. */
function stalledReasons(
  table: ConditionTable,
  needEdits: ReadonlySet<string>,
  heading: (type: string) => string,
): string[] {
  return [...needEdits].map((reason) => {
    const types = Object.keys(table).filter((type) => table[type]?.needEdits?.includes(reason));
    const links = types.map((type) => `[${type}](#${anchor(heading(type))})`).join(' or ');
    return item({
      name: reason,
      facts: ['True', 'needs an edit'],
      text: `${code('Ready')} has this reason, of ${links}.`,
    });
  });
}

/** A meaning begins with the status that it belongs to. */
function split(meaning: string): { status: string; text: string } {
  const [, status = '', text = ''] = /^(\w+): (.*)$/.exec(meaning) ?? [];
  return { status, text: text.charAt(0).toUpperCase() + text.slice(1) };
}
