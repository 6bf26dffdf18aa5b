import { Value } from '@sinclair/typebox/value';
import { stringify } from 'yaml';
import { decode, encode } from '../broker/credentials.ts';
import { TLS_KEYS } from '../broker/references.ts';
import { BrokerSyncRequest } from '../broker/request.ts';
import { syncBroker } from '../broker/sync.ts';
import { MeshSyncSyncRequest } from '../meshsync/request.ts';
import { syncMeshSync } from '../meshsync/sync.ts';
import type { SyncContext } from '../metacontroller/context.ts';
import type { SyncResponse } from '../metacontroller/envelope.ts';
import { mintToken } from '../mint.ts';
import { observedSecrets, type SentObjects, type SentParent } from './cluster.ts';
import type { GivenResource, GivenSecret, Resource, Resources } from './resources.ts';

/** Stands where the cluster gets a random value. */
const PLACEHOLDER = 'PLACEHOLDER-made-in-the-cluster';

/** What `render` does besides printing. */
export interface RenderOptions {
  /** Make random credentials instead of placeholders. */
  mint: boolean;
  /** Namespace of resources that name none. */
  namespace: string;
  /** As the service has it. */
  imageRegistry?: string;
  now: () => Date;
}

/** The outcome of rendering. */
export interface Rendering {
  /** YAML: for each resource its children, then itself with its status. */
  yaml: string;
  /** A line for each resource that is refused or waits for something. */
  notes: { source: string; refused: boolean; text: string }[];
}

/**
 * The children and the status that the hooks give for resources that are new to a cluster. Brokers come first, so that
 * MeshSyncs find theirs whatever the order of the files; Secrets among the files are those that they refer to.
 */
export function render(
  { resources, secrets }: Pick<Resources, 'resources' | 'secrets'>,
  options: RenderOptions,
): Rendering {
  const documents: string[] = [];
  const notes: Rendering['notes'] = [];
  for (const { resource, parent, response } of simulate({ resources, secrets }, options)) {
    documents.push(...response.children.map((child) => document(options.mint ? child : readable(child))));
    const { name, namespace } = parent.metadata;
    documents.push(document({ ...parent, metadata: { name, namespace }, status: response.status }));
    const note = problem(response);
    if (note) notes.push({ source: resource.source, ...note });
  }
  return { yaml: documents.join('---\n'), notes };
}

/** A resource with what the hook of its kind answers when it has just been made. */
export interface Simulated {
  resource: GivenResource;
  parent: SentParent;
  response: SyncResponse;
}

/** Asks the hooks about resources as if they had all just been made, Brokers first. */
export function simulate(
  { resources, secrets }: Pick<Resources, 'resources' | 'secrets'>,
  options: RenderOptions,
): Simulated[] {
  const { imageRegistry } = options;
  const context: SyncContext = {
    now: options.now,
    mintToken: options.mint ? mintToken : () => PLACEHOLDER,
    ...(imageRegistry && { imageRegistry }),
  };
  const related: SentObjects = { 'Secret.v1': givenSecrets(secrets, options) };
  const byKind = (kind: Resource['kind']) => resources.filter((resource) => resource.kind === kind);
  const all = [...byKind('Broker'), ...byKind('MeshSync')].map((resource, index) => ({
    resource,
    parent: asParent(resource, index, options.namespace),
  }));
  for (const { resource, parent } of all) {
    if (resource.kind !== 'MeshSync') continue;
    const key = `${parent.metadata.namespace}/${parent.metadata.name}`;
    related['MeshSync.meshery.io/v1alpha2'] = { ...related['MeshSync.meshery.io/v1alpha2'], [key]: parent };
  }
  return all.map(({ resource, parent }) => {
    const response = sync(parent, related, context);
    if (resource.kind === 'Broker') remember(parent, response, related);
    return { resource, parent, response };
  });
}

/** Secrets as hooks are sent them; without `mint`, what is a credential and no certificate is a placeholder. */
function givenSecrets(secrets: GivenSecret[], { mint, namespace }: RenderOptions): Record<string, object> {
  const entries = secrets.map((secret) => {
    const { name, namespace: own = namespace } = secret.metadata;
    const data = Object.entries(secret.data).map(([key, value]) => {
      const shown = mint || Object.values<string>(TLS_KEYS).includes(key) ? value : encode(PLACEHOLDER);
      return [key, shown];
    });
    return [`${own}/${name}`, { ...secret, metadata: { name, namespace: own }, data: Object.fromEntries(data) }];
  });
  return Object.fromEntries(entries);
}

/** A resource as a hook is sent it when it has just been made. */
export function asParent({ apiVersion, kind, metadata, spec }: Resource, index: number, namespace: string): SentParent {
  return {
    apiVersion,
    kind,
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace ?? namespace,
      uid: `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`,
      generation: 1,
    },
    spec: spec ?? {},
  };
}

function sync(parent: SentParent, related: SentObjects, context: SyncContext): SyncResponse {
  const request: unknown = { parent, children: {}, related };
  if (Value.Check(BrokerSyncRequest, request)) return syncBroker(request, context);
  return syncMeshSync(Value.Decode(MeshSyncSyncRequest, request), context);
}

/** Keeps a Broker and its children for the MeshSyncs that refer to it. */
function remember(parent: SentParent, response: SyncResponse, related: SentObjects): void {
  const key = `${parent.metadata.namespace}/${parent.metadata.name}`;
  const brokers = { ...related['Broker.meshery.io/v1alpha2'], [key]: parent };
  const secrets = { ...related['Secret.v1'], ...observedSecrets(parent, response.children) };
  Object.assign(related, { 'Broker.meshery.io/v1alpha2': brokers, 'Secret.v1': secrets });
}

/** A Secret with its values in plain text, as placeholders are to be seen; anything else as it is. */
function readable(child: object): object {
  if (!('kind' in child && child.kind === 'Secret' && 'data' in child)) return child;
  const { data, ...rest } = child as { data: Record<string, string> };
  return { ...rest, stringData: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, decode(value)])) };
}

function document(object: object): string {
  return stringify(object, { lineWidth: 0, aliasDuplicateObjects: false });
}

function problem({ status }: SyncResponse): { refused: boolean; text: string } | undefined {
  const { conditions = [] } = status as {
    conditions?: { type: string; status: string; reason: string; message: string }[];
  };
  const found = conditions.find(
    ({ type, status }) => ['SpecApplied', 'WatchListValid', 'BrokerResolved'].includes(type) && status === 'False',
  );
  return found && { refused: !waits(found), text: `${found.reason}: ${found.message}` };
}

/** Whether a condition may well turn out otherwise in a cluster, where there is more than among the files. */
export function waits({ type, reason }: { type: string; reason: string }): boolean {
  const lasting = ['BrokerNotSpecified', 'ClientCertificateRequired', 'SecretInvalid'];
  return (type === 'BrokerResolved' && !lasting.includes(reason)) || reason === 'SecretNotFound';
}
