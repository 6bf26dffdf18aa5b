import type { ObservedSecret, ObservedStatefulSet } from '../kubernetes/kinds.ts';
import type { BrokerProblem } from './conditions.ts';
import {
  type Credentials,
  ENCRYPTION_KEYS,
  type EncryptionKeys,
  lastEncryption,
  nextEncryption,
  type ServerCredentials,
} from './credentials.ts';
import { hasPersistentStore } from './jetstream.ts';
import type { References } from './references.ts';
import { RESTART_ANNOTATION, restartChecksum } from './restart.ts';
import type { Broker } from './spec.ts';

/** The credentials with the keys that streams are encrypted with, and the change of the key that is deferred. */
export function withEncryption(
  broker: Broker,
  generated: Credentials,
  references: Pick<References, 'own' | 'encryptionKey'>,
  { server, statefulSet }: { server: ObservedSecret | undefined; statefulSet: ObservedStatefulSet | undefined },
): { credentials: ServerCredentials; deferredChange?: BrokerProblem } {
  const { encryptionKey } = references;
  // Hubs that are not applied yet have no files.
  const own = broker.leafNodes?.remotes.length ? references.own : { ...references.own, remotes: [] };
  const last = lastEncryption(server);
  const before: ServerCredentials = { ...generated, own, ...(last && { encryption: last }) };
  const restart = restartChecksum(broker, before);
  const { jetStream, size } = broker;
  const encryption = jetStream?.fileStore?.inMemory
    ? ephemeral(encryptionKey)
    : nextEncryption(last, encryptionKey, size === 1 && isStarted(statefulSet, restart));
  const deferredChange = deferred(broker, encryption?.current, encryptionKey);
  return {
    credentials: { ...generated, own, ...(encryption && { encryption }) },
    ...(deferredChange && { deferredChange }),
  };
}

/** The key of streams that end with their pods: no earlier one is needed to read them. */
function ephemeral(current: string | undefined): EncryptionKeys | undefined {
  return current === undefined ? undefined : { current };
}

/** Whether all pods run with the settings of a checksum. */
function isStarted(observed: ObservedStatefulSet | undefined, restart: string | undefined): boolean {
  if (!observed) return false;
  const { observedGeneration = 0, replicas = 0, readyReplicas = 0, updatedReplicas = 0 } = observed.status ?? {};
  return (
    observed.spec.template?.metadata?.annotations?.[RESTART_ANNOTATION] === restart &&
    observedGeneration >= (observed.metadata.generation ?? 0) &&
    replicas > 0 &&
    replicas === observed.spec.replicas &&
    updatedReplicas === replicas &&
    readyReplicas === replicas
  );
}

function deferred(
  { jetStream, names, namespace, size }: Broker,
  used: string | undefined,
  desired: string | undefined,
): BrokerProblem | undefined {
  if (!hasPersistentStore(jetStream) || used === undefined || used === desired) return undefined;
  const path = 'spec.jetstream.encryptionKeySecretRef';
  if (desired !== undefined && size > 1) {
    const message = `${path}: the key can't be replaced, since servers of a cluster do not start with another one. The last one is still used; put it back into the Secret. For a new key, create another Broker.`;
    return { reason: 'ImmutableField', message };
  }
  if (desired !== undefined) {
    const message = `${path}: the new key is used as soon as the server runs with the last one, since NATS can't read streams that are encrypted with an older one.`;
    return { reason: 'KeyPending', message };
  }
  const message = `${path} can't be removed: NATS can't read encrypted streams without their key, so the last one is still used. Set it again. Or back the streams up (nats account backup), delete them, then remove the key: kubectl patch secret ${names.server} -n ${namespace} --type json -p '[{"op":"remove","path":"/data/${ENCRYPTION_KEYS.current}"}]'.`;
  return { reason: 'StreamsWouldBeLost', message };
}
