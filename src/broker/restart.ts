import { checksum } from '../kubernetes/checksum.ts';
import { bytes } from '../schema/quantity.ts';
import type { OwnSecrets, ServerCredentials } from './credentials.ts';
import type { Broker } from './spec.ts';

/** Annotation of the pods that changes with settings that NATS takes up only when it starts. */
export const RESTART_ANNOTATION = 'meshery.io/config-checksum';

/**
 * A checksum of the settings that NATS takes up only when it starts; `undefined` where there are none, so that it rolls no
 * pods that have none. It reveals nothing of the credentials among them, since the route password is random.
 */
export function restartChecksum(broker: Broker, credentials: ServerCredentials): string | undefined {
  const { jetStream, leafNodes, webSocket, users, routesSecret, tls, size, merge, clusterName } = broker;
  const { own, encryption, routePassword } = credentials;
  const settings = {
    ...(jetStream?.domain && { domain: jetStream.domain }),
    ...(jetStream?.maxOutstandingCatchup && { catchup: String(bytes(jetStream.maxOutstandingCatchup)) }),
    ...(jetStream?.fileStore && encryption && { encryption: encryption.current, cipher: jetStream.cipher }),
    ...(leafNodes && { leafNodes, clusterName, leafUsers: own.leafUsers, remotes: own.remotes.map(fixed) }),
    ...(webSocket && { webSocket }),
    ...(users.length > 0 && { hasUsers: true }),
    ...(routesSecret && size > 1 && { hasRouteCertificates: true }),
    ...(tls?.monitor && { monitor: true }),
    ...(merge.restart.length > 0 && { merge: merge.restart }),
  };
  if (Object.keys(settings).length === 0) return undefined;
  return checksum(`${routePassword}\n${JSON.stringify(settings)}`);
}

/** What of a hub is read once; its certificates are reloaded, and a credentials file is read for each connection. */
function fixed({ password, credentials, tls = {} }: OwnSecrets['remotes'][number]) {
  return { password, hasCredentials: credentials !== undefined, certificates: Object.keys(tls) };
}
