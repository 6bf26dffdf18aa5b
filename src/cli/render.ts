import { Value } from '@sinclair/typebox/value';
import type { OperatorSettings, SyncContext } from '../api/context.ts';
import { isCredentialsFile, isPublicUserKey, placeholderFile } from '../broker/nkeys.ts';
import { controllers } from '../controllers.ts';
import { kinds } from '../kubernetes/kinds.ts';
import { decode, encode, TLS_KEYS } from '../kubernetes/secrets.ts';
import type { Controller } from '../metacontroller/controller.ts';
import { sync } from '../metacontroller/lifecycle.ts';
import type { SyncResponse } from '../metacontroller/response.ts';
import { generateToken } from '../server/generate-token.ts';
import { withoutCredentials } from './foreign-text.ts';
import { metadataErrors, stringsOf } from './metadata.ts';
import type { GivenResource, GivenSecret, Resource, Resources } from './resources.ts';
import { observedSecrets, type SentObjects, type SentParent } from './sent-objects.ts';
import { printYaml } from './yaml.ts';

/** Stands where the cluster gets a random value. */
const PLACEHOLDER = 'PLACEHOLDER-made-in-the-cluster';

/** What `render` does besides printing. */
export interface RenderOptions extends OperatorSettings {
  /** Generate random credentials instead of placeholders. */
  mint: boolean;
  /** Namespace of resources that name none. */
  namespace: string;
  now: () => Date;
  /** Default: those of the operator. */
  controllers?: readonly Controller<SyncContext>[];
}

/** The outcome of rendering. */
export interface Rendering {
  /** YAML: for each resource its children, then itself with its status. */
  yaml: string;
  /** A line for each resource that is refused, waits for something or is paused. */
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
  const notes: Rendering['notes'] = resources.flatMap((resource) =>
    metadataErrors(resource, options.namespace).map(({ path, message }) => ({
      source: resource.source,
      refused: true,
      text: `${path} ${message}`,
    })),
  );
  for (const one of simulate({ resources, secrets }, options)) {
    const { resource, parent, response } = one;
    const isLive = resource.observed !== undefined;
    const shown = isLive ? withoutValues : options.mint ? (child: object) => child : readable;
    documents.push(...response.children.map((child) => printYaml(shown(child))));
    const { uid: _uid, generation: _generation, creationTimestamp: _time, ...metadata } = parent.metadata;
    const own = printYaml({ ...parent, metadata, status: response.status });
    // A file is printed to whoever has it; a URL in the cluster may have a password that only a Secret should show.
    documents.push(isLive ? withoutCredentials(own) : own);
    const note = problemOf(one);
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

/**
 * Syncs resources as if they had all just been created, in the order of the controllers: Brokers first. Those whose metadata the API server
 * would refuse are left out.
 */
export function simulate(
  { resources, secrets }: Pick<Resources, 'resources' | 'secrets'>,
  options: RenderOptions,
): Simulated[] {
  const {
    imageRegistry,
    imageRegistryLibrary,
    commonMetadata,
    securityContext,
    controllers: list = controllers,
  } = options;
  const context: SyncContext = {
    now: options.now,
    generateToken: options.mint ? generateToken : () => PLACEHOLDER,
    ...(imageRegistry && { imageRegistry }),
    ...(imageRegistryLibrary && { imageRegistryLibrary }),
    ...(commonMetadata && { commonMetadata }),
    ...(securityContext && { securityContext }),
  };
  const related: SentObjects = { [kinds.secret.key]: givenSecrets(secrets, options) };
  const valid = resources.filter((resource) => metadataErrors(resource, options.namespace).length === 0);
  const all = list
    .flatMap((controller) =>
      valid.filter(({ kind }) => kind === controller.kind).map((resource) => ({ controller, resource })),
    )
    .map((one, index) => ({
      ...one,
      parent: one.resource.observed?.parent ?? asParent(one.resource, index, options.namespace),
    }));
  for (const { controller, parent } of all) {
    const key = `${controller.kind}.${controller.apiVersion}`;
    related[key] = { ...related[key], [`${parent.metadata.namespace}/${parent.metadata.name}`]: parent };
  }
  return all.map(({ controller, resource, parent }) => {
    const { children = {}, related: observed = {} } = resource.observed ?? {};
    const body: unknown = { parent, children, related: together(observed, related) };
    const response = sync(controller, Value.Decode(controller.bodies.sync, body), context);
    // The Secrets of a Broker are there for the MeshSyncs that refer to it.
    related[kinds.secret.key] = { ...related[kinds.secret.key], ...observedSecrets(parent, response.children) };
    return { resource, parent, response };
  });
}

/** What the cluster has, and what is given besides or in its place. */
function together(observed: SentObjects, given: SentObjects): SentObjects {
  const keys = [...new Set([...Object.keys(observed), ...Object.keys(given)])];
  return Object.fromEntries(keys.map((key) => [key, { ...observed[key], ...given[key] }]));
}

/** What stands for a value. A public key is none that needs it; a file is recognized by its form. */
function placeholderFor(value: string): string {
  if (isPublicUserKey(value)) return value;
  return isCredentialsFile(value) ? placeholderFile(PLACEHOLDER) : PLACEHOLDER;
}

/** Secrets as hooks receive them; without `mint`, everything but certificates and their keys is a placeholder. */
function givenSecrets(secrets: GivenSecret[], { mint, namespace }: RenderOptions): Record<string, object> {
  const entries = secrets.map((secret) => {
    const { name, namespace: own = namespace } = secret.metadata;
    const data = Object.entries(secret.data).map(([key, value]) => {
      const isPlain = mint || Object.values<string>(TLS_KEYS).includes(key);
      return [key, isPlain ? value : encode(placeholderFor(decode(value)))];
    });
    return [`${own}/${name}`, { ...secret, metadata: { name, namespace: own }, data: Object.fromEntries(data) }];
  });
  return Object.fromEntries(entries);
}

/** A resource as a hook is sent it when it has just been created. */
export function asParent({ apiVersion, kind, metadata, spec }: Resource, index: number, namespace: string): SentParent {
  const [labels, annotations] = [stringsOf(metadata.labels), stringsOf(metadata.annotations)];
  return {
    apiVersion,
    kind,
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace || namespace,
      uid: `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`,
      generation: 1,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
    },
    spec: spec ?? {},
  };
}

/** A Secret with its values in plain text, as placeholders are to be seen; anything else as it is. */
function readable(child: object): object {
  if (!('kind' in child && child.kind === 'Secret' && 'data' in child)) return child;
  const { data, ...rest } = child as { data: Record<string, string> };
  const values = Object.entries(data).map(([key, value]) => [key, decode(value).replace(PRIVATE_KEY, PLACEHOLDER)]);
  return { ...rest, stringData: Object.fromEntries(values) };
}

/** A key that a child has a copy of, as for the leaf nodes of another cluster. */
const PRIVATE_KEY = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]*?-----END \1PRIVATE KEY-----/g;

/** A Secret without its values; anything else as it is. */
export function withoutValues(child: object): object {
  if (!('kind' in child && child.kind === 'Secret' && 'data' in child)) return child;
  return { ...child, data: Object.fromEntries(Object.keys(child.data ?? {}).map((key) => [key, MASK])) };
}

/** Stands for a value of a Secret. */
const MASK = '********';

/** Conditions that keep the service from following a resource while they are False; only a cluster has names that are taken. */
export function decisiveConditions(isLive: boolean): string[] {
  return ['SpecApplied', 'WatchListValid', 'BrokerResolved', ...(isLive ? ['NamesAvailable'] : [])];
}

/** Why the service does not follow a resource, `undefined` where it does; `refused` unless that ends by itself. */
export function problemOf({ resource, response }: Simulated): { refused: boolean; text: string } | undefined {
  const isLive = resource.observed !== undefined;
  const { conditions = [] } = response.status;
  const paused = conditions.find(({ type }) => type === 'ReconciliationPaused');
  if (paused) return { refused: false, text: `${paused.type}: nothing is rendered. ${paused.message}` };
  const found = conditions.find(({ type, status }) => decisiveConditions(isLive).includes(type) && status === 'False');
  return found && { refused: isLive || !isTransient(found), text: `${found.reason}: ${found.message}` };
}

/** Whether a condition may turn out otherwise in a cluster, where there is more than among the files. */
export function isTransient({ type, reason }: { type: string; reason: string }): boolean {
  const lasting = ['BrokerNotSpecified', 'ClientCertificateRequired', 'MonitorEncrypted', 'SecretInvalid'];
  return (type === 'BrokerResolved' && !lasting.includes(reason)) || reason === 'SecretNotFound';
}
