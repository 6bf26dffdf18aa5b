import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { consistentVersion, notes, publishedBy, type Read } from '../../generate/consistency.ts';
import packageJson from '../../package.json' with { type: 'json' };

const { version } = packageJson;
const { image } = packageJson.config;
const TAGGED = { GITHUB_REF_NAME: `v${version}`, GITHUB_REPOSITORY: image.replace('ghcr.io/', '') };

/** The checkout with a file in which one text is another. */
function edited(file: string, from: string | RegExp, to: string): Read {
  return (path) => {
    const content = readFileSync(path, 'utf8');
    if (path !== file) return content;
    expect(content).toMatch(from);
    return content.replace(from, to);
  };
}

describe('the version', () => {
  it('is the same in all files of the checkout', () => {
    expect(consistentVersion()).toBe(version);
  });

  it.each([
    ['package.json', `"version": "${version}"`, '"version": "9.9.9"', /^CHANGELOG\.md has version \S+, package.json 9/],
    ['CHANGELOG.md', `## [${version}]`, '## [9.9.9]', /^CHANGELOG\.md has version 9\.9\.9, .*: add an entry for it$/],
    ['package-lock.json', /"version": "\S+"/, '"version": "9.9.9"', /^package-lock\.json has version 9\.9\.9/],
    ['manifests/chart/Chart.yaml', `\nversion: ${version}`, '\nversion: 9.9.9', /^\S+Chart\.yaml .*npm run generate"$/],
    ['manifests/chart/Chart.yaml', `appVersion: ${version}`, 'appVersion: 9.9.9', /^\S+Chart\.yaml has version 9\.9/],
    ['manifests/operator/kustomization.yaml', `newTag: ${version}`, 'newTag: 9.9.9', /^\S+kustomization\.yaml has/],
    ['metacontroller/controllers/broker.yaml', 'v1alpha2', 'v1', /^\S+broker\.yaml is out of date: run "npm run/],
  ])('that is another one in %s, or an outdated file, is refused in one line', (file, from, to, message) => {
    expect(() => consistentVersion(edited(file, from, to))).toThrow(message);
    expect(() => consistentVersion(edited(file, from, to))).toThrow(/^.*$/);
  });

  it('is not taken from changes that are not released', () => {
    const read = edited('CHANGELOG.md', '## [', '## [Unreleased]\n\n- Something new.\n\n## [');
    expect(consistentVersion(read)).toBe(version);
    expect(notes(version, read)).not.toContain('Something new.');
  });
});

it('the notes are the entry of the changelog', () => {
  const read: Read = () =>
    '# Changelog\n\n## [2.0.0] - 2026-02-02\n\n### Added\n\n- B\n\n## [1.0.0] - 2026-01-01\n\n- A\n';
  expect(notes('2.0.0', read)).toBe('### Added\n\n- B');
  expect(notes('1.0.0', read)).toBe('- A');
  expect(() => notes('3.0.0', read)).toThrow('CHANGELOG.md has no entry for 3.0.0: add one');
  expect(notes(version)).toContain('- ');
});

describe('what a tag publishes', () => {
  it('is the image of package.json, and the charts beside it, whatever the case of the repository', () => {
    const charts = 'ghcr.io/meshery/charts';
    expect(publishedBy(TAGGED)).toEqual({ version, image, charts });
    const GITHUB_REPOSITORY = TAGGED.GITHUB_REPOSITORY.replace('meshery', 'Meshery');
    expect(publishedBy({ ...TAGGED, GITHUB_REPOSITORY })).toEqual({ version, image, charts });
  });

  it.each([
    [{ ...TAGGED, GITHUB_REF_NAME: version }, `the tag is ${version}, but the version of package.json ${version}`],
    [{ ...TAGGED, GITHUB_REF_NAME: 'v9.9.9' }, `the tag is v9.9.9, but the version of package.json ${version}`],
    [
      { ...TAGGED, GITHUB_REPOSITORY: 'fork/operator' },
      `config.image of package.json is ${image}, but this repository`,
    ],
  ])('is refused for %j', (tagged, message) => {
    expect(() => publishedBy(tagged)).toThrow(message);
  });

  const check = (env: object) =>
    promisify(execFile)(process.execPath, ['--import', 'tsx', 'generate/release.ts', 'check'], {
      env: { ...process.env, ...env },
    });

  it('is printed as outputs of a step by the command of the workflow', async () => {
    const { stdout } = await check(TAGGED);
    expect(stdout).toBe(`version=${version}\nimage=${image}\ncharts=ghcr.io/meshery/charts\n`);
  });

  it('is refused by that command in one line', async () => {
    await expect(check({ ...TAGGED, GITHUB_REF_NAME: 'v$(id)' })).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: `the tag is v$(id), but the version of package.json ${version}\n`,
    });
  });
});
