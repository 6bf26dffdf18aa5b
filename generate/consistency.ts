import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { controllers } from '../src/controllers.ts';
import { generatedFiles } from './main.ts';

/** Reads a file of the checkout by its path. */
export type Read = (path: string) => string;
const fromCheckout: Read = (path) => readFileSync(path, 'utf8');

/**
 * The version of package.json, once every file names the same, and the generated files are up to date.
 * @throws an Error of one line that names the file and what to do
 */
export function consistentVersion(read: Read = fromCheckout): string {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const chart = parse(read('manifests/chart/Chart.yaml'));
  const named = [
    ['CHANGELOG.md', entries(read)[0]?.version, 'add an entry for it'],
    ['package-lock.json', JSON.parse(read('package-lock.json')).version, 'run "npm install --package-lock-only"'],
    ['manifests/chart/Chart.yaml', chart.version, GENERATE],
    ['manifests/chart/Chart.yaml', chart.appVersion, GENERATE],
    ['manifests/operator/kustomization.yaml', parse(read('manifests/operator/kustomization.yaml')).images[0].newTag],
  ];
  for (const [file, found, remedy = GENERATE] of named) {
    if (found !== version) throw new Error(`${file} has version ${found}, package.json ${version}: ${remedy}`);
  }
  for (const [path, content] of generatedFiles(controllers)) {
    if (read(path) !== content) throw new Error(`${path} is out of date: ${GENERATE}`);
  }
  return version;
}

const GENERATE = 'run "npm run generate"';

/** What a workflow of GitHub says of the tag that it runs for. */
export interface Tagged {
  GITHUB_REF_NAME?: string;
  /** Owner and name. */
  GITHUB_REPOSITORY?: string;
}

/**
 * What the workflow publishes for a tag: the version, the image, and where the registry has charts.
 * @throws an Error of one line when the tag or the repository is not that of package.json, or the version is inconsistent
 */
export function publishedBy(
  { GITHUB_REF_NAME: tag, GITHUB_REPOSITORY: repository }: Tagged,
  read: Read = fromCheckout,
) {
  const version = consistentVersion(read);
  if (tag !== `v${version}`) throw new Error(`the tag is ${tag}, but the version of package.json ${version}`);
  const { image } = JSON.parse(read('package.json')).config as { image: string };
  // Names of images are lower-case, those of repositories may not be.
  const own = `ghcr.io/${repository?.toLowerCase()}`;
  if (image !== own) {
    throw new Error(`config.image of package.json is ${image}, but this repository publishes ${own}: set one of them`);
  }
  return { version, image, charts: `${image.slice(0, image.lastIndexOf('/'))}/charts` };
}

/** The notes of a version: its entry in the changelog, without the heading. */
export function notes(version: string, read: Read = fromCheckout): string {
  const entry = entries(read).find((each) => each.version === version);
  if (!entry) throw new Error(`CHANGELOG.md has no entry for ${version}: add one`);
  return entry.text;
}

/** The entries of the changelog, newest first, without what is not released. */
function entries(read: Read): { version: string; text: string }[] {
  const [, ...sections] = read('CHANGELOG.md').split(/^## /m);
  return sections.flatMap((section) => {
    const [, version] = /^\[(\d[^\]]*)\]/.exec(section) ?? [];
    return version ? [{ version, text: section.slice(section.indexOf('\n')).trim() }] : [];
  });
}
