import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { decode, encode } from '../../kubernetes/secrets.ts';
import { ClusterObject } from '../cluster/connection.ts';
import { objectInWords } from '../cluster/objects.ts';
import { type Change, creation, patched } from './change.ts';
import { KINDS } from './kinds.ts';

/** Label of what a migration keeps in the cluster, with what it is as its value. */
export const MIGRATION_LABEL = 'meshery.io/migration';

const NAME = 'meshery-operator-migration';

/** What a migration remembers of the Go operator until nothing of it is left. */
const MigrationRecord = Type.Object({
  namespace: Type.String(),
  /** Name of its Deployment. */
  name: Type.String(),
  serviceAccount: Type.String(),
  release: Type.Optional(Type.Object({ name: Type.String(), namespace: Type.String() })),
});
export type MigrationRecord = Static<typeof MigrationRecord>;

/** The record of a migration, as found in the cluster. */
export interface FoundRecord extends MigrationRecord {
  secret: ClusterObject;
  phase: Phase;
}

/**
 * How far a migration is. By the last step, which can't be undone, it is `final`; once a rollback has restored all that the Go
 * operator needs, and is about to start it, it is `undone`. From then on, either only goes forward.
 */
export type Phase = 'begun' | 'final' | 'undone';

/** A copy of an object as it was before the migration, and the Secret that has it. */
export interface Backup {
  object: ClusterObject;
  secret: ClusterObject;
}

const Kept = Type.Object({ data: Type.Record(Type.String(), Type.String()) });

/** The change that stores the record. */
export function recording(record: MigrationRecord): Change {
  const { namespace } = record;
  const object = secret(NAME, namespace, 'begun', { record: encode(JSON.stringify(record)) });
  return creation(`create Secret ${namespace}/${NAME}, by which a later run goes on`, KINDS.secret, object);
}

/** The change that notes how far a migration is. */
export function marking({ secret }: FoundRecord, phase: Phase): Change {
  const body = { metadata: { labels: { [MIGRATION_LABEL]: phase } } };
  return patched(`mark the migration as ${phase}`, KINDS.secret, secret, { type: 'merge', body });
}

function phaseOf({ metadata }: ClusterObject): Phase {
  const label = metadata.labels?.[MIGRATION_LABEL];
  return label === 'final' || label === 'undone' ? label : 'begun';
}

/**
 * The change that stores a copy of an object. A Secret, which only those read who may read the original's as well, since the
 * environment of a Deployment may contain credentials. The values of a child's Secret are not copied: no step changes them.
 */
export function copying(object: ClusterObject, namespace: string): Change {
  const { status: _status, data, ...rest } = object;
  const isRelease = object.kind === 'Secret' && object.type === 'helm.sh/release.v1';
  const isStatusKept = object.kind === 'Broker' || object.kind === 'MeshSync';
  const kept = {
    ...rest,
    ...(isStatusKept && { status: object.status }),
    ...(data !== undefined && object.kind !== 'Secret' && { data }),
  };
  const values = isRelease && Value.Check(Kept, object) ? object.data : {};
  const copy = secret(backupName(object), namespace, 'backup', {
    object: encode(JSON.stringify(kept)),
    ...Object.fromEntries(Object.entries(values).map(([key, value]) => [`data.${key}`, value])),
  });
  return creation(`keep a copy of ${objectInWords(object)}`, KINDS.secret, copy);
}

/** The name of the Secret with the copy of an object. */
export function backupName({ kind = '', metadata: { namespace, name } }: ClusterObject): string {
  return [NAME, kind.toLowerCase(), ...(namespace ? [namespace] : []), name].join('.');
}

/** What a migration keeps in the cluster, from its Secrets. */
export function readKept(secrets: ClusterObject[]): { record?: FoundRecord; backups: Backup[] } {
  let record: FoundRecord | undefined;
  const backups: Backup[] = [];
  for (const found of secrets) {
    if (!Value.Check(Kept, found)) continue;
    const { object, record: recorded, ...values } = found.data;
    if (recorded) {
      const content: unknown = JSON.parse(decode(recorded));
      if (Value.Check(MigrationRecord, content)) record = { ...content, secret: found, phase: phaseOf(found) };
    }
    if (object) {
      const content: unknown = JSON.parse(decode(object));
      const entries = Object.entries(values).map(([key, value]) => [key.replace(/^data\./, ''), value] as const);
      const data = entries.length > 0 && { data: Object.fromEntries(entries) };
      if (Value.Check(ClusterObject, content)) backups.push({ object: { ...content, ...data }, secret: found });
    }
  }
  return { ...(record && { record }), backups };
}

function secret(name: string, namespace: string, what: string, data: { [key: string]: string }): ClusterObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, labels: { [MIGRATION_LABEL]: what } },
    type: 'meshery.io/migration',
    data,
  };
}
