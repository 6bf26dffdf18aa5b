import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { CACHE } from '../../tools.ts';
import { widthOf } from './svg.ts';

const run = promisify(execFile);
const FOLDER = 'test/monitoring/pictures';

interface Vega {
  parse: (spec: object) => object;
  /** How wide a text is, which Vega only estimates without a canvas. */
  textMetrics: { width: (item: { fontSize?: number }, text: unknown) => number };
  View: new (runtime: object, options: { renderer: 'none' }) => { toSVG: () => Promise<string>; finalize: () => void };
}

interface VegaLite {
  compile: (spec: object) => { spec: object };
}

/**
 * Draws a specification of Vega-Lite as SVG. The library is installed on first use, as the Go programs of the tests are built:
 * "npm ci" of the project stays small.
 */
export async function drawVega(spec: object): Promise<string> {
  const { vega, vegaLite } = await library();
  const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}

let loaded: Promise<{ vega: Vega; vegaLite: VegaLite }> | undefined;

function library(): Promise<{ vega: Vega; vegaLite: VegaLite }> {
  loaded ??= load();
  return loaded;
}

async function load() {
  const { resolve } = createRequire(join(await install(), 'package.json'));
  const from = (name: string) => import(pathToFileURL(resolve(name)).href);
  const vega = (await from('vega')) as Vega;
  vega.textMetrics.width = ({ fontSize }, text) => widthOf(`${text}`, fontSize);
  return { vega, vegaLite: (await from('vega-lite')) as VegaLite };
}

/** Installs into a folder of its own, then renames it: other processes may be installing the same. */
async function install(): Promise<string> {
  const files = ['package.json', 'package-lock.json'];
  const contents = await Promise.all(files.map((file) => readFile(join(FOLDER, file))));
  const hash = createHash('sha256').update(Buffer.concat(contents)).digest('hex').slice(0, 16);
  const folder = join(CACHE, `vega-${hash}`);
  if (existsSync(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  const temporary = await mkdtemp(`${folder}-`);
  try {
    for (const file of files) await cp(join(FOLDER, file), join(temporary, file));
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: temporary });
    await rename(temporary, folder).catch((error) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}
