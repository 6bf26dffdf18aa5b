import { type Static, Type } from '@sinclair/typebox';
import { decode } from './decode.ts';
import { groupKey, type KubeObject, type Objects, qualifiedName } from './json.ts';
import type { StandIn } from './metacontroller.ts';

const strict = { additionalProperties: false };

/** A rule in a customize response. Rules of Metacontroller that no hook here uses are missing, and rejected. */
const RelatedRule = Type.Object(
  {
    apiVersion: Type.String(),
    resource: Type.String(),
    namespace: Type.Optional(Type.String()),
    names: Type.Optional(Type.Array(Type.String())),
    labelSelector: Type.Optional(
      Type.Object({ matchLabels: Type.Optional(Type.Record(Type.String(), Type.String())) }, strict),
    ),
  },
  strict,
);
export type RelatedRule = Static<typeof RelatedRule>;

const CustomizeResponse = Type.Object({ relatedResources: Type.Array(RelatedRule) }, strict);

/** The related objects of a parent, by the rules in the customize response. */
export async function relatedObjects(standIn: StandIn, parent: KubeObject): Promise<Objects> {
  const { transport } = standIn;
  const result: Objects = {};
  for (const rule of await rulesOf(standIn, parent)) {
    const { apiVersion, resource, namespace } = rule;
    const kind = await transport.kindOf(apiVersion, resource);
    const key = groupKey({ apiVersion, kind });
    const group = result[key] ?? {};
    result[key] = group;
    for (const object of await transport.list(apiVersion, kind, namespace)) {
      if (matches(rule, object)) group[qualifiedName(object)] = object;
    }
  }
  return result;
}

async function rulesOf({ controller, call, rules }: StandIn, parent: KubeObject): Promise<RelatedRule[]> {
  const { customize } = controller.spec.hooks;
  if (!customize) return [];
  const key = `${parent.metadata.uid}/${parent.metadata.generation}`;
  const known =
    rules?.get(key) ??
    decode(CustomizeResponse, await call(customize.webhook, { controller, parent })).relatedResources;
  rules?.set(key, known);
  return known;
}

function matches({ names = [], labelSelector }: RelatedRule, { metadata }: KubeObject): boolean {
  if (names.length > 0 && labelSelector) throw new Error('names and labelSelector exclude each other');
  if (names.length > 0) return names.includes(metadata.name);
  return Object.entries(labelSelector?.matchLabels ?? {}).every(([name, value]) => metadata.labels?.[name] === value);
}
