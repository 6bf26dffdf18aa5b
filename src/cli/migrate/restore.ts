import { isDeepStrictEqual } from 'node:util';
import type { Fields } from '../../metacontroller/reapply.ts';
import type { ClusterObject } from '../cluster/connection.ts';
import { objectInWords } from '../cluster/objects.ts';
import { type Change, creation, patched } from './change.ts';
import { kindOf } from './kinds.ts';
import { type Entry, entriesOf } from './managed-fields.ts';

/** What is made anew when it is missing; all others come back by the Go operator, or were deleted by somebody. */
const RECREATED = ['Deployment', 'Service', 'Secret'];

/** Kept as it is: the controller of Deployments counts in it. */
const REVISION = 'deployment.kubernetes.io/revision';

/**
 * The changes that make an object what its copy is. Values that were not copied, such as those of a Secret with a token, stay
 * as they are. Field managers come last: the change before makes this program one of them.
 */
export function restoration(copy: ClusterObject, live: ClusterObject | undefined): Change[] {
  const kind = kindOf(copy);
  if (!kind) return [];
  if (!live) {
    if (!RECREATED.includes(kind.kind)) return [];
    const { name, namespace, labels, annotations } = copy.metadata;
    const metadata = {
      name,
      ...(namespace && { namespace }),
      ...(labels && { labels }),
      ...(annotations && { annotations }),
    };
    return [creation(`create ${objectInWords(copy)} as it was`, kind, { ...copy, metadata })];
  }
  const { labels, annotations, ownerReferences, resourceVersion } = live.metadata;
  const operations = [
    ...replacement('/metadata/labels', copy.metadata.labels, labels),
    ...replacement('/metadata/annotations', annotationsOf(copy, live), annotations),
    ...replacement('/metadata/ownerReferences', copy.metadata.ownerReferences, ownerReferences),
    ...(copy.spec === undefined ? [] : replacement('/spec', copy.spec, live.spec)),
    ...(copy.data === undefined ? [] : replacement('/data', copy.data, live.data)),
    ...managers(copy, live),
  ];
  if (operations.length === 0) return [];
  // The API server reports a conflict when the object has changed since it was read.
  const unchanged = { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion };
  return [
    patched(`restore ${objectInWords(copy)} as it was`, kind, live, { type: 'json', body: [unchanged, ...operations] }),
  ];
}

function annotationsOf(copy: ClusterObject, live: ClusterObject): Record<string, string> | undefined {
  const revision = live.metadata.annotations?.[REVISION];
  return revision ? { ...copy.metadata.annotations, [REVISION]: revision } : copy.metadata.annotations;
}

/** The operation of a JSON patch that gives a field its value; none where it has it. */
function replacement(path: string, wanted: unknown, live: unknown): Fields[] {
  if (isDeepStrictEqual(wanted, live)) return [];
  return [wanted === undefined ? { op: 'remove', path } : { op: 'add', path, value: wanted }];
}

function managers(copy: ClusterObject, live: ClusterObject): Fields[] {
  const own = entriesOf(copy);
  if (own.length === 0 || isDeepStrictEqual(comparable(own), comparable(entriesOf(live)))) return [];
  const others = (live.metadata.managedFields ?? []).filter(({ subresource }) => subresource);
  return [{ op: 'add', path: '/metadata/managedFields', value: [...own, ...others] }];
}

/** Entries without the time of their last change, in an order of their own. */
function comparable(entries: Entry[]): Entry[] {
  const key = ({ manager, operation }: Entry) => `${manager} ${operation}`;
  return entries.map(({ time: _time, ...entry }) => entry).sort((left, right) => (key(left) < key(right) ? -1 : 1));
}
