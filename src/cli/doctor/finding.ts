import type { Answer } from '../cluster/answer.ts';
import type { ApiResource, Patch } from '../cluster/connection.ts';

/** How much it matters: an error keeps something from working or safe, a warning may do so one day. */
export type Severity = 'ok' | 'warning' | 'error';

/** What a check has found. */
export interface Finding {
  /** What was looked at, in one or two words. */
  check: string;
  severity: Severity;
  message: string;
  /** What to do about it, where something is to be done. */
  remedy?: string;
  /** Whether the check could not be made, for a right that is missing. */
  unchecked?: true;
  /** What `--fix` does about it. */
  fix?: Fix;
}

/** A safe remedy: it restarts no pod and deletes no object. */
export interface Fix {
  /** In one line. */
  summary: string;
  writes: Write[];
}

/** A patch of an object of the cluster scope; server-side apply creates it where it is missing. */
export interface Write {
  of: ApiResource;
  name: string;
  patch: Patch;
  /** Labels that an object of that name has if it is one of this operator: any other keeps the fix from being made. */
  ownLabels?: Record<string, string>;
}

type More = Pick<Finding, 'remedy' | 'fix'>;

/** The findings of one check, all under its name. */
export function check(name: string) {
  const finding =
    (severity: Severity) =>
    (message: string, more: More = {}): Finding => ({
      check: name,
      severity,
      message,
      ...more,
    });
  return {
    ok: finding('ok'),
    warning: finding('warning'),
    error: finding('error'),
    /** Judges an answer, or says which right is missing. */
    judge: <Type>(answer: Answer<Type>, judge: (value: Type) => Finding[]): Finding[] =>
      'missing' in answer ? [unchecked(name, answer.missing)] : judge(answer.value),
  };
}

function unchecked(name: string, missing: string): Finding {
  const [reason = '', ...remedy] = missing.split(': ask ');
  return {
    check: name,
    severity: 'warning',
    message: `not checked: ${reason}`,
    ...(remedy.length > 0 && { remedy: `ask ${remedy.join(': ask ')}` }),
    unchecked: true,
  };
}
