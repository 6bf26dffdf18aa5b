import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containerImage, imageTag, isAtLeast, tagOf } from '../../../src/kubernetes/images.ts';

const NATS = { repository: 'nats', version: 'v2.14.2' };
const DIGEST = `@sha256:${'0123456789abcdef'.repeat(4)}`;

describe('imageTag', () => {
  it.each([
    ['v2.14.2', '2.14.2'],
    ['v2.14.2-alpine', '2.14.2-alpine'],
    ['v2.10', '2.10'],
    ['v2', '2'],
    [`v2.14.2${DIGEST}`, `2.14.2${DIGEST}`],
    ['2.14.2', '2.14.2'],
    ['edge-v1', 'edge-v1'],
    ['vnext', 'vnext'],
    ['v', 'v'],
    ['vv1.0.0', 'vv1.0.0'],
    ['v1.0.0.0', 'v1.0.0.0'],
    ['V1.0.0', 'V1.0.0'],
  ])('of %s is %s', (version, tag) => {
    expect(imageTag(version)).toBe(tag);
    expect(containerImage(NATS, version).image).toBe(`nats:${tag}`);
  });
});

it.each([
  ['latest', 'Always'],
  ['edge-latest', 'Always'],
  ['stable-latest', 'Always'],
  ['latest-edge', 'IfNotPresent'],
  ['notlatest', 'IfNotPresent'],
  ['1.0.3', 'IfNotPresent'],
  [`latest${DIGEST}`, 'IfNotPresent'],
])('the pull policy of %s is %s', (tag, policy) => {
  expect(containerImage(NATS, tag).imagePullPolicy).toBe(policy);
  expect(containerImage(NATS, tag, { pullPolicy: 'Never' }).imagePullPolicy).toBe('Never');
});

it.each([
  [undefined, '', 'nats:2.14.2'],
  [undefined, 'registry.example.com', 'registry.example.com/nats:2.14.2'],
  ['team/nats', 'registry.example.com:5000/mirror', 'registry.example.com:5000/mirror/team/nats:2.14.2'],
  ['ghcr.io/team/nats', 'registry.example.com', 'ghcr.io/team/nats:2.14.2'],
  ['host:5000/nats', 'registry.example.com', 'host:5000/nats:2.14.2'],
  ['localhost/nats', 'registry.example.com', 'localhost/nats:2.14.2'],
  ['nats.d', 'registry.example.com', 'registry.example.com/nats.d:2.14.2'],
])('repository %s with the registry %s is %s', (repository, registry, reference) => {
  const image = repository === undefined ? {} : { repository };
  expect(containerImage(NATS, undefined, image, { imageRegistry: registry }).image).toBe(reference);
});

it.each([
  [undefined, 'harbor.example.com/dockerhub', 'harbor.example.com/dockerhub/library/nats:2.14.2'],
  ['library/nats', 'harbor.example.com', 'harbor.example.com/library/nats:2.14.2'],
  ['team/nats', 'harbor.example.com', 'harbor.example.com/team/nats:2.14.2'],
  ['ghcr.io/nats', 'harbor.example.com', 'ghcr.io/nats:2.14.2'],
  [undefined, '', 'nats:2.14.2'],
])('repository %s with the registry %s, which wants library/, is %s', (repository, imageRegistry, reference) => {
  const image = repository === undefined ? {} : { repository };
  const source = { imageRegistry, imageRegistryLibrary: true };
  expect(containerImage(NATS, undefined, image, source).image).toBe(reference);
});

it.each([
  ['1.0.1', true],
  ['1.0.10', true],
  ['1.1', true],
  ['2', true],
  [`1.0.3${DIGEST}`, true],
  ['1.0.0', false],
  ['1.0.1-rc.1', false],
  ['1.0', false],
  ['0.9.9', false],
  ['1.0.2-rc.1', true],
  ['1.0.0-alpine', false],
  ['edge-latest', false],
  ['latest', false],
  ['', false],
])('%s is at least 1.0.1: %s', (tag, expected) => {
  expect(isAtLeast(tag, '1.0.1')).toBe(expected);
});

describe('the suffix of a version', () => {
  const tagged = (suffix: string) => [`2.14.0${suffix}`, `2.14${suffix}`, `2.14.0${suffix}${DIGEST}`];

  it.each([
    '-alpine',
    '-alpine3.22',
    '-alpine3.022',
    '-scratch',
    '-linux',
    '-linux-amd64',
    '-nanoserver-1809',
    '-windowsservercore-ltsc2022',
    '-debian',
    '-debian-12-r3',
    '-bookworm-slim',
    '-slim',
    '-nonroot',
    '-ubi9',
    '-fips',
    '-1',
    '-archive',
    '-premium',
  ])('%s names a variant of the image, which is at least that version', (suffix) => {
    for (const tag of tagged(suffix)) {
      expect([tag, isAtLeast(tag, '2.14.0'), isAtLeast(tag, '2.14.1')]).toEqual([tag, true, false]);
    }
  });

  it.each([
    '-rc.1',
    '-RC.3',
    '-rc1',
    '-RC.3-alpine3.22',
    '-alpine-rc.01',
    '-alpha',
    '-beta.2',
    '-preview.1',
    '-dev',
    '-nightly',
    '-nightly.20260101',
    '-SNAPSHOT',
    '-M2',
  ])('%s names a pre-release, which is older than that version and newer than the one before', (suffix) => {
    for (const tag of tagged(suffix)) {
      expect([tag, isAtLeast(tag, '2.14.0'), isAtLeast(tag, '2.13.9')]).toEqual([tag, false, true]);
    }
  });

  it('never turns the tag of one version into the tag of another', () => {
    const part = fc.integer({ min: 0, max: 30 });
    const suffix = fc.stringMatching(/^(-[0-9A-Za-z]{1,8}([-.][0-9A-Za-z]{1,8}){0,2})?$/);
    fc.assert(
      fc.property(part, part, part, suffix, (major, minor, patch, behind) => {
        const tag = `${major}.${minor}.${patch}${behind}`;
        expect(isAtLeast(tag, `${major}.${minor}.${patch + 1}`)).toBe(false);
        if (patch > 0) expect(isAtLeast(tag, `${major}.${minor}.${patch - 1}`)).toBe(true);
        expect(imageTag(`v${tag}`)).toBe(tag);
      }),
    );
  });
});

it.each([
  ['nats:2.14.2-alpine', '2.14.2-alpine'],
  [`nats:2.14.2${DIGEST}`, `2.14.2${DIGEST}`],
  ['registry.example.com:5000/nats:2', '2'],
  ['registry.example.com:5000/nats', undefined],
  ['nats', undefined],
])('the tag of %s is %s', (reference, tag) => {
  expect(tagOf(reference)).toBe(tag);
});
