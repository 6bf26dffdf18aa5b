import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { ClusterError } from '../errors.ts';
import { type ApiResource, ClusterObject, type Connection, type Selection } from './connection.ts';

/** What the API server was asked for, or why it gave nothing: for a command that goes on where a right is missing. */
export type Answer<Type> = { value: Type } | { missing: string };

/**
 * Asks for something that may be refused.
 * @throws ClusterError when there is no API server at all
 */
export async function ask<Type>(what: () => Promise<Type>): Promise<Answer<Type>> {
  try {
    return { value: await what() };
  } catch (error) {
    if (!(error instanceof ClusterError) || error.status === undefined) throw error;
    return { missing: error.message };
  }
}

/** An answer of the API server, `undefined` where it does not know what is asked for. */
export async function unlessMissing<Found>(answer: Promise<Found>): Promise<Found | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ClusterError && error.status === 404) return undefined;
    throw error;
  }
}

/** A list that is empty where the API server does not know the resource. */
export async function listIfServed(
  connection: Connection,
  of: ApiResource,
  where?: Selection,
): Promise<ClusterObject[]> {
  return (await unlessMissing(connection.list(of, where))) ?? [];
}

/** An answer that needs several: the first that is missing stands for all. */
export function both<One, Other>(one: Answer<One>, other: Answer<Other>): Answer<[One, Other]> {
  if ('missing' in one) return one;
  if ('missing' in other) return other;
  return { value: [one.value, other.value] };
}

/** A schema of an object: its metadata and the fields that are read. */
export function clusterObject<Fields extends Record<string, TSchema>>(fields: Fields) {
  return Type.Object({ ...ClusterObject.properties, ...fields });
}

/**
 * An object by the schema of what is read of it; all other fields are kept.
 * @throws ClusterError when the API server has sent something else
 */
export function read<Schema extends TSchema>(schema: Schema, object: unknown): Static<Schema> {
  if (Value.Check(schema, object)) return object;
  const error = Value.Errors(schema, object).First();
  throw new ClusterError(`the API server sent an object with an unexpected ${error?.path.slice(1)}`, 200);
}

/** The same for an object that may not exist. */
export function readIfAny<Schema extends TSchema>(schema: Schema, object: unknown): Static<Schema> | undefined {
  return object === undefined ? undefined : read(schema, object);
}

/** Does something with each item, some of them at a time, and returns the results in their order. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = [...items.entries()];
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
