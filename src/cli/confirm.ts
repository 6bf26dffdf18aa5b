import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';

/** Whether there is a person who can be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true;
}

/** Asks on the terminal, where only yes is a yes: an interruption and the end of the input are a no. */
export async function isConfirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = once(terminal, 'close').then(() => '\n');
  try {
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]).catch(() => '\n');
    // Nobody has ended the line.
    if (answer === '\n') process.stderr.write(answer);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
