import { objectInWords } from '../cluster/objects.ts';
import { type Finding, findings } from '../validate.ts';
import type { Facts } from './facts.ts';

/** What this operator would say of the resources. */
export function findingsOf({ resources }: Facts): Finding[] {
  const given = resources.flatMap((resource) => {
    const { apiVersion, kind, metadata, spec } = resource;
    if (!apiVersion || (kind !== 'Broker' && kind !== 'MeshSync')) return [];
    const { name, namespace, labels, annotations } = metadata;
    const meta = {
      name,
      ...(namespace && { namespace }),
      ...(labels && { labels }),
      ...(annotations && { annotations }),
    };
    return [
      {
        apiVersion,
        kind,
        metadata: meta,
        spec,
        place: { file: 'cluster', document: 1 },
        source: objectInWords(resource),
      },
    ];
  });
  return findings({ resources: given, secrets: [] }, 'default', new Date(0));
}
