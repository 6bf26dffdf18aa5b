import { type Static, Type } from '@sinclair/typebox';
import { commonStatus, DNS_LABEL_OR_EMPTY, DNS_SUBDOMAIN_OR_EMPTY, IMAGE_TAG_OR_EMPTY, StringMap } from './schema.ts';

/** What an absent field of `MeshSync.spec` means. */
export const meshSyncDefaults = {
  size: 1,
  /** Tag of the `meshery/meshsync` image; not persisted by the CRD, so that an upgrade of the operator can move it. */
  version: '1.0.3',
  repository: 'meshery/meshsync',
} as const;

const NativeBroker = Type.Object(
  {
    name: Type.Optional(
      Type.String({ description: 'Name of the Broker.', maxLength: 253, pattern: DNS_SUBDOMAIN_OR_EMPTY }),
    ),
    namespace: Type.Optional(
      Type.String({
        description: 'Namespace of the Broker. Default: the namespace of the MeshSync.',
        maxLength: 63,
        pattern: DNS_LABEL_OR_EMPTY,
      }),
    ),
  },
  { description: 'A Broker in this cluster. Without a name it counts as absent; with one it goes before custom.' },
);

const CustomBroker = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        description:
          'URL of the NATS server; nats:// is put before it when it names no scheme. Without a url it counts as absent.',
        maxLength: 2048,
        pattern: '^\\S*$',
      }),
    ),
  },
  { description: 'A NATS server that no Broker resource stands for.' },
);

/** Shaped like a v1 ConfigMap, since Meshery's clients write one here. */
const WatchList = Type.Object(
  {
    apiVersion: Type.Optional(Type.String({ description: 'v1, as of a ConfigMap. Not read.' })),
    kind: Type.Optional(Type.String({ description: 'ConfigMap. Not read.' })),
    metadata: Type.Optional(Type.Object({}, { description: 'Metadata, as of a ConfigMap. Not read.' })),
    data: Type.Optional(
      StringMap({
        description:
          'whitelist: JSON list of {"Resource":"pods.v1.","Events":["ADDED","MODIFIED","DELETED"]}; or blacklist: JSON list of "secrets.v1.". A resource is plural.version.group, the group empty for core. One of the two.',
      }),
    ),
    binaryData: Type.Optional(
      Type.Record(Type.String(), Type.String({ description: 'Base64.', format: 'byte' }), {
        description: 'Binary data, as of a ConfigMap. Not read.',
      }),
    ),
    immutable: Type.Optional(Type.Boolean({ description: 'As of a ConfigMap. Not read.' })),
  },
  { description: 'What MeshSync watches. Default: its built-in set. A change restarts MeshSync.' },
);

/** `MeshSync.spec` as a person writes it: every field optional. */
export const MeshSyncSpec = Type.Object(
  {
    size: Type.Optional(
      Type.Integer({
        description: 'Number of MeshSync pods. More than one publish everything more than once.',
        format: 'int32',
        minimum: 1,
        maximum: 10,
        default: meshSyncDefaults.size,
      }),
    ),
    version: Type.Optional(
      Type.String({
        description: `Tag of the meshery/meshsync image, optionally with a digest. A v before a semantic version is dropped. Default: ${meshSyncDefaults.version}.`,
        pattern: IMAGE_TAG_OR_EMPTY,
      }),
    ),
    broker: Type.Optional(
      Type.Object(
        { native: Type.Optional(NativeBroker), custom: Type.Optional(CustomBroker) },
        { description: 'The broker that MeshSync publishes to: native or custom.' },
      ),
    ),
    'watch-list': Type.Optional(WatchList),
  },
  { description: 'The MeshSync that is wanted.', default: {} },
);
export type MeshSyncSpec = Static<typeof MeshSyncSpec>;

/** `MeshSync.status` as the sync hook answers it. */
export const MeshSyncStatus = Type.Object(
  {
    ...commonStatus,
    broker: Type.Optional(
      Type.String({ description: 'The broker in use: namespace/name of a Broker, or custom for a URL.' }),
    ),
    'publishing-to': Type.Optional(
      Type.String({ description: 'Where MeshSync publishes, as nats://host:port. Never holds credentials.' }),
    ),
  },
  { description: 'What was last seen of MeshSync.' },
);
export type MeshSyncStatus = Static<typeof MeshSyncStatus>;
