import type { TSchema } from '@sinclair/typebox';
import { BrokerSpec } from '../api/broker.ts';
import { type Compiled, compiled } from '../api/compiled.ts';
import { MeshSyncSpec } from '../api/meshsync.ts';
import { everyError } from '../api/validate.ts';
import { conditionTypes } from '../metacontroller/ready.ts';
import { metadataErrors } from './metadata.ts';
import { type Simulated, simulate, waits } from './render.ts';
import { inWords, type Place, type Resource, type Resources } from './resources.ts';

/** Something that is said of a resource, and where that stands. */
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

type Said = Pick<Finding, 'severity' | 'path' | 'reason' | 'message'>;

const checks: Record<Resource['kind'], Compiled<TSchema>> = {
  Broker: compiled(BrokerSpec),
  MeshSync: compiled(MeshSyncSpec),
};

/** Conditions that keep a resource from being followed when they are False. */
const decisive = ['SpecApplied', 'WatchListValid', 'BrokerResolved'];

/** Conditions that only speak of pods and addresses, which nothing is known of before there is a cluster. */
const later = ['Ready', 'Progressing', 'EndpointPublished', 'BrokerConnected', 'NamesAvailable'];

/**
 * Everything that `kubectl apply` and the hooks would say of resources, before they are applied. None of it is a credential.
 * @param namespace of resources that name none
 * @returns in the order of the resources
 */
export function findings(given: Pick<Resources, 'resources' | 'secrets'>, namespace: string, now: Date): Finding[] {
  const simulated = simulate(given, { mint: true, namespace, now: () => now });
  const owners = new Map<string, Simulated>();
  const found = simulated.map((one) => [one.resource, [...ofHook(one), ...collisions(one, owners)]] as const);
  const all = new Map<Resource, readonly Said[]>(found);
  return given.resources.flatMap((resource) => {
    const { place, kind, metadata } = resource;
    const about = { ...place, kind, namespace: metadata.namespace || namespace, name: metadata.name };
    return [...ofApply(resource, namespace), ...(all.get(resource) ?? [])].map(
      (what): Finding => ({ ...about, ...what }),
    );
  });
}

/** What the API server would refuse. */
function ofApply(resource: Resource, namespace: string): Said[] {
  const errors = [
    ...metadataErrors(resource, namespace),
    ...everyError(checks[resource.kind], resource.spec ?? {}, 'spec'),
  ];
  return errors.map((error) => ({ severity: 'error', ...error }));
}

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

/** What the conditions would say. */
function ofHook({ resource, response }: Simulated): Said[] {
  const { conditions = [] } = response.status as { conditions?: Condition[] };
  const refused = everyError(checks[resource.kind], resource.spec ?? {}, 'spec').length > 0;
  return conditions.flatMap((condition): Said[] => {
    const { type, status, reason, message } = condition;
    if (type === conditionTypes.paused) return [{ severity: 'warning', reason: type, message }];
    if (later.includes(type) || (status === 'True' && reason !== 'ValidWithWarnings')) return [];
    // The fields that are wrong have been named already.
    if (refused && reason === 'InvalidSpec') return [];
    const severity = decisive.includes(type) && status === 'False' && !waits(condition) ? 'error' : 'warning';
    return [{ severity, reason, ...withPath(message) }];
  });
}

/** Messages about a field begin with its path. */
function withPath(message: string): Pick<Finding, 'path' | 'message'> {
  const [, path, rest] = /^((?:spec|metadata)\.[^\s:]+):? (.*)$/s.exec(message) ?? [];
  return path && rest ? { path, message: rest } : { message };
}

/** Children that another resource makes too; and resources that are given twice, of which the last one would stay. */
function collisions(one: Simulated, owners: Map<string, Simulated>): Said[] {
  const { parent, response } = one;
  const said = (what: typeof parent, severity: Finding['severity']): Said[] => {
    const key = `${what.kind} ${what.metadata.namespace}/${what.metadata.name}`;
    const other = owners.get(key);
    if (!other) owners.set(key, one);
    return other
      ? [{ severity, path: 'metadata.name', message: `gives ${key}, as does ${other.resource.source}` }]
      : [];
  };
  const twice = said(parent, 'warning');
  if (twice.length > 0) return twice;
  return (response.children as (typeof parent)[]).flatMap((child) => said(child, 'error'));
}

/** A finding as a line for people. */
export function line(finding: Finding): string {
  const { severity, kind, name, path, reason, message } = finding;
  const about = path ? `${path} ` : reason ? `${reason}: ` : '';
  return `${inWords(finding)}: ${severity}: ${kind} ${name}: ${about}${message}`;
}
