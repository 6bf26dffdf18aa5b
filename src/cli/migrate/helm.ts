import { gunzipSync } from 'node:zlib';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { decode } from '../../kubernetes/secrets.ts';
import type { ClusterObject } from '../cluster/connection.ts';

/** A release of Helm: its name and its namespace. */
export interface ReleaseName {
  name: string;
  namespace: string;
}

/** A stored revision of a release. */
export interface Revision {
  secret: ClusterObject;
  /** The chart it was installed from, `undefined` where it can't be read. */
  chart: { name: string; version: string; isOurs: boolean } | undefined;
}

const [NAME, NAMESPACE] = ['meta.helm.sh/release-name', 'meta.helm.sh/release-namespace'];
const MANAGED_BY = 'app.kubernetes.io/managed-by';

/** The release that an object belongs to. */
export function releaseOf({ metadata }: ClusterObject): ReleaseName | undefined {
  const { [NAME]: name, [NAMESPACE]: namespace = metadata.namespace } = metadata.annotations ?? {};
  return name && namespace ? { name, namespace } : undefined;
}

/** The label selector of the Secrets in which Helm stores a release. */
export function revisionSelector({ name }: ReleaseName): string {
  return `owner=helm,name=${name}`;
}

/** The patch that takes an object out of the release that it belonged to. */
export function withoutRelease({ metadata }: ClusterObject): object {
  const isLabelled = metadata.labels?.[MANAGED_BY] === 'Helm';
  const annotations = { [NAME]: null, [NAMESPACE]: null };
  return { metadata: { annotations, ...(isLabelled && { labels: { [MANAGED_BY]: null } }) } };
}

const Stored = Type.Object({ data: Type.Object({ release: Type.String() }) });

const Release = Type.Object({
  chart: Type.Object({
    metadata: Type.Object({
      name: Type.String(),
      version: Type.String(),
      keywords: Type.Optional(Type.Array(Type.String())),
    }),
  }),
});

/** Reads the chart of a stored revision; nothing else of it, since its values may contain credentials. */
export function revisionOf(secret: ClusterObject): Revision {
  try {
    const text = Value.Check(Stored, secret) ? decode(secret.data.release) : '';
    const release: unknown = JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString('utf8'));
    if (!Value.Check(Release, release)) return { secret, chart: undefined };
    const { name, version, keywords = [] } = release.chart.metadata;
    // Of its dependencies, Helm stores those that are enabled only.
    return { secret, chart: { name, version, isOurs: keywords.includes('metacontroller') } };
  } catch {
    return { secret, chart: undefined };
  }
}
