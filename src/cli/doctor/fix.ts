import { type Connection, FIELD_MANAGER } from '../cluster/connection.ts';
import { ClusterError } from '../errors.ts';
import type { Finding, Fix, Write } from './finding.ts';
import { applierOf } from './ownership.ts';

/** What became of a fix. */
export interface Outcome {
  fix: Fix;
  /** Why it was not made. */
  failure?: string;
}

/** The fixes of some findings. */
export function fixesOf(findings: readonly Finding[]): Fix[] {
  return findings.flatMap(({ fix }) => fix ?? []);
}

/** Makes some fixes, one after the other; one that is refused does not keep the others. */
export async function carryOut(connection: Connection, fixes: readonly Fix[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const fix of fixes) {
    try {
      for (const write of fix.writes) await refuseForeign(connection, write);
      for (const write of fix.writes) await make(connection, write);
      outcomes.push({ fix });
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      outcomes.push({ fix, failure: error.message });
    }
  }
  return outcomes;
}

/** Before anything of a fix is made, so that no half of it is. */
async function refuseForeign(connection: Connection, { of, name, ownLabels }: Write): Promise<void> {
  const found = ownLabels && (await connection.get(of, name));
  if (!found) return;
  const { labels = {} } = found.metadata;
  if (Object.entries(ownLabels).every(([key, value]) => labels[key] === value)) return;
  throw new ClusterError(
    `${found.kind} ${name} is not that of this operator, and is left as it is: remove or rename it`,
  );
}

async function make(connection: Connection, { of, name, patch }: Write): Promise<void> {
  const live = patch.type === 'apply' ? await connection.get(of, name) : undefined;
  await connection.patch(of, name, { fieldManager: live ? applierOf(live) : FIELD_MANAGER, ...patch });
}
