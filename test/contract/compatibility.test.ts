import { readFileSync } from 'node:fs';
import { minVersion } from 'semver';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { rowsOf } from '../../generate/comparison.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { brokerDefaults } from '../../src/api/broker.ts';
import { meshSyncDefaults } from '../../src/api/meshsync.ts';
import { LEAST_METACONTROLLER } from '../../src/metacontroller/flags.ts';
import { GO_OPERATOR_IMAGE } from '../support/go-operator.ts';
import { imageRelease } from '../support/node.ts';

const { kubeVersion } = parse(readFileSync('manifests/chart/Chart.yaml', 'utf8'));

/** The version of a module in a go.mod of the tests, without its patch. */
function tested(folder: string, module: string): string {
  const file = `test/${folder}/go.mod`;
  const [, version] = new RegExp(`\\s${module} v(\\d+\\.\\d+)\\.`).exec(readFileSync(file, 'utf8')) ?? [];
  if (!version) throw new Error(`${file} has no ${module}`);
  return version;
}

const minor = (version: string) => version.split('.').slice(0, 2).join('.');
const oldest = (range: string) => minor(`${minVersion(range)}`);
const [image = ''] = (await imageRelease()).split('.');
const kubernetes = (folder: string) => tested(`cluster/${folder}`, 'k8s.io/kubernetes');

/** What each row says, by the beginning of its first cell: what it works with, and what the tests run. */
const expected: [name: string, worksWith: string, testedWith: string][] = [
  [
    'Kubernetes',
    `${oldest(kubeVersion)} or later`,
    `${kubernetes('control-plane-1.30')} and ${kubernetes('control-plane')}`,
  ],
  ['Metacontroller', `${LEAST_METACONTROLLER} or later`, LEAST_METACONTROLLER],
  [
    'NATS',
    `${minor(brokerDefaults.version)} by default; another one by \`spec.version\` of a Broker`,
    tested('cluster/servers', 'github.com/nats-io/nats-server/v2'),
  ],
  [
    'MeshSync',
    `${meshSyncDefaults.version} by default; another one by \`spec.version\` of a MeshSync`,
    meshSyncDefaults.version,
  ],
  ["Meshery's Go operator", '1.0', GO_OPERATOR_IMAGE.split(':')[1] ?? ''],
  [
    'Helm',
    '3.14 or later, and 4',
    `${tested('helm/v3', 'helm.sh/helm/v3')} and ${tested('helm/v4', 'helm.sh/helm/v4')}`,
  ],
  ['kube-state-metrics', '2', tested('monitoring/kube-state-metrics', 'k8s.io/kube-state-metrics/v2')],
  ['Node.js', `${oldest(packageJson.engines.node)} or later`, `${oldest(packageJson.engines.node)} and ${image}`],
];

const [, section = ''] = readFileSync('docs/install.md', 'utf8').split('\n## Compatibility\n');
const [, , ...rows] = rowsOf(section);

it('the table of compatibility has a row for each program', () => {
  expect(rows.map(([name = '']) => expected.find(([start]) => name.startsWith(start))?.[0])).toEqual(
    expected.map(([name]) => name),
  );
});

it.each(expected)('the table of compatibility names the versions of %s that are tested', (name, ...versions) => {
  const [, ...cells] = rows.find(([first = '']) => first.startsWith(name)) ?? [];
  expect(cells).toEqual(versions);
});
