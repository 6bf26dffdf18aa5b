import type { Terminal } from '../../src/cli/terminal.ts';

/** A terminal that keeps what is printed, without colours. */
export interface Recorded extends Terminal {
  /** The result so far. */
  text: string;
  /** The lines that are no result. */
  lines: string[];
}

/** @param isWatched whether it is one of a person */
export function recorded(isWatched = false): Recorded {
  const terminal: Recorded = {
    text: '',
    lines: [],
    write: (text) => {
      terminal.text += text;
    },
    progress: (line) => {
      terminal.lines.push(line);
    },
    isRedrawn: isWatched,
    isWatched,
    paint: (_, text) => text,
  };
  return terminal;
}
