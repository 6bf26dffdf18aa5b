import { Type } from '@sinclair/typebox';
import { brokerDefaults } from '../api/broker.ts';
import { API_VERSION } from '../api/group.ts';
import { type Observed, observed, resourceKind } from '../metacontroller/object.ts';

// What clients of a Broker rely on: MeshSync, the command line and Meshery Server.

/** Names of a broker's children. */
export interface BrokerNames {
  /** The client Service, the StatefulSet, the PodDisruptionBudget and the NetworkPolicy; also the value of the instance label. */
  nats: string;
  headless: string;
  /** The Service for clients outside the cluster, where that is not the client Service. */
  external: string;
  config: string;
  /** The Secret that clients read. */
  auth: string;
  /** The Secret that only the servers read. */
  server: string;
}

/**
 * The names for a Broker called `name`: one called `X-broker` owns `X-nats…`, any other `Y` owns `Y-nats…`. So
 * `meshery-broker` has the names that Meshery Server expects.
 */
export function brokerNames(name: string): BrokerNames {
  const base = /^(.+)-broker$/.exec(name)?.[1] ?? name;
  const nats = `${base}-nats`;
  return {
    nats,
    headless: `${nats}-headless`,
    external: `${nats}-external`,
    config: `${nats}-config`,
    auth: `${nats}-auth`,
    server: `${nats}-server`,
  };
}

/** Keys of the auth Secret that clients read. */
export const AUTH_KEYS = {
  /** What clients present to connect; Meshery Server reads it by this name. */
  token: 'token',
  /** The URL for clients in the cluster, where it differs from `defaultUrl`. */
  url: 'url',
  /** CA certificates that clients must trust, in PEM; only with TLS. */
  ca: 'ca.crt',
} as const;

/** Whether a credential needs no escaping: not empty and without characters that are special in a URL or in nats.conf. */
export function isUsable(credential: string): boolean {
  return SAFE.test(credential);
}

/**
 * Characters that are not special in the user part of a URL (RFC 3986, unreserved) and in a quoted string of nats.conf, where
 * credentials are used.
 */
const SAFE = /^[A-Za-z0-9._~-]+$/;

/** Default port of the client Service. */
export const CLIENT_PORT = brokerDefaults.port;

/** DNS name of a client Service, independent of its address. Without the cluster domain, which differs between clusters. */
export function brokerHost(serviceName: string, namespace: string): string {
  return `${serviceName}.${namespace}.svc`;
}

/** The URL of a broker whose auth Secret has none. */
export function defaultUrl(serviceName: string, namespace: string): string {
  return `nats://${brokerHost(serviceName, namespace)}:${CLIENT_PORT}`;
}

/** A Broker as a related object, with the fields that are read. */
export const brokerKind = resourceKind(
  API_VERSION,
  'Broker',
  'brokers',
  observed({
    spec: Type.Optional(
      Type.Object({
        tls: Type.Optional(
          Type.Object({ verify: Type.Optional(Type.Unknown()), monitor: Type.Optional(Type.Unknown()) }),
        ),
      }),
    ),
    status: Type.Optional(
      Type.Object({
        endpoint: Type.Optional(Type.Object({ internal: Type.Optional(Type.String()) })),
        conditions: Type.Optional(
          Type.Array(Type.Object({ type: Type.String(), status: Type.String(), reason: Type.Optional(Type.String()) })),
        ),
      }),
    ),
  }),
);
export type ObservedBroker = Observed<typeof brokerKind>;
