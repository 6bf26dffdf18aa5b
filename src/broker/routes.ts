import { type Static, Type } from '@sinclair/typebox';
import type { ObservedStatefulSet } from '../kubernetes/kinds.ts';
import { compiled } from '../schema/compiled.ts';
import type { BrokerProblem } from './conditions.ts';
import type { Broker } from './spec.ts';

/** Annotation of a StatefulSet with how its servers find each other, as JSON, where that is not the default. */
const ROUTES_ANNOTATION = 'meshery.io/routes';

const Routes = Type.Object({ clusterName: Type.String(), routesSecret: Type.Optional(Type.String()) });
type Routes = Static<typeof Routes>;

const check = compiled(Routes);

/** The annotation for a broker. */
export function routesAnnotation({ names, size, clusterName, routesSecret }: Broker): Record<string, string> {
  if (size === 1 || (clusterName === names.nats && !routesSecret)) return {};
  const routes: Routes = { clusterName, ...(routesSecret && { routesSecret }) };
  return { [ROUTES_ANNOTATION]: JSON.stringify(routes) };
}

/**
 * Keeps how the servers of a cluster with JetStream find each other. Servers with and without TLS on their routes, or with
 * different names of their cluster, do not reach each other, and one with JetStream is ready only when it reaches a majority:
 * a roll would end at the first pod. All of them may be started anew together.
 */
export function withRoutes(
  broker: Broker,
  observed: ObservedStatefulSet | undefined,
): { broker: Broker; deferredChange?: BrokerProblem } {
  const { names, jetStream, routesSecret, clusterName, leafNodes, ...rest } = broker;
  const last = observed && lastRoutes(observed, names.nats);
  if (!last || !jetStream || broker.size === 1) return { broker };
  const isSplit = Boolean(routesSecret) !== Boolean(last.routesSecret);
  const isFirstHub = leafNodes?.remotes.length !== undefined && leafNodes.remotes.length > 0;
  const isRenamed = clusterName !== last.clusterName;
  const secret = isSplit ? last.routesSecret : routesSecret;
  const keptLeafNodes = isRenamed && isFirstHub ? withoutRemotes(leafNodes) : leafNodes;
  const kept: Broker = {
    ...rest,
    ...{ names, jetStream, clusterName: last.clusterName },
    ...(secret && { routesSecret: secret }),
    ...(keptLeafNodes && { leafNodes: keptLeafNodes }),
  };
  const field = isSplit ? 'spec.tls.routes' : 'spec.leafNodes.remotes';
  if (!isSplit && !(isRenamed && isFirstHub)) return { broker: kept };
  const { name, namespace } = broker;
  const message = `${field} can't change while servers with JetStream run: those that have and have not rolled would not reach each other, and wait for a majority for ever. Start all of them anew: hibernate the Broker (kubectl annotate broker ${name} -n ${namespace} meshery.io/hibernation=on), and remove the annotation when its pods are gone. Streams on volumes are kept.`;
  return { broker: kept, deferredChange: { reason: 'ImmutableField', message } };
}

function withoutRemotes(leafNodes: NonNullable<Broker['leafNodes']>): Broker['leafNodes'] {
  return leafNodes.listener && { ...leafNodes, remotes: [] };
}

/** How the running servers find each other; `undefined` where they form no cluster, or none runs. */
function lastRoutes({ metadata, spec }: ObservedStatefulSet, nats: string): Routes | undefined {
  const containers = spec.template?.spec?.containers ?? [];
  const isClustered = containers.some(({ ports }) => ports?.some(({ name }) => name === 'cluster'));
  if (!isClustered || (spec.replicas ?? 1) < 2) return undefined;
  return parse(metadata.annotations?.[ROUTES_ANNOTATION]) ?? { clusterName: nats };
}

function parse(annotation: string | undefined): Routes | undefined {
  if (!annotation) return undefined;
  try {
    const routes: unknown = JSON.parse(annotation);
    return check.Check(routes) ? routes : undefined;
  } catch {
    return undefined;
  }
}
