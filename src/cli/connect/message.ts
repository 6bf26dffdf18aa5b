import { type Static, Type } from '@sinclair/typebox';
import { compiled } from '../../schema/compiled.ts';
import { printable } from '../foreign-text.ts';

/** What is shown of a message. Not the object itself: it may be a Secret. */
export interface Entry {
  /** When it was received. */
  time: string;
  subject: string;
  bytes: number;
  /** Of MeshSync's messages: ADDED, MODIFIED or DELETED. */
  event?: string;
  kind?: string;
  namespace?: string;
  name?: string;
}

/** A message of MeshSync, with the fields that are shown. */
const MeshSyncMessage = Type.Object({
  EventType: Type.String(),
  Object: Type.Object({
    kind: Type.Optional(Type.String()),
    metadata: Type.Optional(
      Type.Object({ name: Type.Optional(Type.String()), namespace: Type.Optional(Type.String()) }),
    ),
  }),
});
const isOfMeshSync = compiled(MeshSyncMessage);

/** Reads a message, whether it is one of MeshSync or any other. */
export function entryOf(subject: string, data: Uint8Array, received: Date): Entry {
  const base = { time: received.toISOString(), subject: printable(subject), bytes: data.length };
  const message = parsed(data);
  if (!message) return base;
  const { EventType: event, Object: object } = message;
  const { name, namespace } = object.metadata ?? {};
  return {
    ...base,
    event: printable(event),
    ...(object.kind && { kind: printable(object.kind) }),
    ...(namespace && { namespace: printable(namespace) }),
    ...(name && { name: printable(name) }),
  };
}

/** A message as one line. */
export function entryLine({ time, subject, bytes, event, kind = 'object', namespace, name = '' }: Entry): string {
  if (event === undefined) return `${time}  ${subject}  ${bytes} bytes`;
  return `${time}  ${event.padEnd(8)}  ${kind} ${namespace ? `${namespace}/` : ''}${name}`.trimEnd();
}

function parsed(data: Uint8Array): Static<typeof MeshSyncMessage> | undefined {
  try {
    const message: unknown = JSON.parse(new TextDecoder().decode(data));
    return isOfMeshSync.Check(message) ? message : undefined;
  } catch {
    return undefined;
  }
}
