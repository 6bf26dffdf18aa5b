import { isObject } from '../../metacontroller/reapply.ts';
import { OPERATOR_LABELS } from '../../operator.ts';
import { type ClusterObject, FIELD_MANAGER } from '../cluster/connection.ts';
import { KUBECTL_LAST_APPLIED } from '../cluster/objects.ts';

/** Whether an object was installed with this operator: by its labels. */
export function isOurs({ metadata: { labels = {} } }: Pick<ClusterObject, 'metadata'>): boolean {
  return Object.entries(OPERATOR_LABELS).every(([key, value]) => labels[key] === value);
}

/**
 * The field manager by which an object is to be applied: the one that has applied more of it than its metadata, so that whoever
 * it is finds no conflict the next time.
 */
export function applierOf({ metadata: { managedFields = [] } }: Pick<ClusterObject, 'metadata'>): string {
  const entry = managedFields.find(
    ({ operation, fieldsV1 }) =>
      operation === 'Apply' && isObject(fieldsV1) && Object.keys(fieldsV1).some((key) => key !== 'f:metadata'),
  );
  return typeof entry?.manager === 'string' ? entry.manager : FIELD_MANAGER;
}

/** The labels and annotations of an object with some others: what is applied without those that are there would remove them. */
export function keptMetadata({ metadata }: Pick<ClusterObject, 'metadata'>, labels: Record<string, string>) {
  const { [KUBECTL_LAST_APPLIED]: _, ...annotations } = metadata.annotations ?? {};
  return { labels: { ...metadata.labels, ...labels }, annotations };
}
