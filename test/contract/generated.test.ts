import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { generatedFiles } from '../../generate/main.ts';
import { controllers } from '../../src/controllers.ts';

const files = generatedFiles(controllers);

it.each([...files])('%s is equal to the output of `npm run generate`', (path, content) => {
  expect(readFileSync(path, 'utf8')).toBe(content);
});

it.each(['manifests/crds', 'metacontroller/controllers', 'docs/reference'])(
  'all files in %s are generated',
  (folder) => {
    const generated = [...files.keys()].filter((path) => path.startsWith(`${folder}/`));
    expect(readdirSync(folder).map((name) => `${folder}/${name}`)).toEqual(generated.sort());
  },
);
