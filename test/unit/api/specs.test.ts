import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';
import { BrokerSpec } from '../../../src/api/broker.ts';
import { MeshSyncSpec } from '../../../src/api/meshsync.ts';
import { resolveBroker } from '../../../src/broker/spec.ts';
import { resolveMeshSync } from '../../../src/meshsync/spec.ts';
import type { JsonObject } from '../../stand-in/json.ts';
import { brokerParent, meshSyncParent } from '../../support/scenarios.ts';

const none = { native: {}, custom: {} };
const ownVersion = 'v2.14.2';

describe('the schema of Broker', () => {
  it.each<JsonObject>([
    {},
    { size: 1 },
    { size: 10, version: '' },
    { version: 'latest' },
    { version: ownVersion },
    { version: '2.14.2-alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef' },
    { service: {} },
    { service: { type: 'NodePort' } },
    { service: { annotations: {}, loadBalancerSourceRanges: [], externalEndpointOverride: '' } },
    { service: { type: 'LoadBalancer', loadBalancerClass: 'service.k8s.aws/nlb', loadBalancerSourceRanges: ['::/0'] } },
    { service: { loadBalancerClass: 'a', loadBalancerSourceRanges: ['10.0.0.0/8'] } },
    { service: { type: 'ClusterIP', loadBalancerSourceRanges: [] } },
    { service: { externalEndpointOverride: 'anything at all' } },
    { unknown: 'field' },
  ])('accepts %j', (spec) => {
    expect(Value.Check(BrokerSpec, spec)).toBe(true);
    expect(resolveBroker(brokerParent(spec))).not.toHaveProperty('path');
  });

  it.each<JsonObject>([
    { size: 0 },
    { size: 11 },
    { size: 1.5 },
    { service: { type: '' } },
    { service: { type: 'ExternalName' } },
    { service: { annotations: { a: 1 } } },
    { service: { loadBalancerSourceRanges: '10.0.0.0/8' } },
  ])('rejects %j', (spec) => {
    expect(Value.Check(BrokerSpec, spec)).toBe(false);
  });

  it('reads an absent spec, empty strings and empty lists as the defaults', () => {
    const expected = {
      size: 1,
      nats: { image: 'nats:2.14.2-alpine', imagePullPolicy: 'IfNotPresent' },
      service: { type: 'ClusterIP', annotations: {}, loadBalancerSourceRanges: [] },
    };
    expect(resolveBroker(brokerParent())).toMatchObject(expected);
    const empty = {
      version: '',
      image: { repository: '' },
      resources: { limits: {} },
      podTemplate: { metadata: { labels: {} }, spec: { tolerations: [], affinity: {}, priorityClassName: '' } },
      auth: {},
      tls: { secretName: '' },
      jetstream: {},
      config: { maxPayload: '', writeDeadline: '' },
      networkPolicy: { clients: [] },
      promExporter: { enabled: false },
      service: { loadBalancerClass: '', loadBalancerSourceRanges: [], externalEndpointOverride: '' },
    };
    const resolved = resolveBroker(brokerParent(empty));
    expect(resolved).toEqual(resolveBroker(brokerParent()));
  });
});

describe('the schema of MeshSync', () => {
  it.each<JsonObject>([
    {},
    { size: 3, version: '' },
    { broker: {} },
    { broker: none },
    { broker: { native: { name: '', namespace: '' }, custom: { url: '' } } },
    { broker: { native: { name: 'meshery-broker', namespace: 'meshery' }, custom: {} } },
    { broker: { custom: { url: 'nats://user:word@nats.example.com:4222' } } },
    { broker: { custom: { url: 'nats.example.com' } } },
    { 'watch-list': {} },
    { 'watch-list': { metadata: { creationTimestamp: null } } },
    {
      'watch-list': {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'watch-list', labels: { a: 'b' } },
        data: { whitelist: '[]', blacklist: '', other: 'x' },
        binaryData: { a: 'AA==' },
        immutable: true,
      },
    },
  ])('accepts %j', (spec) => {
    expect(Value.Check(MeshSyncSpec, spec)).toBe(true);
    expect(resolveMeshSync(meshSyncParent(spec))).not.toHaveProperty('path');
  });

  it.each<JsonObject>([
    { size: 0 },
    { size: 11 },
    { broker: { native: 'meshery-broker' } },
    { broker: { custom: { url: 1 } } },
    { 'watch-list': { data: { whitelist: [] } } },
    { 'watch-list': { immutable: 'true' } },
    { 'watch-list': { binaryData: { a: 'not base64' } } },
  ])('rejects %j', (spec) => {
    expect(Value.Check(MeshSyncSpec, spec)).toBe(false);
  });

  it('requires either a native or a custom broker, and reads an empty one as absent', () => {
    const both = { native: { name: 'b' }, custom: { url: 'nats://a' } };
    expect(resolveMeshSync(meshSyncParent({ broker: both }))).toEqual({
      path: 'spec.broker.custom',
      message: 'must be absent when native names a Broker',
    });
    const custom = { native: { name: '', namespace: 'x' }, custom: { url: 'nats://a' } };
    expect(resolveMeshSync(meshSyncParent({ broker: custom }))).toMatchObject({ broker: { type: 'custom' } });
    expect(resolveMeshSync(meshSyncParent({ broker: none }))).toMatchObject({
      broker: { type: 'none' },
      size: 1,
      tag: '1.0.3',
    });
  });
});
