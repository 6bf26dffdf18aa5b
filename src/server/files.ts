import { readFile } from 'node:fs/promises';
import type { FastifyBaseLogger } from 'fastify';

/** A value that is built from files which change while the process runs, such as those of a mounted Secret. */
export interface WatchedFiles<Value> {
  /** Built from the last valid contents of the files. */
  readonly current: Value;
  /** Sets the listener for new values; there is only one. */
  onChange: (listener: (value: Value) => void) => void;
  stop: () => void;
}

/** Options of `watchFiles`. */
export interface WatchOptions<Value> {
  /** Paths. The content of a missing file is `undefined`: a Secret may lack a key. */
  files: string[];
  /** Builds the value from the contents, in the order of the files; throws an Error of one line for invalid ones. */
  make: (contents: (string | undefined)[]) => Value;
  logger: FastifyBaseLogger;
  /** Time between two reads, in milliseconds. */
  interval: number;
}

/**
 * Reads files now, and re-reads them periodically: file notifications do not follow the symbolic links of a mounted Secret.
 * A later error, such as a half-written or deleted file, is logged once, and the previous value is kept.
 * @throws an Error of one line when the files can't be read or are invalid now
 */
export async function watchFiles<Value>(options: WatchOptions<Value>): Promise<WatchedFiles<Value>> {
  const { files, make, logger, interval } = options;
  let changed = (_value: Value): void => {};
  const read = () => Promise.all(files.map(contentOf));
  let contents = await read();
  let current = make(contents);
  let problem = '';

  const reread = async () => {
    try {
      const next = await read();
      if (next.some((content, index) => content !== contents[index])) {
        contents = next;
        current = make(next);
        changed(current);
        logger.info({ files }, 'reloaded changed files');
      }
      problem = '';
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message === problem) return;
      problem = message;
      logger.error({ files }, `changed files are invalid, the previous contents stay in use: ${message}`);
    }
  };
  let timer = setTimeout(async function tick() {
    await reread();
    timer = setTimeout(tick, interval).unref();
  }, interval).unref();
  return {
    get current() {
      return current;
    },
    onChange: (listener) => {
      changed = listener;
    },
    stop: () => clearTimeout(timer),
  };
}

async function contentOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new Error(`${file} can not be read: ${code}`);
  }
}
