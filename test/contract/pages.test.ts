import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BrokerSpec, brokerDefaults } from '../../src/api/broker.ts';
import { meshSyncDefaults } from '../../src/api/meshsync.ts';
import { broker } from '../../src/broker/controller.ts';
import { controllers } from '../../src/controllers.ts';
import { type ConditionTable, commonConditions } from '../../src/metacontroller/conditions.ts';
import { sync } from '../../src/metacontroller/lifecycle.ts';
import { structural } from '../../src/schema/structural.ts';
import type { KubernetesObject } from '../cluster/kubernetes.ts';
import { codesOf, objectsIn, rowsOf, sectionOf } from '../support/page-parts.ts';

/** All objects of the golden manifests. */
const goldens = readdirSync('test/golden', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name }) => objectsIn(readFileSync(join('test/golden', name, 'expected.yaml'), 'utf8')));

/** What the CRD says of the fields of an object. */
interface Described {
  properties: Record<string, { description: string }>;
}

const pageOf = { Broker: 'docs/broker.md', MeshSync: 'docs/meshsync.md' } as Record<string, string>;

describe.each(controllers.map(({ kind }) => kind))('the page of a %s', (kind) => {
  const page = pageOf[kind] as string;
  const controller = controllers.find((each) => each.kind === kind);

  it('leads from each field of its spec to an explanation, and from no other', () => {
    const fields = rowsOf(page, 'Which field for what').flatMap(([, field = '']) => codesOf(field));
    const named = fields.map((field) => /^spec\.([\w-]+)$/.exec(field)?.[1]);
    expect([...new Set(named)].sort()).toEqual(Object.keys(controller?.spec.properties ?? {}).sort());
  });

  it('lists all objects that are created', () => {
    const listed = rowsOf(page, 'What is created').map(([object = '']) => {
      const [, ofKind = '', name = ''] = /^(\w+) `([^`]+)`/.exec(object) ?? [];
      return `${ofKind} ${name}`;
    });
    const [prefix, letter] = kind === 'Broker' ? ['meshery-nats', 'X-nats'] : ['meshery-meshsync', 'Y'];
    const created = goldens
      .map(({ kind: ofKind, metadata }) => ({ ofKind, name: metadata.name }))
      .filter(({ ofKind, name }) => ofKind !== kind && name.startsWith(prefix))
      // Of the objects of each server, the first one stands for all.
      .map(({ ofKind, name }) => `${ofKind} ${name.replace(prefix, letter).replace(/-\d+$/, '-0')}`);
    expect([...new Set(created)].sort()).toEqual(listed.sort());
  });

  it('says which conditions are needed, and which inform', () => {
    const [needed = '', others = ''] = sectionOf(page, 'Conditions')
      .split(/\n(?=- )/)
      .slice(1);
    const table = Object.entries<ConditionTable[string]>({ ...commonConditions, ...controller?.conditions });
    const required = table.filter(([, { desired }]) => desired).map(([type]) => type);
    expect(codesOf(needed).sort()).toEqual(['Ready', ...required].sort());
    const summaries = ['Ready', 'Stalled', 'Reconciling', ...required];
    const rest = table.map(([type]) => type).filter((type) => !summaries.includes(type));
    expect(codesOf(others).sort()).toEqual(rest.sort());
  });
});

describe('the numbers of the pages', () => {
  const text = ({ cpu, memory }: { cpu: string; memory: string }) => `${cpu} CPU, ${memory}`;

  it('are the default resources', () => {
    const { reloader, promExporter, natsBox } = brokerDefaults;
    expect(rowsOf(pageOf.Broker as string, 'Resources').map(([, requests, limits]) => [requests, limits])).toEqual(
      [brokerDefaults, reloader, promExporter, natsBox].map(({ resources: { requests, limits } }) => [
        text(requests),
        text(limits),
      ]),
    );
    const { requests, limits } = meshSyncDefaults.resources;
    expect(sectionOf(pageOf.MeshSync as string, 'Pods').replaceAll('\n', ' ')).toContain(
      `requests of ${requests.cpu} CPU and ${requests.memory}, limits of ${limits.cpu} CPU and ${limits.memory}`,
    );
  });

  it('are the default settings of NATS', () => {
    const { config } = (structural(BrokerSpec) as { properties: Record<string, Described> }).properties;
    const described = (field: string) => config?.properties[field]?.description;
    for (const [fields = '', defaults = ''] of rowsOf(pageOf.Broker as string, 'Settings of NATS').slice(0, 4)) {
      for (const [index, field] of codesOf(fields).entries()) {
        expect(described(field), field).toContain(`Default: ${defaults.split(', ')[index]}`);
      }
    }
  });

  it('are the times of the probes', () => {
    const parent = {
      ...{ apiVersion: 'meshery.io/v1alpha2', kind: 'Broker' },
      metadata: { name: 'meshery-broker', namespace: 'meshery', uid: 'uid' },
    };
    const context = { now: () => new Date(), generateToken: () => 'token' };
    const { children } = sync(broker, { parent, children: {}, related: {} }, context);
    const set = (children as KubernetesObject[]).find((child) => child.kind === 'StatefulSet');
    const [nats] = set?.spec.template.spec.containers ?? [];
    expect(
      Object.fromEntries(rowsOf(pageOf.Broker as string, 'Environment and probes').map(([a, , b]) => [a, b])),
    ).toEqual({
      '`startupProbe`': `each second, up to ${nats.startupProbe.failureThreshold} times`,
      '`readinessProbe`': times(nats.readinessProbe),
      '`livenessProbe`': times(nats.livenessProbe),
    });
    expect(nats.startupProbe.periodSeconds).toBe(1);
  });

  const times = ({ periodSeconds, failureThreshold, timeoutSeconds }: Record<string, number>) =>
    `each ${periodSeconds} s, ${failureThreshold} failures, timeout ${timeoutSeconds} s`;
});
