import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { controllers } from '../controllers.ts';
import { encode } from '../kubernetes/secrets.ts';
import type { Controller } from '../metacontroller/controller.ts';
import { describe } from '../schema/validate.ts';
import { UsageError } from './errors.ts';
import { stringErrors, stringsOf } from './metadata.ts';
import type { Observation } from './sent-objects.ts';
import { readYaml } from './yaml.ts';

const Metadata = Type.Object({
  name: Type.String(),
  namespace: Type.Optional(Type.String()),
  // Checked by `metadataErrors`, as the name and the namespace are: that one resource is refused does not concern others.
  labels: Type.Optional(Type.Unknown()),
  annotations: Type.Optional(Type.Unknown()),
});

/** Schema of a resource of a controller, of any served version. */
function resourceSchema({ group, versions, kind }: Pick<Controller, 'group' | 'versions' | 'kind'>) {
  return Type.Object({
    apiVersion: Type.Union(versions.map((version) => Type.Literal<string>(`${group}/${version}`))),
    kind: Type.Literal(kind),
    metadata: Metadata,
    spec: Type.Optional(Type.Unknown()),
  });
}

/** A custom resource of a file, of the kind of one of the controllers. */
export type Resource = Static<ReturnType<typeof resourceSchema>>;

const SecretDocument = Type.Object({
  metadata: Metadata,
  data: Type.Optional(Type.Unknown()),
  stringData: Type.Optional(Type.Unknown()),
});

/** A Secret that a resource may refer to, with its data in base64. */
export interface GivenSecret {
  apiVersion: 'v1';
  kind: 'Secret';
  metadata: { name: string; namespace?: string };
  data: Record<string, string>;
}

/** Where something stands. */
export interface Place {
  file: string;
  /** Its number in the file, from 1; without one it is a resource of the cluster. */
  document?: number;
  /** Its number in a list, from 1. */
  item?: number;
}

/** A resource and where it stands, the latter also in words; one of the cluster has what its hook is sent. */
export type GivenResource = Resource & { place: Place; source: string; observed?: Observation };

/** The resources of some files, and what else stood there. */
export interface Resources {
  resources: GivenResource[];
  secrets: GivenSecret[];
  /** A line for each document of another kind. */
  skipped: string[];
}

/**
 * Reads the resources of some controllers from YAML or JSON files, and the Secrets among them; `-` is standard input. Lists
 * (`kind: List`) are opened.
 * @throws UsageError naming file, document and field of the first thing that can't be read
 */
export async function readResources(files: string[], list: readonly Controller[] = controllers): Promise<Resources> {
  const result: Resources = { resources: [], secrets: [], skipped: [] };
  for (const file of files) {
    for (const { value, place } of documents(await content(file), file)) add(value, place, list, result);
  }
  return result;
}

/**
 * The text of a file; `-` is standard input.
 * @throws UsageError when it can't be read
 */
export async function content(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : error}`);
  }
}

function documents(content: string, file: string): { value: unknown; place: Place }[] {
  return readYaml(content).map((document, index) => {
    const place: Place = { file: file === '-' ? 'standard input' : file, document: index + 1 };
    if ('error' in document) throw new UsageError(`${inWords(place)}: ${document.error}`);
    return { value: document.value, place };
  });
}

/** A place for people, as in `broker.yaml, document 2, item 1`. */
export function inWords({ file, document, item }: Place): string {
  if (document === undefined) return file;
  return `${file}, document ${document}${item === undefined ? '' : `, item ${item}`}`;
}

function add(value: unknown, place: Place, list: readonly Controller[], result: Resources): void {
  const source = inWords(place);
  if (value === null) return;
  if (isList(value)) {
    value.items.forEach((item, index) => {
      add(item, { ...place, item: index + 1 }, list, result);
    });
    return;
  }
  if (!isObject(value)) throw new UsageError(`${source}: is not a Kubernetes object`);
  if (value.apiVersion === 'v1' && value.kind === 'Secret') {
    result.secrets.push(secretOf(value, source));
    return;
  }
  const inGroup = list.filter(({ group }) => String(value.apiVersion).startsWith(`${group}/`));
  if (inGroup.length === 0) {
    const kinds = list.map(({ kind }) => kind).join(' nor ');
    result.skipped.push(`${source}: ${value.kind ?? 'an object without a kind'} is neither ${kinds}`);
    return;
  }
  const controller = inGroup.find(({ kind }) => kind === value.kind);
  if (!controller) throw new UsageError(`${source}: kind must be one of ${inGroup.map(({ kind }) => kind).join(', ')}`);
  const schema = resourceSchema(controller);
  const error = Value.Errors(schema, value).First();
  if (error) throw new UsageError(`${source}: ${error.path.slice(1).replaceAll('/', '.')} ${describe(error)}`);
  if (Value.Check(schema, value)) result.resources.push({ ...value, place, source });
}

function secretOf(value: unknown, source: string): GivenSecret {
  const error = Value.Errors(SecretDocument, value).First();
  if (error) throw new UsageError(`${source}: ${error.path.slice(1).replaceAll('/', '.')} ${describe(error)}`);
  const secret = Value.Parse(SecretDocument, value);
  const { data, stringData, metadata } = secret;
  const [wrong] = [
    ...stringErrors('metadata.labels', metadata.labels),
    ...stringErrors('metadata.annotations', metadata.annotations),
    ...stringErrors('data', data),
    ...stringErrors('stringData', stringData),
  ];
  if (wrong) throw new UsageError(`${source}: ${wrong.path} ${wrong.message}`);
  return asStored(secret);
}

/** With `stringData` where the API server would put it. */
function asStored({ metadata, data, stringData }: Static<typeof SecretDocument>): GivenSecret {
  const { name, namespace } = metadata;
  const plain = Object.entries(stringsOf(stringData) ?? {}).map(([key, value]) => [key, encode(value)]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, ...(namespace && { namespace }) },
    data: { ...stringsOf(data), ...Object.fromEntries(plain) },
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is { items: unknown[] } {
  return isObject(value) && value.kind === 'List' && Array.isArray(value.items);
}
