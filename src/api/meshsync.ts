import { type Static, Type } from '@sinclair/typebox';
import { CommonMetadata } from '../kubernetes/common-metadata.ts';
import { containerFields } from '../kubernetes/container-fields.ts';
import { Image, PodTemplate, Resources } from '../kubernetes/pod-fields.ts';
import { SecretKeyRef } from '../kubernetes/secret-fields.ts';
import { Default, DefaultInWords, withDefault } from '../schema/defaults.ts';
import { DNS_LABEL, DNS_LABEL_OR_EMPTY, IMAGE_TAG_OR_EMPTY, ObjectName, pattern, StringMap } from '../schema/fields.ts';
import { withRules } from '../schema/rules.ts';
import { commonStatus } from './status.ts';

/** What an absent field of `MeshSync.spec` means. */
export const meshSyncDefaults = {
  size: 1,
  /** Tag of the `meshery/meshsync` image; not persisted by the CRD, so that an upgrade of the operator can move it. */
  // renovate: image=meshery/meshsync
  version: '1.0.3',
  repository: 'meshery/meshsync',
  resources: { limits: { cpu: '4', memory: '4Gi' }, requests: { cpu: '500m', memory: '512Mi' } },
  credentialsKey: 'credentials',
  caKey: 'ca.crt',
} as const;

const URLS = pattern('text without white space', '^\\S*$');
const RESOURCE = pattern('a word of letters and digits', '^[A-Za-z0-9]+$');

const NativeBroker = Type.Object(
  {
    name: Type.Optional(ObjectName('Name of the Broker. A change of its token, its CA or its URL rolls the pods.')),
    namespace: Type.Optional(
      Type.String({
        description:
          'Namespace of the Broker. The token of one in another namespace is copied to Secret <name>-broker-auth.',
        [DefaultInWords]: 'that of the MeshSync',
        maxLength: 63,
        pattern: DNS_LABEL_OR_EMPTY,
      }),
    ),
  },
  { description: 'A Broker in this cluster. Treated as absent when it has no name.' },
);

const SecretReference = (description: string, defaultKey: string) => SecretKeyRef('MeshSync', description, defaultKey);

const CustomBroker = withRules(
  Type.Object(
    {
      url: Type.Optional(
        Type.String({
          description:
            'URL of the NATS server, or several, comma-separated; nats:// is prepended to one without a scheme. MeshSync queries the monitoring endpoint (port 8222) of the first before it connects, which can not be an IPv6 address. A URL with credentials is kept in Secret <name>-broker-auth.',
          maxLength: 2048,
          pattern: URLS,
        }),
      ),
      credentialsSecretRef: Type.Optional(
        SecretReference(
          'Credentials of the URL, before its @: a token, or user:password.',
          meshSyncDefaults.credentialsKey,
        ),
      ),
      caSecretRef: Type.Optional(
        SecretReference(
          'CA certificates in PEM that MeshSync trusts besides those of its image.',
          meshSyncDefaults.caKey,
        ),
      ),
    },
    { description: 'NATS servers that are not managed by a Broker resource. Treated as absent when it has no url.' },
  ),
  [
    {
      rule: "!has(self.credentialsSecretRef) || self.credentialsSecretRef.name == '' || !has(self.url) || !self.url.contains('@')",
      message: 'must not contain credentials when there is a credentialsSecretRef',
      fieldPath: '.url',
      holds: ({ url, credentialsSecretRef }) => !credentialsSecretRef?.name || !url?.includes('@'),
    },
  ],
);

const BrokerReference = withRules(
  Type.Object(
    { native: Type.Optional(NativeBroker), custom: Type.Optional(CustomBroker) },
    { description: 'The broker that MeshSync publishes to: native or custom.' },
  ),
  [
    {
      rule: "!has(self.native) || !has(self.native.name) || self.native.name == '' || !has(self.custom) || !has(self.custom.url) || self.custom.url == ''",
      message: 'must be absent when native names a Broker',
      fieldPath: '.custom',
      holds: ({ native, custom }) => !native?.name || !custom?.url,
    },
  ],
);

const Output = Type.Object(
  {
    namespaces: Type.Optional(
      Type.Array(Type.String({ description: 'A namespace.', maxLength: 63, pattern: DNS_LABEL }), {
        description: 'Namespaces whose objects are published.',
        [DefaultInWords]: 'all',
        maxItems: 256,
        'x-kubernetes-list-type': 'set',
      }),
    ),
    resources: Type.Optional(
      Type.Array(
        Type.String({ description: 'A resource or kind, for example pod.', maxLength: 63, pattern: RESOURCE }),
        {
          description: 'Resources that are published, by name of resource or kind.',
          [DefaultInWords]: 'all watched resources',
          maxItems: 256,
          'x-kubernetes-list-type': 'set',
        },
      ),
    ),
  },
  {
    description:
      'Filters that limit what is published of the watched resources. While neither is set, the filters that Meshery Server has set in the Deployment are kept.',
  },
);

/** Shaped like a v1 ConfigMap, since Meshery's clients write one here. */
const WatchList = Type.Object(
  {
    apiVersion: Type.Optional(Type.String({ description: 'v1, as in a ConfigMap. Ignored.' })),
    kind: Type.Optional(Type.String({ description: 'ConfigMap. Ignored.' })),
    metadata: Type.Optional(Type.Object({}, { description: 'Metadata, as in a ConfigMap. Ignored.' })),
    data: Type.Optional(
      StringMap({
        description:
          'whitelist: JSON list of {"Resource":"pods.v1.","Events":["ADDED","MODIFIED","DELETED"]}; or blacklist: JSON list of "secrets.v1.". A resource is plural.version.group, with an empty group for core. One of the two.',
      }),
    ),
    binaryData: Type.Optional(
      Type.Record(Type.String(), Type.String({ description: 'Base64.', format: 'byte' }), {
        description: 'Binary data, as in a ConfigMap. Ignored.',
      }),
    ),
    immutable: Type.Optional(Type.Boolean({ description: 'As in a ConfigMap. Ignored.' })),
  },
  { description: 'What MeshSync watches. A change restarts MeshSync.', [DefaultInWords]: 'its built-in set' },
);

const OF_SERVER = 'false, or what Meshery Server has set in the Deployment';

/** `MeshSync.spec` as users write it: every field is optional. */
export const MeshSyncSpec = Type.Object(
  {
    size: Type.Optional(
      Type.Integer({
        description: 'Number of MeshSync pods. Each of them publishes everything.',
        format: 'int32',
        minimum: 1,
        maximum: 10,
        default: meshSyncDefaults.size,
      }),
    ),
    version: Type.Optional(
      Type.String({
        description: `Tag of the meshery/meshsync image, optionally with a digest. A leading v of a semantic version is dropped.`,
        pattern: IMAGE_TAG_OR_EMPTY,
        [Default]: meshSyncDefaults.version,
      }),
    ),
    image: Type.Optional(Image(meshSyncDefaults.repository)),
    resources: Type.Optional(withDefault(Resources, meshSyncDefaults.resources)),
    ...containerFields,
    extraArgs: Type.Optional(
      Type.Array(Type.String({ description: 'An argument.', minLength: 1, maxLength: 1024 }), {
        description:
          'More arguments of MeshSync, such as later versions bring; with an unknown one it ends, and 1.0.3 has none besides those of output. While they are set, the filters that Meshery Server has set in the Deployment are replaced by those of output.',
        maxItems: 32,
      }),
    ),
    podTemplate: Type.Optional(PodTemplate),
    commonMetadata: Type.Optional(CommonMetadata),
    serviceAccountName: Type.Optional(
      ObjectName('Existing ServiceAccount that the pods run as.', {
        [DefaultInWords]: 'one with the name of the MeshSync, which the operator creates',
      }),
    ),
    broker: Type.Optional(BrokerReference),
    'watch-list': Type.Optional(WatchList),
    output: Type.Optional(Output),
    debug: Type.Optional(
      Type.Boolean({ description: 'Whether MeshSync writes debug logs (DEBUG).', [DefaultInWords]: OF_SERVER }),
    ),
    redactSecrets: Type.Optional(
      Type.Boolean({
        description:
          'Whether the values of published Secrets are redacted (MESHSYNC_REDACT_SECRETS). Meshery Server expects to see and to edit whole objects.',
        [DefaultInWords]: OF_SERVER,
      }),
    ),
    contentDeduplication: Type.Optional(
      Type.Boolean({
        description:
          'Whether an unchanged object is published only once (MESHSYNC_BROKER_CONTENT_DEDUP). Without it, a resync publishes everything again.',
        [DefaultInWords]: OF_SERVER,
      }),
    ),
  },
  { description: 'The desired MeshSync.', default: {} },
);
export type MeshSyncSpec = Static<typeof MeshSyncSpec>;

/** `MeshSync.status` as the sync hook returns it. */
export const MeshSyncStatus = Type.Object(
  {
    ...commonStatus,
    broker: Type.Optional(
      Type.String({ description: 'The broker in use: namespace/name of a Broker, or custom for a URL.' }),
    ),
    'publishing-to': Type.Optional(
      Type.String({ description: 'URL that MeshSync publishes to, as nats://host:port. Never contains credentials.' }),
    ),
  },
  { description: 'Observed state of MeshSync.' },
);
export type MeshSyncStatus = Static<typeof MeshSyncStatus>;
