import type { ReservedNames } from '../kubernetes/containers.ts';
import { podLabelKeys } from './labels.ts';

/** Port of MeshSync for its probes. */
export const MESHSYNC_PORT = 11_000;

/** Names that the operator uses in MeshSync pods, whatever the spec. */
export const reserved: ReservedNames = {
  labels: podLabelKeys,
  containers: ['meshsync'],
  volumes: ['home', 'broker-ca'],
  mountable: ['home'],
  env: {
    BROKER_URL: 'spec.broker',
    NATS_TOKEN: 'spec.broker',
    BROKER_CREDENTIALS: 'spec.broker',
    SSL_CERT_DIR: 'spec.broker',
    DEBUG: 'spec.debug',
    MESHSYNC_REDACT_SECRETS: 'spec.redactSecrets',
    MESHSYNC_BROKER_CONTENT_DEDUP: 'spec.contentDeduplication',
    HOME: '',
    USER: '',
  },
  mountPaths: ['/home/nonroot', '/etc/meshery/broker-ca'],
};
