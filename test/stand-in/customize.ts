import { fields, list, refuseNulls, text } from './decode.ts';
import { groupKey, isObject, type Json, type KubeObject, type Objects, qualifiedName } from './json.ts';
import type { StandIn } from './metacontroller.ts';

/** A rule of an answer of customize. What is empty selects everything. */
export interface RelatedRule {
  apiVersion: string;
  resource: string;
  namespace: string;
  names: string[];
  labels: [name: string, value: string][];
}

/** The related objects of a parent, by the rules that customize answers. */
export async function relatedObjects(standIn: StandIn, parent: KubeObject): Promise<Objects> {
  const { transport } = standIn;
  const result: Objects = {};
  for (const rule of await rulesOf(standIn, parent)) {
    const { apiVersion, resource, namespace } = rule;
    const kind = await transport.kindOf(apiVersion, resource);
    const key = groupKey({ apiVersion, kind });
    const group = result[key] ?? {};
    result[key] = group;
    for (const object of await transport.list(apiVersion, kind, namespace || undefined)) {
      if (matches(rule, object)) group[qualifiedName(object)] = object;
    }
  }
  return result;
}

async function rulesOf({ controller, call, rules }: StandIn, parent: KubeObject): Promise<RelatedRule[]> {
  const { customize } = controller.spec.hooks;
  if (!customize) return [];
  const key = `${parent.metadata.uid}/${parent.metadata.generation}`;
  const known = rules?.get(key) ?? decode(await call(customize.webhook, { controller, parent }));
  rules?.set(key, known);
  return known;
}

function decode(answer: unknown): RelatedRule[] {
  refuseNulls(answer);
  return list(fields(answer, ['relatedResources']).relatedResources).map(rule);
}

/** Of what Metacontroller knows, `namespaceSelector` and `matchExpressions` are missing: no hook here uses them. */
function rule(value: Json): RelatedRule {
  const known = ['apiVersion', 'resource', 'namespace', 'names', 'labelSelector'];
  const { apiVersion, resource, namespace, names, labelSelector = {} } = fields(value, known);
  const { matchLabels = {} } = fields(labelSelector, ['matchLabels']);
  const labels = isObject(matchLabels) ? Object.entries(matchLabels) : [];
  if (names && labels.length > 0) throw new Error('names and labelSelector exclude each other');
  return {
    apiVersion: text(apiVersion),
    resource: text(resource),
    namespace: text(namespace),
    names: list(names).map(text),
    labels: labels.map(([name, label]) => [name, text(label)]),
  };
}

function matches({ names, labels }: RelatedRule, { metadata }: KubeObject): boolean {
  if (names.length > 0 && !names.includes(metadata.name)) return false;
  return labels.every(([name, value]) => metadata.labels?.[name] === value);
}
