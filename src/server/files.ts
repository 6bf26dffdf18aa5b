import { readFile } from 'node:fs/promises';
import type { FastifyBaseLogger } from 'fastify';

/** What is made of files that change while the process runs, such as those of a mounted Secret. */
export interface WatchedFiles<Value> {
  /** Made of the files as they last could be read. */
  readonly current: Value;
  /** Calls a listener with every further value; there is one listener. */
  onChange: (listener: (value: Value) => void) => void;
  stop: () => void;
}

/** How files are read. */
export interface WatchOptions<Value> {
  /** Paths. One that does not exist gives `undefined`: a key that a Secret does not have. */
  files: string[];
  /** Makes a value of the contents, in the order of the files; throws an Error of one line when it can't. */
  make: (contents: (string | undefined)[]) => Value;
  logger: FastifyBaseLogger;
  /** Time between two readings, in milliseconds. */
  interval: number;
}

/**
 * Reads files now, and again from time to time: notifications do not follow the symbolic links of a mounted Secret.
 * What can't be read later, half-written or gone, is logged once, and what was made before stays.
 * @throws an Error of one line when they can't be read or made use of now
 */
export async function watchFiles<Value>(options: WatchOptions<Value>): Promise<WatchedFiles<Value>> {
  const { files, make, logger, interval } = options;
  let changed = (_value: Value): void => {};
  const read = () => Promise.all(files.map(contentOf));
  let contents = await read();
  let current = make(contents);
  let problem = '';

  const again = async () => {
    try {
      const next = await read();
      if (next.some((content, index) => content !== contents[index])) {
        contents = next;
        current = make(next);
        changed(current);
        logger.info({ files }, 'files have changed and are in use');
      }
      problem = '';
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message === problem) return;
      problem = message;
      logger.error({ files }, `files have changed and can not be used, the former contents stay in use: ${message}`);
    }
  };
  let timer = setTimeout(async function tick() {
    await again();
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
