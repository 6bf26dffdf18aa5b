const WIDTH = 20;

/** How far a program of several steps is. */
export interface Progress {
  /** A step begins. */
  step: (name: string) => void;
  /** What happens in the step. */
  detail: (text: string) => void;
  /** The last step has ended. */
  end: () => void;
}

/**
 * Shows steps as they begin: a bar in one line of a terminal, else a line for each.
 * @param steps number of all steps
 * @param begun number of those that another process has shown
 */
export function progress(steps: number, begun = 0): Progress {
  const { stdout } = process;
  let current = begun;
  let name = '';
  const show = (ended: number, text: string) => {
    if (!stdout.isTTY) return stdout.write(`${text}\n`);
    const filled = Math.round((WIDTH * ended) / steps);
    const line = `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${text}`;
    // A line that the terminal wraps could not be written anew.
    return stdout.write(`\r\x1b[K${line.slice(0, Math.max(stdout.columns - 1, 0) || line.length)}`);
  };
  return {
    step: (next) => {
      current = Math.min(current + 1, steps);
      name = `${current} of ${steps}: ${next}`;
      show(current - 1, name);
    },
    detail: (text) => show(current - 1, `${name}: ${text}`),
    end: () => {
      if (stdout.isTTY) stdout.write('\r\x1b[K');
    },
  };
}
