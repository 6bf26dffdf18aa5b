import { Command, Option } from 'commander';
import { benchConvergence, type NamedBuild, parseBuild, printConvergence } from './convergence.ts';
import { machine } from './machine.ts';
import { benchMemory, printMemory } from './memory.ts';
import { benchStart, printStart } from './start.ts';
import { benchSync, printSync } from './sync.ts';

/** The measurements: in a whole run, or in a quick one. */
const benches = {
  sync: async (quick: boolean) => shown(await benchSync(quick ? { rounds: 2, seconds: 1 } : {}), printSync),
  start: async (quick: boolean) => shown(await benchStart(quick ? { rounds: 3 } : {}), printStart),
  memory: async (quick: boolean) => shown(await benchMemory(quick ? { syncs: 10_000 } : {}), printMemory),
  convergence: async (quick: boolean, builds: NamedBuild[]) => {
    const options = quick ? { sizes: [20], restSeconds: 10 } : {};
    return shown(await benchConvergence({ ...options, builds }), printConvergence);
  },
};

function shown<Result>(result: Result, print: (result: Result) => string) {
  return { result, text: print(result) };
}

const titles = {
  sync: 'A sync over HTTP',
  start: 'Start',
  memory: 'Memory',
  convergence: 'From creation to rest, in a cluster',
};

const names = Object.keys(benches) as (keyof typeof benches)[];

interface Options {
  json?: boolean;
  quick?: boolean;
  only: typeof names;
  build?: string[];
}

await new Command('bench')
  .description('Measures the operator against baselines in the same run. Build it before: npm run build.')
  .option('--json', 'print the results as JSON')
  .option('--quick', 'fewer and shorter rounds')
  .addOption(new Option('--only <benches...>', 'what to measure').choices(names).default(names))
  .option('--build <builds...>', 'further builds for convergence: name=server.js[,--flag][,VARIABLE=value]')
  .action(async ({ json, quick = false, only, build = [] }: Options) => {
    const print = (text: string) => (json ? process.stderr : process.stdout).write(text);
    const results: Record<string, unknown> = { machine: machine() };
    print(`${machine()}\n`);
    for (const name of names.filter((each) => only.includes(each))) {
      const { result, text } = await benches[name](quick, build.map(parseBuild));
      results[name] = result;
      print(`\n## ${titles[name]}\n\n${text}`);
    }
    if (json) process.stdout.write(`${JSON.stringify(results, null, 1)}\n`);
  })
  .parseAsync();
