import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { describe } from '../api/validate.ts';
import { encode } from '../kubernetes/secrets.ts';
import { UsageError } from './errors.ts';
import { stringErrors, stringsOf } from './metadata.ts';
import { readYaml } from './yaml.ts';

/** A Broker or MeshSync of a file. */
export const Resource = Type.Object({
  apiVersion: Type.String({ pattern: '^meshery\\.io/v1alpha[12]$' }),
  kind: Type.Union([Type.Literal('Broker'), Type.Literal('MeshSync')]),
  metadata: Type.Object({
    name: Type.String(),
    namespace: Type.Optional(Type.String()),
    // Checked by `metadataErrors`, as the name and the namespace are: that one resource is refused does not concern others.
    labels: Type.Optional(Type.Unknown()),
    annotations: Type.Optional(Type.Unknown()),
  }),
  spec: Type.Optional(Type.Unknown()),
});
export type Resource = Static<typeof Resource>;

const SecretDocument = Type.Object({
  metadata: Resource.properties.metadata,
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
  /** Its number in the file, from 1. */
  document: number;
  /** Its number in a list, from 1. */
  item?: number;
}

/** A resource and where it stands, the latter also in words. */
export type GivenResource = Resource & { place: Place; source: string };

/** The resources of some files, and what else stood there. */
export interface Resources {
  resources: GivenResource[];
  secrets: GivenSecret[];
  /** A line for each document of another kind. */
  skipped: string[];
}

/**
 * Reads the Brokers and MeshSyncs of YAML or JSON files, and the Secrets among them; `-` is standard input. Lists
 * (`kind: List`) are opened.
 * @throws UsageError naming file, document and field of the first thing that can't be read
 */
export async function readResources(files: string[]): Promise<Resources> {
  const result: Resources = { resources: [], secrets: [], skipped: [] };
  for (const file of files) {
    for (const { value, place } of documents(await content(file), file)) add(value, place, result);
  }
  return result;
}

async function content(file: string): Promise<string> {
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
  return `${file}, document ${document}${item === undefined ? '' : `, item ${item}`}`;
}

function add(value: unknown, place: Place, result: Resources): void {
  const source = inWords(place);
  if (value === null) return;
  if (isList(value)) {
    value.items.forEach((item, index) => {
      add(item, { ...place, item: index + 1 }, result);
    });
    return;
  }
  if (!isObject(value)) throw new UsageError(`${source}: is not a Kubernetes object`);
  if (value.apiVersion === 'v1' && value.kind === 'Secret') {
    result.secrets.push(secretOf(value, source));
    return;
  }
  if (!String(value.apiVersion).startsWith('meshery.io/')) {
    result.skipped.push(`${source}: ${value.kind ?? 'an object without a kind'} is neither Broker nor MeshSync`);
    return;
  }
  const error = Value.Errors(Resource, value).First();
  if (error) throw new UsageError(`${source}: ${error.path.slice(1).replaceAll('/', '.')} ${describe(error)}`);
  if (Value.Check(Resource, value)) result.resources.push({ ...value, place, source });
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
