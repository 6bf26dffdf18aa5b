import { type Static, Type } from '@sinclair/typebox';
import { CommonMetadata } from '../kubernetes/common-metadata.ts';
import { Image, LabelSelector, OptionalSize, PodTemplate, Resources, Size } from '../kubernetes/pod-fields.ts';
import { DNS_SUBDOMAIN_OR_EMPTY, IMAGE_TAG_OR_EMPTY, NamedStrings, StringEnum } from '../schema/fields.ts';
import { bytes, compareQuantities } from '../schema/quantity.ts';
import { EmptyCounts, withRules } from '../schema/rules.ts';
import { commonStatus } from './status.ts';

/** Largest number of servers. */
export const MAX_SIZE = 10;

/** What an absent field of `Broker.spec` means. */
export const brokerDefaults = {
  size: 1,
  /** Tag of the `nats` image; the CRD does not persist it, so that an upgrade of the operator can move it. */
  // renovate: image=nats
  version: '2.14.2-alpine',
  repository: 'nats',
  resources: { limits: { cpu: '1', memory: '256Mi' }, requests: { cpu: '100m', memory: '64Mi' } },
  serviceType: 'ClusterIP',
  /** Port of the client Service. */
  port: 4222,
  tokenKey: 'token',
  reloader: {
    repository: 'natsio/nats-server-config-reloader',
    // renovate: image=natsio/nats-server-config-reloader
    version: '0.23.0',
    resources: { limits: { cpu: '100m', memory: '64Mi' }, requests: { cpu: '10m', memory: '16Mi' } },
  },
  promExporter: {
    repository: 'natsio/prometheus-nats-exporter',
    // renovate: image=natsio/prometheus-nats-exporter
    version: '0.20.1',
    resources: { limits: { cpu: '100m', memory: '64Mi' }, requests: { cpu: '10m', memory: '32Mi' } },
  },
} as const;

/** Port of the monitoring endpoint on the client Service. */
export const MONITOR_PORT = 8222;

const NodePort = (description: string) =>
  Type.Optional(Type.Integer({ description, format: 'int32', minimum: 1, maximum: 65535 }));

const BrokerService = withRules(
  Type.Object(
    {
      type: Type.Optional(
        StringEnum(['ClusterIP', 'NodePort', 'LoadBalancer'], {
          description:
            'Type of the client Service; changed in place. Default: ClusterIP, which exposes the broker inside the cluster only.',
        }),
      ),
      annotations: Type.Optional(
        NamedStrings({ description: 'Annotations of the client Service, for example for a cloud load balancer.' }),
      ),
      port: Type.Optional(
        Type.Integer({
          description: `Port of the client Service for NATS clients. Default: ${brokerDefaults.port}.`,
          format: 'int32',
          minimum: 1,
          maximum: 65535,
        }),
      ),
      nodePorts: Type.Optional(
        Type.Object(
          {
            nats: NodePort('Node port for NATS clients.'),
            monitor: NodePort('Node port for the monitoring endpoint.'),
          },
          {
            description:
              'Node ports, from the node port range of the cluster (30000-32767 by default). Default: allocated by Kubernetes. Not valid with type ClusterIP.',
          },
        ),
      ),
      exposeMonitor: Type.Optional(
        Type.Boolean({
          description:
            'Whether the monitoring port, which requires no credentials, is exposed outside the cluster too. Default: only when nodePorts.monitor is set, or when the client Service exposes it already. Without it, clients outside connect to a Service of their own, <service>-external.',
        }),
      ),
      externalTrafficPolicy: Type.Optional(
        StringEnum(['Cluster', 'Local'], {
          description:
            'Whether a node routes external traffic to servers on any node (Cluster) or, preserving the client address, only to servers on the node itself (Local). Not valid with type ClusterIP.',
        }),
      ),
      ipFamilyPolicy: Type.Optional(
        StringEnum(['SingleStack', 'PreferDualStack', 'RequireDualStack'], {
          description: "Whether the Services are single-stack or dual-stack. Default: the cluster's.",
        }),
      ),
      ipFamilies: Type.Optional(
        Type.Array(StringEnum(['IPv4', 'IPv6'], { description: 'An IP family.' }), {
          description: 'IP families of the Services. The first is that of status.endpoint.internal, and immutable.',
          maxItems: 2,
        }),
      ),
      loadBalancerClass: Type.Optional(
        Type.String({
          description:
            'Load balancer implementation that serves the Service. Only with type LoadBalancer; immutable while the type stays LoadBalancer.',
          maxLength: 316,
          pattern:
            '^(([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$',
        }),
      ),
      loadBalancerSourceRanges: Type.Optional(
        Type.Array(
          Type.String({
            description: 'An address range in CIDR notation, IPv4 or IPv6.',
            maxLength: 64,
            pattern: '^[0-9A-Fa-f.:]+/[0-9]{1,3}$',
          }),
          {
            description:
              'Client address ranges from which the load balancer accepts traffic. Only with type LoadBalancer.',
          },
        ),
      ),
      externalEndpointOverride: Type.Optional(
        Type.String({
          description:
            'Published unchanged as status.endpoint.external (host:port), for a gateway or address translation in front of the broker.',
          maxLength: 1024,
        }),
      ),
    },
    { description: 'How clients reach the broker.' },
  ),
  [
    {
      rule: "!has(self.loadBalancerClass) || self.loadBalancerClass == '' || !has(self.type) || self.type == 'LoadBalancer'",
      message: 'is only valid when service type is LoadBalancer',
      fieldPath: '.loadBalancerClass',
      holds: ({ loadBalancerClass, type = 'LoadBalancer' }) => !loadBalancerClass || type === 'LoadBalancer',
    },
    {
      rule: "!has(self.loadBalancerSourceRanges) || size(self.loadBalancerSourceRanges) == 0 || !has(self.type) || self.type == 'LoadBalancer'",
      message: 'is only valid when service type is LoadBalancer',
      fieldPath: '.loadBalancerSourceRanges',
      holds: ({ loadBalancerSourceRanges = [], type = 'LoadBalancer' }) =>
        loadBalancerSourceRanges.length === 0 || type === 'LoadBalancer',
    },
    {
      rule: "!has(self.nodePorts) || (!has(self.nodePorts.nats) && !has(self.nodePorts.monitor)) || (has(self.type) && self.type != 'ClusterIP')",
      message: 'is only valid when service type is NodePort or LoadBalancer',
      fieldPath: '.nodePorts',
      holds: ({ nodePorts = {}, type = 'ClusterIP' }) =>
        (nodePorts.nats === undefined && nodePorts.monitor === undefined) || type !== 'ClusterIP',
    },
    {
      rule: '!has(self.nodePorts) || !has(self.nodePorts.nats) || !has(self.nodePorts.monitor) || self.nodePorts.nats != self.nodePorts.monitor',
      message: 'must differ from nodePorts.nats',
      fieldPath: '.nodePorts.monitor',
      holds: ({ nodePorts: { nats, monitor } = {} }) => nats === undefined || nats !== monitor,
    },
    {
      rule: '!has(self.nodePorts) || !has(self.nodePorts.monitor) || !has(self.exposeMonitor) || self.exposeMonitor',
      message: 'must be absent when exposeMonitor is false',
      fieldPath: '.nodePorts.monitor',
      holds: ({ nodePorts, exposeMonitor = true }) => nodePorts?.monitor === undefined || exposeMonitor,
    },
    {
      rule: "!has(self.externalTrafficPolicy) || (has(self.type) && self.type != 'ClusterIP')",
      message: 'is only valid when service type is NodePort or LoadBalancer',
      fieldPath: '.externalTrafficPolicy',
      holds: ({ externalTrafficPolicy, type = 'ClusterIP' }) => !externalTrafficPolicy || type !== 'ClusterIP',
    },
    {
      rule: `!has(self.port) || self.port != ${MONITOR_PORT}`,
      message: `must not be ${MONITOR_PORT}, which is the monitoring port`,
      fieldPath: '.port',
      holds: ({ port }) => port !== MONITOR_PORT,
    },
    {
      rule: "!has(self.ipFamilies) || size(self.ipFamilies) < 2 || (self.ipFamilies[0] != self.ipFamilies[1] && has(self.ipFamilyPolicy) && self.ipFamilyPolicy != 'SingleStack')",
      message:
        'must not list a family twice, and two families require ipFamilyPolicy PreferDualStack or RequireDualStack',
      fieldPath: '.ipFamilies',
      holds: ({ ipFamilies = [], ipFamilyPolicy = 'SingleStack' }) =>
        ipFamilies.length < 2 || (ipFamilies[0] !== ipFamilies[1] && ipFamilyPolicy !== 'SingleStack'),
    },
  ],
);

const JetStream = Type.Object(
  {
    fileStore: Type.Optional(
      withRules(
        Type.Object(
          {
            size: Size('Size of the volume of each server, for example 10Gi.'),
            storageClassName: Type.Optional(
              Type.String({
                description:
                  'StorageClass of the volumes; an empty string binds volumes that exist already and have no class. Default: the default class of the cluster.',
                maxLength: 253,
                pattern: DNS_SUBDOMAIN_OR_EMPTY,
                [EmptyCounts]: true,
              }),
            ),
            maxSize: OptionalSize(
              'Storage that streams can use on each server. Default: three quarters of the size, or more where a Broker already runs with more; the file system and what NATS does not count take the rest.',
            ),
            persistentVolumeClaimRetentionPolicy: Type.Optional(
              Type.Object(
                {
                  whenDeleted: Type.Optional(
                    StringEnum(['Retain', 'Delete'], {
                      description: 'What happens to the volumes when the Broker is deleted. Default: Retain.',
                    }),
                  ),
                  whenScaled: Type.Optional(
                    StringEnum(['Retain', 'Delete'], {
                      description:
                        'What happens to the volume of a server that is removed by scaling down. Default: Retain.',
                    }),
                  ),
                },
                { description: 'Retention policy of the volumes, as in a StatefulSet.' },
              ),
            ),
          },
          {
            description:
              'File storage of streams. Changes of size and class are not applied to existing volumes: the condition SpecApplied explains what to do.',
          },
        ),
        [
          {
            rule: '!has(self.maxSize) || !isQuantity(self.maxSize) || !isQuantity(self.size) || quantity(self.maxSize).compareTo(quantity(self.size)) <= 0',
            message: 'must not be more than size',
            fieldPath: '.maxSize',
            holds: ({ maxSize, size }) => !maxSize || compareQuantities(maxSize, size) <= 0,
          },
        ],
      ),
    ),
    memoryStore: Type.Optional(
      Type.Object(
        { maxSize: Size('Memory that streams can use on each server, for example 64Mi.') },
        { description: 'Memory storage of streams. A server loses it when it restarts.' },
      ),
    ),
  },
  { description: 'JetStream, which persists messages in streams. Enabled when at least one of the stores is set.' },
);

const Tls = withRules(
  Type.Object(
    {
      secretName: Type.Optional(
        Type.String({
          description:
            'Secret with tls.crt, tls.key and ca.crt, as created by cert-manager. The certificate must cover <service>.<namespace>.svc. A renewed certificate is reloaded without a restart.',
          maxLength: 253,
          pattern: DNS_SUBDOMAIN_OR_EMPTY,
        }),
      ),
      verify: Type.Optional(
        Type.Boolean({
          description:
            'Whether clients must present a certificate that is signed by ca.crt. MeshSync has none and cannot connect then.',
        }),
      ),
    },
    {
      description:
        'TLS on the client port. Without it, connections are plain text; with it, plain-text connections are refused.',
    },
  ),
  [
    {
      rule: "!has(self.verify) || !self.verify || (has(self.secretName) && self.secretName != '')",
      message: 'is required by verify',
      fieldPath: '.secretName',
      holds: ({ verify, secretName }) => !verify || Boolean(secretName),
    },
  ],
);

const Auth = Type.Object(
  {
    tokenSecretRef: Type.Optional(
      Type.Object(
        {
          name: Type.String({
            description: 'Name of the Secret, in the namespace of the Broker.',
            maxLength: 253,
            pattern: DNS_SUBDOMAIN_OR_EMPTY,
          }),
          key: Type.Optional(
            Type.String({
              description: `Key of the token in the Secret. Default: ${brokerDefaults.tokenKey}.`,
              maxLength: 253,
              pattern: '^[-._a-zA-Z0-9]*$',
            }),
          ),
        },
        {
          description:
            'Your own token, of letters, digits and .-_~ since it becomes part of a URL. It is copied to Secret <service>-auth, which clients read. Default: a generated token.',
        },
      ),
    ),
  },
  { description: 'Authentication of clients.' },
);

const Duration = (description: string) =>
  Type.Optional(Type.String({ description, maxLength: 10, pattern: '^([1-9][0-9]{0,6}(ms|s|m|h))?$' }));

/** The default `max_pending` of NATS, which `max_payload` must not exceed. */
const MAX_PENDING = '64Mi';

const Config = withRules(
  Type.Object(
    {
      maxPayload: OptionalSize('Largest message, in bytes. Default: 1Mi; at most 64Mi.'),
      maxConnections: Type.Optional(
        Type.Integer({
          description: 'Maximum number of client connections of each server. Default: 65536.',
          format: 'int32',
          minimum: 1,
        }),
      ),
      writeDeadline: Duration(
        'Time limit for a write to a client, after which a slow consumer is disconnected. Default: 10s.',
      ),
      pingInterval: Duration('Interval at which idle clients are pinged. Default: 2m.'),
      pingMax: Type.Optional(
        Type.Integer({
          description: 'Number of pings that may go unanswered before a client is disconnected. Default: 2.',
          format: 'int32',
          minimum: 1,
          maximum: 100,
        }),
      ),
      debug: Type.Optional(Type.Boolean({ description: 'Whether the servers write debug logs.' })),
      trace: Type.Optional(
        Type.Boolean({
          description: 'Whether the servers log every protocol message. Published messages appear in the log.',
        }),
      ),
    },
    { description: 'Settings of NATS. Changes are reloaded without a restart.' },
  ),
  [
    {
      rule: `!has(self.maxPayload) || !isQuantity(self.maxPayload) || quantity(self.maxPayload).compareTo(quantity('${MAX_PENDING}')) <= 0`,
      message: `must not be more than ${MAX_PENDING}`,
      fieldPath: '.maxPayload',
      holds: ({ maxPayload }) => !maxPayload || compareQuantities(maxPayload, MAX_PENDING) <= 0,
    },
  ],
);

const Version = (what: string, defaultVersion: string) =>
  Type.Optional(
    Type.String({
      description: `Tag of the ${what} image, optionally with a digest. A leading v of a semantic version is dropped. Default: ${defaultVersion}.`,
      pattern: IMAGE_TAG_OR_EMPTY,
    }),
  );

const Peer = withRules(
  Type.Object(
    {
      podSelector: Type.Optional(
        LabelSelector('Pods, in the namespace of the Broker unless there is a namespaceSelector.'),
      ),
      namespaceSelector: Type.Optional(
        LabelSelector('Namespaces. Selects all of their pods unless there is a podSelector.'),
      ),
      ipBlock: Type.Optional(
        Type.Object(
          {
            cidr: Type.String({
              description: 'An address range in CIDR notation, IPv4 or IPv6.',
              maxLength: 64,
              pattern: '^[0-9A-Fa-f.:]+/[0-9]{1,3}$',
            }),
          },
          { description: 'Addresses outside of the cluster.' },
        ),
      ),
    },
    { description: 'A peer that may connect, as in a NetworkPolicy.' },
  ),
  [
    {
      rule: 'has(self.ipBlock) != (has(self.podSelector) || has(self.namespaceSelector))',
      message: 'must have either ipBlock, or podSelector or namespaceSelector or both of these',
      holds: ({ ipBlock, podSelector, namespaceSelector }) =>
        (ipBlock !== undefined) !== (podSelector !== undefined || namespaceSelector !== undefined),
    },
  ],
);

const Peers = (description: string) => Type.Optional(Type.Array(Peer, { description, maxItems: 32 }));

const NetworkPolicy = Type.Object(
  {
    enabled: Type.Optional(
      Type.Boolean({ description: 'Whether a NetworkPolicy is created for the pods. Default: false.' }),
    ),
    clients: Peers(
      'Peers that may connect to the client port. Default: all pods of the cluster; with type NodePort or LoadBalancer, any address.',
    ),
    monitor: Peers(
      'Peers that may connect to the monitoring port, which requires no credentials. Default: MeshSync pods in any namespace, and all pods in the namespace of the Broker.',
    ),
    metrics: Peers('Peers that may connect to the port of the exporter. Default: all pods of the cluster.'),
  },
  {
    description:
      'NetworkPolicy of the pods: each port accepts only the peers that need it. Routes accept only the servers of the Broker.',
  },
);

const Reloader = Type.Object(
  {
    version: Version('reloader', brokerDefaults.reloader.version),
    image: Type.Optional(Image),
    resources: Type.Optional(Resources),
  },
  { description: 'The sidecar that makes NATS reload its configuration when it changes.' },
);

const PromExporter = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean({ description: 'Whether each pod has an exporter. Default: false.' })),
    version: Version('exporter', brokerDefaults.promExporter.version),
    image: Type.Optional(Image),
    resources: Type.Optional(Resources),
  },
  { description: 'A sidecar that exposes Prometheus metrics on port prom-metrics (7777) of each pod.' },
);

/** `Broker.spec` as users write it: every field is optional. */
export const BrokerSpec = withRules(
  Type.Object(
    {
      size: Type.Optional(
        Type.Integer({
          description:
            'Number of NATS servers. More than one form a NATS cluster. An even number tolerates no more failures than one fewer.',
          format: 'int32',
          minimum: 1,
          maximum: MAX_SIZE,
          default: brokerDefaults.size,
        }),
      ),
      version: Version('nats', brokerDefaults.version),
      image: Type.Optional(Image),
      resources: Type.Optional(Resources),
      podTemplate: Type.Optional(PodTemplate),
      commonMetadata: Type.Optional(CommonMetadata),
      serviceAccountName: Type.Optional(
        Type.String({
          description:
            'Existing ServiceAccount that the pods run as, for example one with a SecurityContextConstraints of its own. No token of it is mounted. Default: the ServiceAccount called default.',
          maxLength: 253,
          pattern: DNS_SUBDOMAIN_OR_EMPTY,
        }),
      ),
      service: Type.Optional(BrokerService),
      auth: Type.Optional(Auth),
      tls: Type.Optional(Tls),
      jetstream: Type.Optional(JetStream),
      config: Type.Optional(Config),
      networkPolicy: Type.Optional(NetworkPolicy),
      reloader: Type.Optional(Reloader),
      promExporter: Type.Optional(PromExporter),
    },
    { description: 'The desired broker.', default: {} },
  ),
  [
    {
      rule: `!has(self.jetstream) || !has(self.jetstream.memoryStore) || !isQuantity(self.jetstream.memoryStore.maxSize) || (has(self.resources) && (has(self.resources.limits) || has(self.resources.requests)) ? (!has(self.resources.limits) || !has(self.resources.limits.memory) || quantity(self.jetstream.memoryStore.maxSize).isLessThan(quantity(string(self.resources.limits.memory)))) : quantity(self.jetstream.memoryStore.maxSize).isLessThan(quantity('${brokerDefaults.resources.limits.memory}')))`,
      message: `must be less than resources.limits.memory, which is ${brokerDefaults.resources.limits.memory} by default`,
      fieldPath: '.jetstream.memoryStore.maxSize',
      holds: ({ jetstream, resources }) => {
        const limit = (resources ?? brokerDefaults.resources).limits?.memory;
        return !jetstream?.memoryStore || limit === undefined || bytes(jetstream.memoryStore.maxSize) < bytes(limit);
      },
    },
  ],
);
export type BrokerSpec = Static<typeof BrokerSpec>;

/** `Broker.status` as the sync hook returns it. */
export const BrokerStatus = Type.Object(
  {
    ...commonStatus,
    desiredReplicas: Type.Optional(Type.Integer({ description: 'Desired number of NATS servers.', minimum: 0 })),
    clustered: Type.Optional(
      Type.Boolean({
        description: 'Whether the servers form a NATS cluster, so that messages reach the clients of every server.',
      }),
    ),
    endpoint: Type.Optional(
      Type.Object(
        {
          internal: Type.Optional(
            Type.String({ description: 'Address for clients inside the cluster, as host:port without a scheme.' }),
          ),
          external: Type.Optional(
            Type.String({ description: 'Address for clients outside the cluster, as host:port without a scheme.' }),
          ),
          internalAddresses: Type.Optional(
            Type.Array(Type.String({ description: 'An address as host:port.' }), {
              description: 'All addresses for clients inside the cluster, when there are several, as with dual-stack.',
            }),
          ),
          externalAddresses: Type.Optional(
            Type.Array(Type.String({ description: 'An address as host:port.' }), {
              description: 'All addresses for clients outside the cluster, when there are several.',
            }),
          ),
        },
        { description: 'Addresses of the broker.' },
      ),
    ),
  },
  { description: 'Observed state of the broker.' },
);
export type BrokerStatus = Static<typeof BrokerStatus>;
