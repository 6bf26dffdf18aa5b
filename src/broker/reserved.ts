import type { ReservedNames } from '../kubernetes/containers.ts';
import { podLabelKeys } from './labels.ts';

/** Names that the operator uses in broker pods, whatever the spec. */
export const reserved: ReservedNames = {
  labels: podLabelKeys,
  containers: ['nats', 'reloader', 'users', 'users-reloader', 'prom-exporter'],
  volumes: ['config', 'pid', 'tls', 'tls-routes', 'tls-leafnodes', 'tls-websocket', 'data'],
  mountable: ['config', 'pid'],
  env: {
    POD_NAME: '',
    ENCRYPTION_KEY: 'spec.jetstream.encryptionKeySecretRef',
    PREVIOUS_ENCRYPTION_KEY: 'spec.jetstream.encryptionKeySecretRef',
  },
  mountPaths: [
    ...['/etc/nats-config', '/var/run/nats', '/data'],
    ...['/etc/nats-certs', '/etc/nats-certs-routes', '/etc/nats-certs-leafnodes', '/etc/nats-certs-websocket'],
  ],
};
