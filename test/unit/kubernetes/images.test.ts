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
  expect(containerImage(NATS, undefined, image, registry).image).toBe(reference);
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
  ['edge-latest', false],
  ['latest', false],
  ['', false],
])('%s is at least 1.0.1: %s', (tag, expected) => {
  expect(isAtLeast(tag, '1.0.1')).toBe(expected);
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
