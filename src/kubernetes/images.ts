import semver from 'semver';
import type { Image } from './pod-fields.ts';

/** Image and pull policy of a container. */
export interface ContainerImage {
  image: string;
  imagePullPolicy: NonNullable<Image['pullPolicy']>;
}

/** Where images come from whose repository names no registry. */
export interface ImageSource {
  /** Registry, optionally with a path, for example `registry.example.com/mirror`; default: that of the nodes, Docker Hub. */
  imageRegistry?: string;
  /** Whether that registry has repositories without a path, such as `nats`, below `library/`, as a proxy of Docker Hub does. */
  imageRegistryLibrary?: boolean;
}

/**
 * The image of a container.
 * @param defaults repository and version unless the spec sets them
 * @param version tag, optionally with a digest
 * @param image `image` of the spec
 * @param source of images whose repository names no registry
 */
export function containerImage(
  defaults: { repository: string; version: string },
  version: string | undefined,
  { repository = defaults.repository, pullPolicy }: Image = {},
  { imageRegistry = '', imageRegistryLibrary = false }: ImageSource = {},
): ContainerImage {
  const tag = imageTag(version ?? defaults.version);
  const library = imageRegistryLibrary && !repository.includes('/') ? 'library/' : '';
  const prefix = imageRegistry && !namesRegistry(repository) ? `${imageRegistry}/${library}` : '';
  return { image: `${prefix}${repository}:${tag}`, imagePullPolicy: pullPolicy ?? defaultPullPolicy(tag) };
}

/** By the grammar of image references: the first component is a registry when it has a dot or a port, or is localhost. */
function namesRegistry(repository: string): boolean {
  const [first = '', ...path] = repository.split('/');
  return path.length > 0 && (/[.:]/.test(first) || first === 'localhost');
}

/**
 * The tag for a `version` field. A leading `v` of a semantic version is dropped: the registries of NATS and
 * MeshSync publish `2.14.2`, while GitHub names the releases `v2.14.2`. A partial version (`v2.10`) is treated
 * as semantic; `edge-v1` does not.
 */
export function imageTag(version: string): string {
  return version.startsWith('v') && parseVersion(version.slice(1)) ? version.slice(1) : version;
}

/** `Always` for tags that their publisher moves (`latest`, `*-latest`), else `IfNotPresent`, also for digests. */
function defaultPullPolicy(tag: string): 'Always' | 'IfNotPresent' {
  return tag === 'latest' || tag.endsWith('-latest') ? 'Always' : 'IfNotPresent';
}

/**
 * Whether a tag is a version at or above the release `minimum`; a tag without a version (`edge-latest`) is not. The suffix of a
 * version names a variant of its image (`-alpine3.22`, `-debian-12-r3`), unless a word of it marks a pre-release (`-rc.1`).
 */
export function isAtLeast(tag: string, minimum: string): boolean {
  const version = parseVersion(tag);
  return version !== undefined && semver.gte(version, minimum);
}

/** Whether a tag is a version below the release `minimum`; a tag without a version is not. */
export function isBelow(tag: string, minimum: string): boolean {
  const version = parseVersion(tag);
  return version !== undefined && semver.lt(version, minimum);
}

/** The tag of an image reference, `undefined` when it has none. */
export function tagOf(reference: string): string | undefined {
  return /:([^/]+)$/.exec(reference)?.[1];
}

function parseVersion(tag: string): string | undefined {
  const match = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?(-[0-9A-Za-z.-]+)?(?:@.*)?$/.exec(tag);
  if (!match) return undefined;
  const [, major, minor = '0', patch = '0', suffix = ''] = match;
  const isOlder = suffix.split(/[-.]/).some((word) => BEFORE_RELEASE.test(word));
  return semver.valid(`${major}.${minor}.${patch}${isOlder ? FIRST_PRERELEASE : ''}`) ?? undefined;
}

/** Words of versions that come before a release, optionally with a number. */
const BEFORE_RELEASE =
  /^(alpha|beta|rc|cr|pre|preview|prerelease|dev|devel|nightly|snapshot|canary|edge|milestone|m|ea|unstable)\d*$/i;

/** Which one of a release does not matter: none is at it, and each is above the release before. */
const FIRST_PRERELEASE = '-0';
