import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { generatedFiles } from '../../generate/main.ts';
import { brokerDefaults } from '../../src/api/broker.ts';
import { controllers } from '../../src/controllers.ts';

const files = generatedFiles(controllers);

it.each([...files])('%s is equal to the output of `npm run generate`', (path, content) => {
  expect(readFileSync(path, 'utf8')).toBe(content);
});

const ofChart = ['crds', 'controllers', 'monitoring'].map((folder) => `manifests/chart/${folder}`);

it.each(['manifests/crds', ...ofChart, 'metacontroller/controllers', 'docs/reference'])(
  'all files in %s are generated',
  (folder) => {
    const generated = [...files.keys()].filter((path) => path.startsWith(`${folder}/`));
    expect(readdirSync(folder).map((name) => `${folder}/${name}`)).toEqual(generated.sort());
  },
);

it('the NATS server of the tests is the one of the default image', () => {
  const [, version] = /nats-server\/v2 v(\S+)/.exec(readFileSync('test/cluster/servers/go.mod', 'utf8')) ?? [];
  expect(brokerDefaults.version).toBe(`${version}-alpine`);
});
