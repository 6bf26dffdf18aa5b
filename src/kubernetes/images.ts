import semver from 'semver';

/**
 * `repository:tag`, where a `v` before a semantic version is dropped: the registries of NATS and MeshSync publish
 * `2.14.2`, while the releases on GitHub are called `v2.14.2`.
 */
export function image(repository: string, version: string): string {
  return `${repository}:${imageTag(version)}`;
}

/** The tag that a `version` field stands for. A partial version (`v2.10`) counts as semantic; `edge-v1` does not. */
export function imageTag(version: string): string {
  return version.startsWith('v') && parseVersion(version.slice(1)) ? version.slice(1) : version;
}

/** `Always` for tags that their publisher moves (`latest`, `*-latest`), else `IfNotPresent`, also for digests. */
export function pullPolicy(tag: string): 'Always' | 'IfNotPresent' {
  return tag === 'latest' || tag.endsWith('-latest') ? 'Always' : 'IfNotPresent';
}

/** Whether a tag is a semantic version at or above `minimum`; a tag that proves nothing (`edge-latest`) is not. */
export function isAtLeast(tag: string, minimum: string): boolean {
  const version = parseVersion(tag);
  return version !== undefined && semver.gte(version, minimum);
}

/** The tag of an image reference, `undefined` when it has none. */
export function tagOf(reference: string): string | undefined {
  return /:([^/]+)$/.exec(reference)?.[1];
}

function parseVersion(tag: string): string | undefined {
  const match = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?(-[0-9A-Za-z.-]+)?(?:@.*)?$/.exec(tag);
  if (!match) return undefined;
  const [, major, minor = '0', patch = '0', prerelease = ''] = match;
  return semver.valid(`${major}.${minor}.${patch}${prerelease}`) ?? undefined;
}
