import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';
import { copying, recording } from '../../../../src/cli/migrate/backup.ts';
import { notesOf } from '../../../../src/cli/migrate/notes.ts';
import { obstaclesOf } from '../../../../src/cli/migrate/obstacles.ts';
import { planOf } from '../../../../src/cli/migrate/plan.ts';
import { printPlan } from '../../../../src/cli/migrate/print.ts';
import { rollbackStepsOf } from '../../../../src/cli/migrate/rollback.ts';
import { isDone } from '../../../../src/cli/migrate/step.ts';
import { stepsOf } from '../../../../src/cli/migrate/steps.ts';
import { decode } from '../../../../src/kubernetes/secrets.ts';
import { NAMESPACE, recorded } from '../../../support/go-operator.ts';
import { goOperator, oldFacts, withMetadata } from './facts.ts';

const Secret = Type.Object({ data: Type.Object({ token: Type.String() }) });
const Copy = Type.Object({ body: Type.Object({ data: Type.Object({ object: Type.String() }) }) });

const plain = (_colour: string, text: string) => text;
const stopped = () => ({ ...goOperator(), spec: { ...goOperator().spec, replicas: 0 } });

describe('the plan for what the Go operator has left', () => {
  it('is in text, step by step', () => {
    const text = printPlan(planOf(oldFacts()), 'text', plain);
    const [found, steps] = text.split('\n\n');
    expect(found).toBe(`In context test:
  Meshery's Go operator 1.0.5: Deployment meshery/meshery-operator
  Broker meshery/meshery-broker
  MeshSync meshery/meshery-meshsync`);
    expect(steps).toBe(`1.  Keep a copy of what changes, for a rollback
    create Secret meshery/meshery-operator-migration, by which a later run goes on
    keep a copy of Deployment meshery/meshery-operator
    keep a copy of Broker meshery/meshery-broker
    keep a copy of MeshSync meshery/meshery-meshsync
    keep a copy of Secret meshery/meshery-nats-auth
    keep a copy of ConfigMap meshery/meshery-nats-config
    keep a copy of Service meshery/meshery-nats-headless
    keep a copy of Service meshery/meshery-nats
    keep a copy of StatefulSet meshery/meshery-nats
    keep a copy of Deployment meshery/meshery-meshsync
2.  Stop the Go operator; brokers and MeshSyncs run on
    scale Deployment meshery/meshery-operator from 1 to 0
3.  Replace the CustomResourceDefinitions, in place: done
4.  Take the finalizers from the resources
    take broker.meshery.io/finalizer from Broker meshery/meshery-broker
    take meshsync.meshery.io/finalizer from MeshSync meshery/meshery-meshsync
5.  Hand the children of Brokers over to Metacontroller
    make the fields of go-operator in Secret meshery/meshery-nats-auth those of metacontroller, then label it as that of Broker meshery-broker
    make the fields of meshery-operator-broker in ConfigMap meshery/meshery-nats-config those of metacontroller, then label it as that of Broker meshery-broker
    make the fields of meshery-operator-broker in Service meshery/meshery-nats-headless those of metacontroller, then label it as that of Broker meshery-broker
    make the fields of meshery-operator-broker in Service meshery/meshery-nats those of metacontroller, then label it as that of Broker meshery-broker
    make the fields of meshery-operator-broker in StatefulSet meshery/meshery-nats those of metacontroller, then label it as that of Broker meshery-broker
6.  Make room for the new operator
    delete Deployment meshery/meshery-operator: the new one has its name
7.  Install this operator and Metacontroller
    wait for you to install it, as docs/migrate.md says (missing: Deployment meshery-operator, the CompositeController of Broker, the CompositeController of MeshSync)
8.  Let Metacontroller adopt them; each pod of a broker is replaced once
    wait for Broker meshery/meshery-broker, which was not synced yet
9.  Hand the children of MeshSyncs over; each of their pods is replaced once
    make the fields of meshery-operator-meshsync in Deployment meshery/meshery-meshsync those of metacontroller, then label it as that of MeshSync meshery-meshsync
    wait for MeshSync meshery/meshery-meshsync, which was not synced yet
10. Remove what is left of the Go operator; after this, nothing can be undone: done`);
  });

  it('never has the token in it, in any form', () => {
    const secret = recorded('secrets')[0];
    const token = Value.Check(Secret, secret) ? secret.data.token : '';
    expect(token.length).toBeGreaterThan(40);
    for (const output of ['text', 'json', 'yaml'] as const) {
      expect(printPlan(planOf(oldFacts()), output, plain)).not.toContain(token);
    }
    const copies = recorded('secrets').map((object) => copying(object, NAMESPACE).request);
    expect(copies).toEqual([{ verb: 'create', body: expect.objectContaining({ kind: 'Secret' }) }]);
    for (const copy of copies) {
      const content = Value.Check(Copy, copy) ? decode(copy.body.data.object) : token;
      expect(content).toContain('meshery-nats-auth');
      expect(content).not.toContain(token);
    }
  });

  it('has nothing to do where this operator has the children, whoever has edited the token', () => {
    const { resources, children } = oldFacts();
    const own = children.map((child) => {
      const managedFields = [
        { manager: 'metacontroller', operation: 'Apply', fieldsV1: { 'f:metadata': {} } },
        { manager: 'kubectl-edit', operation: 'Update', fieldsV1: { 'f:data': { 'f:token': {} } } },
      ];
      const labels = { 'controller-uid': child.owner.metadata.uid ?? '' };
      return { ...child, object: withMetadata(child.object, { labels, managedFields }) };
    });
    const released = resources.map((resource) => withMetadata(resource, { finalizers: [] }));
    const facts = oldFacts({ goOperators: [], resources: released, children: own });
    expect(planOf(facts)).toMatchObject({ isComplete: true, obstacles: [] });
    expect(planOf(oldFacts({ goOperators: [], resources: released })).isComplete).toBe(false);
  });

  it('has nothing to do in an empty cluster', () => {
    const facts = oldFacts({ goOperators: [], resources: [], children: [] });
    expect(planOf(facts)).toMatchObject({ isComplete: true, obstacles: [], notes: [] });
  });
});

describe('what stops a migration', () => {
  const messages = (changed: Parameters<typeof oldFacts>[0]) =>
    obstaclesOf(oldFacts(changed)).map(({ about, message, remedy }) => `${about} ${message}: ${remedy}`);

  it('is nothing in the recorded cluster', () => expect(messages({})).toEqual([]));

  it('is an operator that something starts again, or several', () => {
    const owner = { apiVersion: 'operators.coreos.com/v1', kind: 'ClusterServiceVersion', name: 'meshery', uid: '1' };
    const owned = {
      ...goOperator(),
      ...withMetadata(goOperator(), { ownerReferences: [{ ...owner, controller: true }] }),
    };
    expect(messages({ goOperators: [{ ...goOperator(), metadata: owned.metadata }] })).toEqual([
      'Deployment meshery/meshery-operator ClusterServiceVersion meshery would start it again: delete ClusterServiceVersion meshery and what creates it',
    ]);
    expect(messages({ goOperators: [goOperator(), goOperator()] })).toHaveLength(1);
  });

  it('is a Broker whose children this operator would call otherwise', () => {
    const { children } = oldFacts();
    const other = children.map((child) =>
      child.owner.kind === 'Broker' ? { ...child, owner: withMetadata(child.owner, { name: 'nats' }) } : child,
    );
    expect(messages({ children: other })).toEqual([
      'StatefulSet meshery/meshery-nats belongs to Broker meshery/nats, for which this operator would make nats-nats instead: delete that Broker and create one called meshery-broker; its clients get a new token',
    ]);
  });

  it('is a resource that is being deleted, unless the migration has begun', () => {
    const { resources } = oldFacts();
    const deleted = resources.map((resource) => withMetadata(resource, { deletionTimestamp: '2026-01-01T00:00:00Z' }));
    expect(messages({ resources: deleted })).toEqual([
      'Broker meshery/meshery-broker is being deleted, which nothing can stop: wait until the Go operator has let it go',
      'MeshSync meshery/meshery-meshsync is being deleted, which nothing can stop: wait until the Go operator has let it go',
    ]);
    const [message] = messages({ resources: deleted, goOperators: [stopped()] });
    expect(message).toContain('let it go, with its children, by: kubectl patch broker meshery-broker -n meshery');
    expect(messages({ resources: deleted, record: record('begun') })).toEqual([]);
  });

  it('is a rollback that has begun', () => {
    expect(messages({ record: record('undone') })).toEqual([
      'Secret meshery/record says that a rollback has begun: run migrate rollback to its end first',
    ]);
  });

  it('is a release with more than the Go operator', () => {
    const secret = { kind: 'Secret', metadata: { name: 'sh.helm.release.v1.meshery.v1', namespace: NAMESPACE } };
    const [message] = messages({
      revisions: [{ secret, chart: { name: 'meshery', version: '1.0.5', isOurs: false } }],
    });
    expect(message).toMatch(
      /^Secret meshery\/sh.helm.release.v1.meshery.v1 chart meshery has more than the Go operator in it/,
    );
    expect(
      messages({ revisions: [{ secret, chart: { name: 'meshery-operator', version: '1.0.5', isOurs: false } }] }),
    ).toEqual([]);
  });
});

describe('what an administrator is told', () => {
  const notes = (changed: Parameters<typeof oldFacts>[0]) => notesOf(oldFacts(changed)).join('\n');

  it('is Meshery Server, always', () => expect(notes({})).toContain('DISABLE_OPERATOR=true'));

  it.each([
    [{ labels: { 'kustomize.toolkit.fluxcd.io/name': 'meshery' } }, 'Flux deploys'],
    [{ annotations: { 'argocd.argoproj.io/tracking-id': 'meshery:x' } }, 'Argo CD deploys'],
  ])('is what deploys the operator: %j', (metadata, text) => {
    const deployment = { ...goOperator(), metadata: { ...goOperator().metadata, ...metadata } };
    expect(notes({ goOperators: [deployment] })).toContain(text);
    expect(notes({})).not.toContain(text);
  });

  it.each([
    ['ghcr.io/metacontroller/metacontroller:v4.11.0', true],
    ['registry:5000/metacontroller:v4.17.2@sha256:0', false],
    ['registry:5000/metacontroller', false],
  ])('is an old Metacontroller: %s', (image, isOld) => {
    const metacontroller = { object: goOperator(), image, isDynamic: false, manager: MANAGER };
    expect(notes({ metacontroller }).includes('upgrade it to 4.17.2')).toBe(isOld);
  });
});

const MANAGER = { manager: 'metacontroller', operation: 'Apply' } as const;

function record(phase: 'begun' | 'final' | 'undone') {
  const secret = { kind: 'Secret', metadata: { name: 'record', namespace: NAMESPACE } };
  return { namespace: NAMESPACE, name: 'meshery-operator', serviceAccount: 'meshery-operator', secret, phase };
}

describe('the steps', () => {
  it('store the record before anything else, and delete it after everything else', () => {
    const [first] = stepsOf(oldFacts());
    expect(first?.changes[0]).toEqual(
      recording({ namespace: NAMESPACE, name: 'meshery-operator', serviceAccount: 'meshery-operator' }),
    );
    const last = stepsOf(oldFacts({ record: record('begun'), belongings: [goOperator()] })).at(-1);
    expect(last?.changes[0]?.does).toBe('mark the migration as final');
    expect(last?.changes.at(-1)?.does).toBe('delete Secret meshery/record');
  });

  it('are none to undo without a record', () => expect(rollbackStepsOf(oldFacts())).toEqual([]));

  it('only start the Go operator and forget, once a rollback has restored all', () => {
    const steps = rollbackStepsOf(oldFacts({ record: record('undone'), registrations: [goOperator()] }));
    expect(steps.map(({ name }) => name)).toEqual(['start', 'copies']);
  });

  it('stop a Go operator that was started in between, before they restore anything', () => {
    const steps = rollbackStepsOf(oldFacts({ record: record('begun'), registrations: [goOperator()] }));
    expect(steps.filter((step) => !isDone(step)).map(({ name }) => name)).toEqual([
      ...['stop', 'registrations', 'start', 'copies'],
    ]);
  });
});
