import { styleText } from 'node:util';
import { printable } from './foreign-text.ts';

/** Where a command prints: results to standard output, everything else to standard error. */
export interface Terminal {
  /** Prints a part of the result. */
  write(text: string): void;
  /** Prints a line that is no result: what is going on, what to do next. */
  progress(line: string): void;
  /** Whether a person looks at the result, so that it can be redrawn. */
  isRedrawn: boolean;
  /** Whether a person looks at the progress. */
  isWatched: boolean;
  /** Colours a part of the result, where the terminal shows colours and NO_COLOR is not set. */
  paint(colour: 'green' | 'yellow' | 'red' | 'dim', text: string): string;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    write: (text) => process.stdout.write(text),
    progress: warn,
    isRedrawn: process.stdout.isTTY === true,
    isWatched: process.stderr.isTTY === true,
    paint: (colour, text) => styleText(colour, text, { stream: process.stdout }),
  };
}

/** How long may be tidied up after an interruption: what is waited for may be an API server that gives no answer. */
const GRACE_MS = 1_000;

/** Exit code of a process that was interrupted, as shells have it. */
const INTERRUPTED = 130;

/** Aborts when this process is interrupted, which then ends within a second; interrupted again, it ends at once. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  const onSignal = () => {
    controller.abort();
    setTimeout(() => process.exit(INTERRUPTED), GRACE_MS).unref();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  return controller.signal;
}

/** Prints a line that is no result. What it quotes of others can't write to the terminal. */
export function warn(line: string): void {
  process.stderr.write(`meshery-operator: ${line.split('\n').map(printable).join('\n')}\n`);
}
