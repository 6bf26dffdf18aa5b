import type { SyncContext } from '../api/context.ts';
import { controllers } from '../controllers.ts';
import type { Controller } from '../metacontroller/controller.ts';
import { compiled } from '../schema/compiled.ts';
import { everyError, type FieldError } from '../schema/validate.ts';
import { metadataErrors } from './metadata.ts';
import { decisiveConditions, isTransient, type Simulated, simulate } from './render.ts';
import { inWords, type Place, type Resource, type Resources } from './resources.ts';

/** What is wrong with a resource, and where it stands. */
export interface Finding extends Place {
  kind: Resource['kind'];
  namespace: string;
  name: string;
  /** An error keeps the resource from being applied or followed; a warning is what its author may not have meant. */
  severity: 'error' | 'warning';
  /** Path of the field, when it is about one. */
  path?: string;
  /** The reason of a condition, when it is one. */
  reason?: string;
  message: string;
}

type Statement = Pick<Finding, 'severity' | 'path' | 'reason' | 'message'>;

/** Conditions that depend on the state of a cluster. */
const clusterConditions = [
  'Ready',
  'Progressing',
  'EndpointPublished',
  'BrokerConnected',
  'NamesAvailable',
  'NatsBoxAvailable',
];

/**
 * Everything that `kubectl apply` and the hooks would say of resources, before they are applied. None of it is a credential.
 * @param namespace of resources that name none
 * @returns in the order of the resources
 */
export function findings(
  given: Pick<Resources, 'resources' | 'secrets'>,
  namespace: string,
  now: Date,
  list: readonly Controller<SyncContext>[] = controllers,
): Finding[] {
  const simulated = simulate(given, { mint: true, namespace, now: () => now, controllers: list });
  const owners = new Map<string, Simulated>();
  const found = simulated.map((one) => [one.resource, [...ofHook(one, list), ...collisions(one, owners)]] as const);
  const all = new Map<Resource, readonly Statement[]>(found);
  return given.resources.flatMap((resource) => {
    const { place, kind, metadata } = resource;
    const about = { ...place, kind, namespace: metadata.namespace || namespace, name: metadata.name };
    return [...ofApply(resource, namespace, list), ...(all.get(resource) ?? [])].map(
      (what): Finding => ({ ...about, ...what }),
    );
  });
}

/** What the API server would refuse. */
function ofApply(resource: Resource, namespace: string, list: readonly Controller[]): Statement[] {
  const errors = [...metadataErrors(resource, namespace), ...specErrors(resource, list)];
  return errors.map((error) => ({ severity: 'error', ...error }));
}

/** What a spec breaks in the schema of its kind. */
function specErrors({ kind, spec = {} }: Resource, list: readonly Controller[]): FieldError[] {
  return list
    .filter((controller) => controller.kind === kind)
    .flatMap((controller) => everyError(compiled(controller.spec), spec, 'spec'));
}

/** What the conditions would say. */
function ofHook({ resource, response }: Simulated, list: readonly Controller[]): Statement[] {
  const { conditions = [] } = response.status;
  const isLive = resource.observed !== undefined;
  const isRefused = specErrors(resource, list).length > 0;
  return conditions.flatMap((condition): Statement[] => {
    const { type, status, reason, message } = condition;
    if (type === 'ReconciliationPaused') return [{ severity: 'warning', reason: type, message }];
    const isOfCluster = clusterConditions.includes(type) && !(isLive && type === 'NamesAvailable');
    if (isOfCluster || (status === 'True' && reason !== 'ValidWithWarnings')) return [];
    // The fields that are wrong have been named already.
    if (isRefused && reason === 'InvalidSpec') return [];
    const severity =
      decisiveConditions(isLive).includes(type) && status === 'False' && (isLive || !isTransient(condition))
        ? 'error'
        : 'warning';
    return [{ severity, reason, ...withPath(message) }];
  });
}

/** Messages about a field begin with its path. */
function withPath(message: string): Pick<Finding, 'path' | 'message'> {
  const [, path, rest] = /^((?:spec|metadata)\.[^\s:]+):? (.*)$/s.exec(message) ?? [];
  return path && rest ? { path, message: rest } : { message };
}

/** Children that another resource makes too; and resources that are given twice, of which the last one would stay. */
function collisions(one: Simulated, owners: Map<string, Simulated>): Statement[] {
  const { parent, response } = one;
  const claim = (what: typeof parent, severity: Finding['severity']): Statement[] => {
    const key = `${what.kind} ${what.metadata.namespace}/${what.metadata.name}`;
    const other = owners.get(key);
    if (!other) owners.set(key, one);
    return other
      ? [
          {
            severity,
            path: 'metadata.name',
            message: `would create ${key}, which ${other.resource.source} also creates`,
          },
        ]
      : [];
  };
  const twice = claim(parent, 'warning');
  if (twice.length > 0) return twice;
  return (response.children as (typeof parent)[]).flatMap((child) => claim(child, 'error'));
}

/** A finding as a line for people. */
export function line(finding: Finding): string {
  const { severity, kind, name, path, reason, message } = finding;
  // A message that begins with a word in lower case goes on with the sentence.
  const about = path ? `${path}${/^[a-z]/.test(message) ? '' : ':'} ` : reason ? `${reason}: ` : '';
  return `${inWords(finding)}: ${severity}: ${kind} ${name}: ${about}${message}`;
}
