import { readFileSync } from 'node:fs';
import { minVersion } from 'semver';
import packageJson from '../package.json' with { type: 'json' };
import { brokerDefaults } from '../src/api/broker.ts';
import { meshSyncDefaults } from '../src/api/meshsync.ts';
import { LEAST_METACONTROLLER } from '../src/metacontroller/flags.ts';

const NODE_TESTS = '`npm run test:node`';

/** A row of the README: what is measured, and the rows of docs/measured.md that have it, by operator. */
interface Figure {
  what: string;
  ours: string;
  /** A row, or words where the Go operator can't do it. */
  goOperators: string;
  unit: string;
}

const figures: Figure[] = [
  {
    what: 'The pods of a new Broker and MeshSync are ready after',
    ours: 'this operator: pods of a new Broker and MeshSync are ready',
    goOperators: 'Go operator: pods of a new Broker and MeshSync are ready',
    unit: 's',
  },
  {
    what: 'Clients receive nothing while the pod of a single server is replaced, for',
    ours: '1 server: a pod is deleted',
    goOperators: '1 server of the Go operator: a pod is deleted',
    unit: 'ms',
  },
  {
    what: 'While a node with one of three servers is drained, for',
    ours: '3 servers: a node is drained',
    goOperators: 'its servers form no cluster',
    unit: 'ms',
  },
  {
    what: 'While the token is rotated on three servers, for',
    ours: '3 servers: the token is rotated',
    goOperators: 'pods keep the old token',
    unit: 'ms',
  },
  {
    what: 'From `helm install`, Metacontroller included, to both Ready',
    ours: 'Helm 3: from nothing to both Ready',
    goOperators: '–',
    unit: 's',
  },
];

/**
 * The README with its figures and versions as they stand elsewhere.
 * @param measured docs/measured.md
 * @throws an Error when it has no row for a figure
 */
export function readmePage(page: string, measured: string): string {
  const value = (row: string, unit: string) => {
    const [, number] =
      measured
        .split('\n')
        .find((line) => line.startsWith(`| ${row} | `))
        ?.match(/\| ([\d.]+) \|$/) ?? [];
    if (!number) throw new Error(`docs/measured.md has no row "${row}": REPORT=docs/measured.md npm run test:node`);
    return `${number} ${unit}`.trim();
  };
  const rows = figures.map(({ what, ours, goOperators, unit }) => {
    const theirs = /Go operator/.test(goOperators) ? value(goOperators, unit) : goOperators;
    return `| ${what} | ${value(ours, unit)} | ${theirs} | ${NODE_TESTS} |`;
  });
  const table = ['| | this operator | Go operator 1.0.5 | measured by |', '|---|---|---|---|', ...rows];
  const memory = (row: string) => value(row, 'MiB');
  const price = `It takes more memory: ${memory('operator, each of 2 pods, at rest')} in each of two pods and ${memory('Metacontroller, at rest')} of Metacontroller, where the Go operator has ${memory('Go operator, with a new Broker and MeshSync')}.`;
  return between(between(page, 'figures', [...table, '', price]), 'versions', versions());
}

/** What is supported and tested, from where it is decided. */
function versions(): string[] {
  const kubernetes = (folder: string) => {
    const file = readFileSync(`test/cluster/${folder}/go.mod`, 'utf8');
    return /k8s\.io\/kubernetes v(\d+\.\d+)\./.exec(file)?.[1] ?? '';
  };
  const [oldest, newest] = [kubernetes('control-plane-1.30'), kubernetes('control-plane')];
  const [, image] = /^ARG NODE_IMAGE=node:(\d+)-/m.exec(readFileSync('Dockerfile', 'utf8')) ?? [];
  const rows = {
    Kubernetes: `${oldest} and later; tested with ${oldest} and ${newest}`,
    Metacontroller: `${LEAST_METACONTROLLER} and later`,
    NATS: `${brokerDefaults.version.replace(/-.*/, '')}, or what \`spec.version\` of a Broker names`,
    MeshSync: `${meshSyncDefaults.version}, or what \`spec.version\` of a MeshSync names`,
    'Meshery Server': 'those that work with the Go operator 1.0.5: [the same names and fields](docs/meshery-server.md)',
    Node: `${image} in the image; ${minVersion(packageJson.engines.node)} and later for the command line`,
  };
  return ['| | versions |', '|---|---|', ...Object.entries(rows).map((cells) => `| ${cells.join(' | ')} |`)];
}

/** The page with other lines between the two comments of a name. */
function between(page: string, name: string, lines: string[]): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
  const [before, rest = ''] = page.split(begin);
  const after = rest.split(end)[1];
  if (after === undefined) throw new Error(`the README has no ${begin.trim()} … ${end}`);
  return `${before}${begin}${lines.join('\n')}\n${end}${after}`;
}
