import { type Static, Type } from '@sinclair/typebox';
import { CommonMetadata } from '../kubernetes/common-metadata.ts';
import { containerFields, ExtraResources, PortOrName, StartupProbe } from '../kubernetes/container-fields.ts';
import {
  Image,
  LabelMap,
  LabelSelector,
  OptionalSize,
  OptionalSizeOrPercentage,
  PodTemplate,
  Resources,
  Size,
} from '../kubernetes/pod-fields.ts';
import { SecretKeyRef } from '../kubernetes/secret-fields.ts';
import { Default, DefaultInWords, withDefault } from '../schema/defaults.ts';
import {
  CIDR,
  DNS_LABEL,
  FreeMap,
  IMAGE_TAG_OR_EMPTY,
  IP_OR_EMPTY,
  NamedStrings,
  ObjectName,
  pattern,
  QUALIFIED_NAME_OR_EMPTY,
  StringEnum,
  Structure,
} from '../schema/fields.ts';
import { bytes, compareQuantities } from '../schema/quantity.ts';
import { EmptyCounts, type Rule, withRules } from '../schema/rules.ts';
import { Cipher, LeafNodes, natsDefaults, USERS_PORT, Users, WebSocket } from './nats.ts';
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
  affinityTimeoutSeconds: 10_800,
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
  natsBox: {
    repository: 'natsio/nats-box',
    // renovate: image=natsio/nats-box
    version: '0.19.7',
    resources: { limits: { cpu: '500m', memory: '128Mi' }, requests: { cpu: '10m', memory: '16Mi' } },
  },
} as const;

/** Port of the monitoring endpoint on the client Service. */
export const MONITOR_PORT = 8222;

/** The least grace period of pods: longer than lame duck mode. */
const MIN_GRACE_PERIOD_SECONDS = 45;

const LOAD_BALANCER_CLASS = pattern(
  'a qualified name or empty',
  '^(([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$',
);
const JETSTREAM_DOMAIN = pattern('letters, digits and -_ or empty', '^([A-Za-z0-9_-]+)?$');
const DURATION_OR_EMPTY = pattern(
  'a duration such as 500ms, 10s, 2m or 1h, or empty',
  '^([1-9][0-9]{0,6}(ms|s|m|h))?$',
);

const NodePort = (description: string) =>
  Type.Optional(Type.Integer({ description, format: 'int32', minimum: 1, maximum: 65535 }));

const ExtraPort = Type.Object(
  {
    name: Type.String({
      description: 'Name of the port.',
      maxLength: 63,
      pattern: DNS_LABEL,
    }),
    port: Type.Integer({ description: 'Port of the Service.', minimum: 1, maximum: 65_535 }),
    targetPort: Type.Optional(
      PortOrName('Port of the pods, by number or by name, such as that of an extra container.', 'the same as port'),
    ),
    nodePort: NodePort('Node port. Not valid with type ClusterIP.'),
    appProtocol: Type.Optional(
      Type.String({ description: 'Application protocol.', maxLength: 253, pattern: QUALIFIED_NAME_OR_EMPTY }),
    ),
  },
  { description: 'A port of a Service.' },
);

/** Names of the ports of the client Service, and of their node ports. */
const NODE_PORTS = ['nats', 'monitor', 'users', 'leafnodes', 'websocket'] as const;

/** Two of them each, but for the first two, which have a rule of their own. */
const nodePortPairs = NODE_PORTS.flatMap((one, index) =>
  NODE_PORTS.slice(index + 1).map((other) => [one, other] as const),
).slice(1);

const BrokerService = withRules(
  Type.Object(
    {
      type: Type.Optional(
        StringEnum(['ClusterIP', 'NodePort', 'LoadBalancer'], {
          description:
            'How clients outside of the cluster connect: not at all (ClusterIP), or by a Service of their own, <service>-external, unless exposeMonitor is true. Changed in place.',
          [Default]: brokerDefaults.serviceType,
        }),
      ),
      annotations: Type.Optional(
        NamedStrings({
          description:
            'Annotations of the Service that clients outside of the cluster connect to, else of the client Service.',
        }),
      ),
      port: Type.Optional(
        Type.Integer({
          description: 'Port of the client Service for NATS clients.',
          [Default]: brokerDefaults.port,
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
            users: NodePort('Node port for the users of auth.users.'),
            leafnodes: NodePort('Node port for leaf nodes.'),
            websocket: NodePort('Node port for WebSocket.'),
          },
          {
            description:
              'Node ports, from the range of the cluster, mostly 30000 to 32767. Not valid with type ClusterIP.',
            [DefaultInWords]: 'allocated by Kubernetes',
          },
        ),
      ),
      exposeMonitor: Type.Optional(
        Type.Boolean({
          description:
            'Whether the monitoring port, which requires no credentials, is exposed outside of the cluster too.',
          [DefaultInWords]: 'only when nodePorts.monitor is set, or when the client Service exposes it already',
        }),
      ),
      externalTrafficPolicy: Type.Optional(
        StringEnum(['Cluster', 'Local'], {
          description:
            'Whether a node routes external traffic to servers on any node (Cluster) or, preserving the client address, only to servers on the node itself (Local). Not valid with type ClusterIP.',
          [Default]: 'Cluster',
        }),
      ),
      ipFamilyPolicy: Type.Optional(
        StringEnum(['SingleStack', 'PreferDualStack', 'RequireDualStack'], {
          description: 'Whether the Services are single-stack or dual-stack.',
          [Default]: 'SingleStack',
        }),
      ),
      ipFamilies: Type.Optional(
        Type.Array(StringEnum(['IPv4', 'IPv6'], { description: 'An IP family.' }), {
          description: 'IP families of the Services. The first is that of status.endpoint.internal, and immutable.',
          [DefaultInWords]: "the cluster's",
          maxItems: 2,
        }),
      ),
      clusterIP: Type.Optional(
        Type.String({
          description: 'Address of the client Service, from the range of the cluster. Immutable.',
          [DefaultInWords]: 'allocated by Kubernetes',
          maxLength: 45,
          pattern: IP_OR_EMPTY,
        }),
      ),
      sessionAffinity: Type.Optional(
        StringEnum(['None', 'ClientIP'], {
          description: 'Whether connections from one client address go to the same server.',
          [Default]: 'None',
        }),
      ),
      sessionAffinityConfig: Type.Optional(
        Type.Object(
          {
            clientIP: Type.Optional(
              Type.Object(
                {
                  timeoutSeconds: Type.Optional(
                    Type.Integer({
                      description: 'How long an address keeps its server, in seconds.',
                      [Default]: brokerDefaults.affinityTimeoutSeconds,
                      minimum: 1,
                      maximum: 86_400,
                    }),
                  ),
                },
                { description: 'Affinity by client address.' },
              ),
            ),
          },
          { description: 'Settings of the affinity. Only with ClientIP.' },
        ),
      ),
      healthCheckNodePort: Type.Optional(
        Type.Integer({
          description:
            'Node port by which a load balancer finds the nodes with servers. Only with type LoadBalancer and externalTrafficPolicy Local; immutable while both stay.',
          [DefaultInWords]: 'allocated by Kubernetes',
          minimum: 1,
          maximum: 65_535,
        }),
      ),
      extraPorts: Type.Optional(
        Type.Array(ExtraPort, {
          description: 'More ports of the client Service, and of that for clients outside the cluster.',
          maxItems: 16,
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
        }),
      ),
      perServer: Type.Optional(
        Type.Boolean({
          description:
            'Whether each server has a Service of its own too, <service>-0 and so on, of the same type, with the ports for clients, users, leaf nodes and WebSocket.',
          [Default]: false,
        }),
      ),
      loadBalancerClass: Type.Optional(
        Type.String({
          description:
            'Load balancer implementation that serves the Service. Only with type LoadBalancer; immutable while the type stays.',
          [DefaultInWords]: "the cluster's",
          maxLength: 316,
          pattern: LOAD_BALANCER_CLASS,
        }),
      ),
      loadBalancerSourceRanges: Type.Optional(
        Type.Array(
          Type.String({
            description: 'An address range in CIDR notation, IPv4 or IPv6.',
            maxLength: 64,
            pattern: CIDR,
          }),
          {
            description:
              'Client address ranges from which the load balancer accepts traffic. Only with type LoadBalancer.',
            [DefaultInWords]: 'all',
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
      rule: `!has(self.nodePorts) || (${NODE_PORTS.map((name) => `!has(self.nodePorts.${name})`).join(' && ')}) || (has(self.type) && self.type != 'ClusterIP')`,
      message: 'is only valid when service type is NodePort or LoadBalancer',
      fieldPath: '.nodePorts',
      holds: ({ nodePorts = {}, type = 'ClusterIP' }) =>
        NODE_PORTS.every((name) => nodePorts[name] === undefined) || type !== 'ClusterIP',
    },
    {
      rule: '!has(self.nodePorts) || !has(self.nodePorts.nats) || !has(self.nodePorts.monitor) || self.nodePorts.nats != self.nodePorts.monitor',
      message: 'must differ from nodePorts.nats',
      fieldPath: '.nodePorts.monitor',
      holds: ({ nodePorts: { nats, monitor } = {} }) => nats === undefined || nats !== monitor,
    },
    {
      rule: `!has(self.nodePorts) || (${nodePortPairs.map(([one, other]) => `(!has(self.nodePorts.${one}) || !has(self.nodePorts.${other}) || self.nodePorts.${one} != self.nodePorts.${other})`).join(' && ')})`,
      message: 'must differ from each other',
      fieldPath: '.nodePorts',
      holds: ({ nodePorts = {} }) =>
        nodePortPairs.every(([one, other]) => nodePorts[one] === undefined || nodePorts[one] !== nodePorts[other]),
    },
    {
      rule: `!has(self.extraPorts) || self.extraPorts.all(p, !has(p.nodePort) || (self.extraPorts.exists_one(q, has(q.nodePort) && q.nodePort == p.nodePort) && (!has(self.nodePorts) || (${NODE_PORTS.map((name) => `(!has(self.nodePorts.${name}) || self.nodePorts.${name} != p.nodePort)`).join(' && ')}))))`,
      message: 'must have node ports that differ from each other, and from those of nodePorts',
      fieldPath: '.extraPorts',
      holds: ({ extraPorts = [], nodePorts = {} }) => {
        const own = extraPorts.flatMap(({ nodePort }) => nodePort ?? []);
        return new Set(own).size === own.length && NODE_PORTS.every((name) => !own.includes(nodePorts[name] ?? 0));
      },
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
      rule: "!has(self.healthCheckNodePort) || (has(self.type) && self.type == 'LoadBalancer' && has(self.externalTrafficPolicy) && self.externalTrafficPolicy == 'Local')",
      message: 'is only valid when service type is LoadBalancer and externalTrafficPolicy is Local',
      fieldPath: '.healthCheckNodePort',
      holds: ({ healthCheckNodePort, type, externalTrafficPolicy }) =>
        healthCheckNodePort === undefined || (type === 'LoadBalancer' && externalTrafficPolicy === 'Local'),
    },
    {
      rule: `!has(self.healthCheckNodePort) || ((!has(self.nodePorts) || (${NODE_PORTS.map((name) => `(!has(self.nodePorts.${name}) || self.nodePorts.${name} != self.healthCheckNodePort)`).join(' && ')})) && (!has(self.extraPorts) || self.extraPorts.all(p, !has(p.nodePort) || p.nodePort != self.healthCheckNodePort)))`,
      message: 'must differ from the node ports of nodePorts and extraPorts',
      fieldPath: '.healthCheckNodePort',
      holds: ({ healthCheckNodePort, nodePorts = {}, extraPorts = [] }) =>
        healthCheckNodePort === undefined ||
        !(
          NODE_PORTS.some((name) => nodePorts[name] === healthCheckNodePort) ||
          extraPorts.some(({ nodePort }) => nodePort === healthCheckNodePort)
        ),
    },
    {
      rule: "!has(self.sessionAffinityConfig) || !has(self.sessionAffinityConfig.clientIP) || !has(self.sessionAffinityConfig.clientIP.timeoutSeconds) || (has(self.sessionAffinity) && self.sessionAffinity == 'ClientIP')",
      message: 'is only valid when sessionAffinity is ClientIP',
      fieldPath: '.sessionAffinityConfig',
      holds: ({ sessionAffinity, sessionAffinityConfig }) =>
        sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined || sessionAffinity === 'ClientIP',
    },
    {
      rule: `!has(self.extraPorts) || self.extraPorts.all(p, !(p.name in [${NODE_PORTS.map((name) => `'${name}'`).join(', ')}]) && p.port != ${MONITOR_PORT} && p.port != (has(self.port) ? self.port : ${brokerDefaults.port}) && self.extraPorts.exists_one(q, q.port == p.port))`,
      message: 'must have names and ports that differ from each other, and from those of the operator',
      fieldPath: '.extraPorts',
      holds: ({ extraPorts = [], port = brokerDefaults.port }) => {
        const ports = [MONITOR_PORT, port, ...extraPorts.map((each) => each.port)];
        const areOthers = extraPorts.every(({ name }) => !NODE_PORTS.some((taken) => taken === name));
        return areOthers && (extraPorts.length === 0 || new Set(ports).size === ports.length);
      },
    },
    {
      rule: "!has(self.extraPorts) || self.extraPorts.all(p, !has(p.nodePort)) || (has(self.type) && self.type != 'ClusterIP')",
      message: 'must have no nodePort when service type is ClusterIP',
      fieldPath: '.extraPorts',
      holds: ({ extraPorts = [], type = 'ClusterIP' }) =>
        extraPorts.every(({ nodePort }) => nodePort === undefined) || type !== 'ClusterIP',
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

/** Far more than a server can send at a time, and far below the largest number of NATS. */
const MAX_CATCHUP = '1Ti';

const JetStream = withRules(
  Type.Object(
    {
      fileStore: Type.Optional(
        withRules(
          Type.Object(
            {
              size: Size('Size of the volume of each server, for example 10Gi.'),
              storageClassName: Type.Optional(
                ObjectName(
                  'StorageClass of the volumes; an empty string binds volumes that exist already and have no class.',
                  { [EmptyCounts]: true, [DefaultInWords]: 'the default class of the cluster' },
                ),
              ),
              labels: Type.Optional(
                LabelMap('Labels of the claims, besides those of the pods. Not changed on existing claims.'),
              ),
              annotations: Type.Optional(
                NamedStrings({ description: 'Annotations of the claims. Not changed on existing claims.' }),
              ),
              maxSize: OptionalSizeOrPercentage(
                'Storage that streams can use on each server, also in percent of the size. The file system and what NATS does not count take the rest.',
                'three quarters of the size, or more where a Broker already runs with more',
              ),
              medium: Type.Optional(
                StringEnum(['', 'Memory'], {
                  description:
                    'Memory: the volumes are in memory, of the size, and lost with their pod; they count for resources.limits.memory.',
                  [DefaultInWords]: 'volumes that persist',
                }),
              ),
              persistentVolumeClaimRetentionPolicy: Type.Optional(
                Type.Object(
                  {
                    whenDeleted: Type.Optional(
                      StringEnum(['Retain', 'Delete'], {
                        description: 'What happens to the volumes when the Broker is deleted.',
                        [Default]: 'Retain',
                      }),
                    ),
                    whenScaled: Type.Optional(
                      StringEnum(['Retain', 'Delete'], {
                        description: 'What happens to the volume of a server that is removed by scaling down.',
                        [Default]: 'Retain',
                      }),
                    ),
                  },
                  { description: 'Retention policy of the volumes, as in a StatefulSet.' },
                ),
              ),
            },
            {
              description:
                'File storage of streams. Changes of size, class, labels and annotations are not applied to existing volumes: the condition SpecApplied explains what to do.',
            },
          ),
          [
            {
              rule: '!has(self.maxSize) || !isQuantity(self.maxSize) || !isQuantity(self.size) || quantity(self.maxSize).compareTo(quantity(self.size)) <= 0',
              message: 'must not be more than size',
              fieldPath: '.maxSize',
              holds: ({ maxSize, size }) => !maxSize || maxSize.endsWith('%') || compareQuantities(maxSize, size) <= 0,
            },
            {
              rule: "!has(self.medium) || self.medium == '' || !has(self.storageClassName)",
              message: 'must be absent when medium is Memory',
              fieldPath: '.storageClassName',
              holds: ({ medium, storageClassName }) => !medium || storageClassName === undefined,
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
      domain: Type.Optional(
        Type.String({
          description: 'JetStream domain, which differs from those of leaf nodes and hubs. A change rolls the pods.',
          maxLength: 63,
          pattern: JETSTREAM_DOMAIN,
        }),
      ),
      maxOutstandingCatchup: OptionalSize(
        'Most that a server sends at a time to replicas that catch up. A change rolls the pods.',
        '64Mi',
      ),
      encryptionKeySecretRef: Type.Optional(
        SecretKeyRef(
          'Broker',
          'Key that streams on disk are encrypted with, of at least 16 letters, digits and .-_~. It may be replaced with one server only, and not be removed.',
          natsDefaults.encryptionKey,
        ),
      ),
      cipher: Type.Optional(Cipher),
    },
    { description: 'JetStream, which persists messages in streams. Enabled when at least one of the stores is set.' },
  ),
  [
    {
      rule: `!has(self.maxOutstandingCatchup) || !isQuantity(self.maxOutstandingCatchup) || quantity(self.maxOutstandingCatchup).compareTo(quantity('${MAX_CATCHUP}')) <= 0`,
      message: `must not be more than ${MAX_CATCHUP}`,
      fieldPath: '.maxOutstandingCatchup',
      holds: ({ maxOutstandingCatchup: size }) => !size || compareQuantities(size, MAX_CATCHUP) <= 0,
    },
  ],
);

const Tls = withRules(
  Type.Object(
    {
      secretName: Type.Optional(
        ObjectName(
          'Secret with tls.crt, tls.key and ca.crt, as created by cert-manager. The certificate must cover <service>.<namespace>.svc. A renewed certificate is reloaded without a restart.',
        ),
      ),
      verify: Type.Optional(
        Type.Boolean({
          description:
            'Whether clients must present a certificate that is signed by ca.crt. MeshSync has none and cannot connect then.',
          [Default]: false,
        }),
      ),
      monitor: Type.Optional(
        Type.Boolean({
          description:
            'Whether the monitoring port is HTTPS. MeshSync and Meshery Server query it by HTTP and do not connect then. A change rolls the pods.',
          [Default]: false,
        }),
      ),
      routes: Type.Optional(
        Type.Object(
          {
            secretName: Type.Optional(
              ObjectName(
                'Secret with tls.crt, tls.key and ca.crt, which may be that of the clients. The certificate is for servers and for clients, and must cover *.<service>-headless.<namespace>.svc.',
              ),
            ),
          },
          {
            description:
              'TLS on the routes between several servers, which authenticate each other by their certificates. With JetStream, it is added and removed while the Broker hibernates.',
          },
        ),
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
    {
      rule: "!has(self.monitor) || !self.monitor || (has(self.secretName) && self.secretName != '')",
      message: 'is required by monitor',
      fieldPath: '.secretName',
      holds: ({ monitor, secretName }) => !monitor || Boolean(secretName),
    },
  ],
);

const Auth = Type.Object(
  {
    tokenSecretRef: Type.Optional({
      ...SecretKeyRef(
        'Broker',
        'Your own token, of letters, digits and .-_~ since it becomes part of a URL. It is copied to Secret <service>-auth, which clients read.',
        brokerDefaults.tokenKey,
        'Key of the token',
      ),
      [DefaultInWords]: 'a generated token',
    }),
    users: Type.Optional(Users),
  },
  { description: 'Authentication of clients.' },
);

const Duration = (description: string, byDefault: string) =>
  Type.Optional(Type.String({ description, maxLength: 10, pattern: DURATION_OR_EMPTY, [Default]: byDefault }));

/** The default `max_pending` of NATS, which `max_payload` must not exceed. */
const MAX_PENDING = '64Mi';

const Config = withRules(
  Type.Object(
    {
      maxPayload: OptionalSize('Largest message, in bytes; at most 64Mi.', '1Mi'),
      maxConnections: Type.Optional(
        Type.Integer({
          description: 'Maximum number of client connections of each server.',
          [Default]: 65_536,
          format: 'int32',
          minimum: 1,
        }),
      ),
      writeDeadline: Duration(
        'Time limit for a write to a client, after which a slow consumer is disconnected.',
        '10s',
      ),
      pingInterval: Duration('Interval at which idle clients are pinged.', '2m'),
      pingMax: Type.Optional(
        Type.Integer({
          description: 'Number of pings that may go unanswered before a client is disconnected.',
          [Default]: 2,
          format: 'int32',
          minimum: 1,
          maximum: 100,
        }),
      ),
      debug: Type.Optional(Type.Boolean({ description: 'Whether the servers write debug logs.', [Default]: false })),
      trace: Type.Optional(
        Type.Boolean({
          description: 'Whether the servers log every protocol message. Published messages appear in the log.',
          [Default]: false,
        }),
      ),
      merge: Type.Optional(
        FreeMap({
          description:
            'Further settings, by their names in the configuration of NATS, merged into it as by the NATS Helm chart. What the operator sets, and values that NATS would refuse, are refused. The pods roll where a reload is not enough.',
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
      description: `Tag of the ${what} image, optionally with a digest. A leading v of a semantic version is dropped.`,
      pattern: IMAGE_TAG_OR_EMPTY,
      [Default]: defaultVersion,
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
              pattern: CIDR,
            }),
          },
          { description: 'Addresses outside of the cluster.' },
        ),
      ),
    },
    { description: 'A peer that may connect, as in a NetworkPolicy.', [Structure]: 'network peer' },
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

const Peers = (description: string, byDefault: string) =>
  Type.Optional(Type.Array(Peer, { description, maxItems: 32, [DefaultInWords]: byDefault }));

const NetworkPolicy = Type.Object(
  {
    enabled: Type.Optional(
      Type.Boolean({ description: 'Whether a NetworkPolicy is created for the pods.', [Default]: false }),
    ),
    clients: Peers(
      'Peers that may connect to the ports for clients, users, leaf nodes and WebSocket, and to service.extraPorts.',
      'all pods of the cluster; with type NodePort or LoadBalancer, any address',
    ),
    monitor: Peers(
      'Peers that may connect to the monitoring port, which requires no credentials.',
      'MeshSync pods in any namespace, and all pods in the namespace of the Broker',
    ),
    metrics: Peers('Peers that may connect to the port of the exporter.', 'all pods of the cluster'),
  },
  {
    description:
      'NetworkPolicy of the pods: each port accepts only the peers that need it. Routes accept only the servers of the Broker.',
  },
);

const PodDisruptionBudget = withRules(
  Type.Object(
    {
      enabled: Type.Optional(
        Type.Boolean({ description: 'Whether there is one, from two servers on.', [Default]: true }),
      ),
      maxUnavailable: Type.Optional(
        Type.Integer({
          description: 'Servers that may be evicted at a time.',
          minimum: 0,
          maximum: MAX_SIZE,
          [Default]: 1,
        }),
      ),
      minAvailable: Type.Optional(
        Type.Integer({
          description: 'Servers that must stay, instead of maxUnavailable. As many as there are block drains.',
          minimum: 0,
          maximum: MAX_SIZE,
        }),
      ),
      unhealthyPodEvictionPolicy: Type.Optional(
        StringEnum(['IfHealthyBudget', 'AlwaysAllow'], {
          description: 'Whether unhealthy servers may be evicted at any time.',
          [Default]: 'AlwaysAllow',
        }),
      ),
    },
    { description: 'PodDisruptionBudget of the servers.' },
  ),
  [
    {
      rule: '!has(self.minAvailable) || !has(self.maxUnavailable)',
      message: 'must be absent when there is a maxUnavailable',
      fieldPath: '.minAvailable',
      holds: ({ minAvailable, maxUnavailable }) => minAvailable === undefined || maxUnavailable === undefined,
    },
  ],
);

const Reloader = Type.Object(
  {
    version: Version('reloader', brokerDefaults.reloader.version),
    image: Type.Optional(Image(brokerDefaults.reloader.repository)),
    resources: Type.Optional(withDefault(Resources, brokerDefaults.reloader.resources)),
  },
  { description: 'The sidecar that makes NATS reload its configuration when it changes.' },
);

const PromExporter = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean({ description: 'Whether each pod has an exporter.', [Default]: false })),
    version: Version('exporter', brokerDefaults.promExporter.version),
    image: Type.Optional(Image(brokerDefaults.promExporter.repository)),
    resources: Type.Optional(withDefault(Resources, brokerDefaults.promExporter.resources)),
  },
  { description: 'A sidecar that exposes Prometheus metrics on port prom-metrics (7777) of each pod.' },
);

const NatsBox = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean({ description: 'Whether there is one.', [Default]: false })),
    version: Version('nats-box', brokerDefaults.natsBox.version),
    image: Type.Optional(Image(brokerDefaults.natsBox.repository)),
    resources: Type.Optional(withDefault(ExtraResources, brokerDefaults.natsBox.resources)),
    tls: Type.Optional(
      Type.Object(
        {
          secretName: Type.Optional(
            ObjectName('Secret with tls.crt and tls.key of a client. Required by spec.tls.verify.'),
          ),
        },
        { description: 'The client certificate of the command line.' },
      ),
    ),
  },
  {
    description:
      'Deployment <service>-box with the command line of NATS, ready to connect: kubectl exec -it deployment/<service>-box -- nats sub ">". Whoever may do that has full access to the broker.',
  },
);

/** A rule of the spec: a size of JetStream that is memory of the container. */
function belowMemoryLimit(
  fieldPath: string,
  unless: string,
  sizeOf: (jetstream: Static<typeof JetStream>) => string | undefined,
): Rule<SizedSpec> {
  const size = `self${fieldPath}`;
  const limit = brokerDefaults.resources.limits.memory;
  return {
    rule: `!has(self.jetstream) || ${unless} || !isQuantity(${size}) || (has(self.resources) && (has(self.resources.limits) || has(self.resources.requests)) ? (!has(self.resources.limits) || !has(self.resources.limits.memory) || quantity(${size}).isLessThan(quantity(string(self.resources.limits.memory)))) : quantity(${size}).isLessThan(quantity('${limit}')))`,
    message: `must be less than resources.limits.memory, which is ${limit} by default`,
    fieldPath,
    holds: ({ jetstream = {}, resources = brokerDefaults.resources }) => {
      const used = sizeOf(jetstream);
      const most = resources.limits?.memory;
      return used === undefined || most === undefined || bytes(used) < bytes(most);
    },
  };
}

/** The fields that the rules of sizes read. */
interface SizedSpec {
  jetstream?: Static<typeof JetStream>;
  resources?: Resources;
}

/** CEL: whether a listener is enabled. */
const ENABLED = (field: 'leafNodes' | 'websocket') =>
  `(has(self.${field}) && has(self.${field}.enabled) && self.${field}.enabled)`;

/** CEL: whether there are users besides the clients with the token. */
const HAS_USERS = '(has(self.auth) && has(self.auth.users) && size(self.auth.users) > 0)';

/** CEL: the ports of the client Service. */
const CLIENT_PORT = `(has(self.service) && has(self.service.port) ? self.service.port : ${brokerDefaults.port})`;
const LEAF_PORT = `(has(self.leafNodes.port) ? self.leafNodes.port : ${natsDefaults.leafNodes.port})`;
const WEBSOCKET_PORT = `(has(self.websocket.port) ? self.websocket.port : ${natsDefaults.websocket.port})`;

/** The same in TypeScript. */
const clientPort = ({ service }: { service?: Static<typeof BrokerService> }) => service?.port ?? brokerDefaults.port;
const leafPort = ({ leafNodes }: { leafNodes?: Static<typeof LeafNodes> }) =>
  leafNodes?.port ?? natsDefaults.leafNodes.port;

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
      image: Type.Optional(Image(brokerDefaults.repository)),
      resources: Type.Optional(withDefault(Resources, brokerDefaults.resources)),
      ...containerFields,
      startupProbe: StartupProbe,
      podTemplate: Type.Optional(PodTemplate),
      commonMetadata: Type.Optional(CommonMetadata),
      serviceAccountName: Type.Optional(
        ObjectName('Existing ServiceAccount that the pods run as, without its token.', {
          [DefaultInWords]: 'the one called default',
        }),
      ),
      service: Type.Optional(BrokerService),
      auth: Type.Optional(Auth),
      tls: Type.Optional(Tls),
      jetstream: Type.Optional(JetStream),
      leafNodes: Type.Optional(LeafNodes),
      websocket: Type.Optional(WebSocket),
      config: Type.Optional(Config),
      networkPolicy: Type.Optional(NetworkPolicy),
      podDisruptionBudget: Type.Optional(PodDisruptionBudget),
      reloader: Type.Optional(Reloader),
      promExporter: Type.Optional(PromExporter),
      natsBox: Type.Optional(NatsBox),
    },
    { description: 'The desired broker.', default: {} },
  ),
  [
    belowMemoryLimit(
      '.jetstream.memoryStore.maxSize',
      '!has(self.jetstream.memoryStore)',
      ({ memoryStore }) => memoryStore?.maxSize,
    ),
    belowMemoryLimit(
      '.jetstream.fileStore.size',
      "!has(self.jetstream.fileStore) || !has(self.jetstream.fileStore.medium) || self.jetstream.fileStore.medium == ''",
      ({ fileStore }) => (fileStore?.medium ? fileStore.size : undefined),
    ),
    {
      rule: `!has(self.jetstream) || (!has(self.jetstream.fileStore) && !has(self.jetstream.memoryStore)) || (has(self.jetstream.domain) && self.jetstream.domain != '') || !has(self.leafNodes) || (!${ENABLED('leafNodes')} && (!has(self.leafNodes.remotes) || size(self.leafNodes.remotes) == 0))`,
      message: 'is required by leafNodes, so that JetStream of the Broker and that of others stay apart',
      fieldPath: '.jetstream.domain',
      holds: ({ jetstream = {}, leafNodes = {} }) =>
        !(jetstream.fileStore || jetstream.memoryStore) ||
        Boolean(jetstream.domain) ||
        !(leafNodes.enabled || leafNodes.remotes?.length),
    },
    {
      rule: "!has(self.jetstream) || !has(self.jetstream.encryptionKeySecretRef) || self.jetstream.encryptionKeySecretRef.name == '' || has(self.jetstream.fileStore)",
      message: 'is required by encryptionKeySecretRef',
      fieldPath: '.jetstream.fileStore',
      holds: ({ jetstream = {} }) => !jetstream.encryptionKeySecretRef?.name || Boolean(jetstream.fileStore),
    },
    {
      rule: `!${ENABLED('leafNodes')} || ${LEAF_PORT} != ${CLIENT_PORT}`,
      message: 'must differ from service.port',
      fieldPath: '.leafNodes.port',
      holds: (spec) => !spec.leafNodes?.enabled || leafPort(spec) !== clientPort(spec),
    },
    {
      rule: `!${ENABLED('websocket')} || !(${WEBSOCKET_PORT} in [${CLIENT_PORT}, ${ENABLED('leafNodes')} ? ${LEAF_PORT} : 0])`,
      message: 'must differ from service.port and leafNodes.port',
      fieldPath: '.websocket.port',
      holds: (spec) => {
        const port = spec.websocket?.port ?? natsDefaults.websocket.port;
        if (!spec.websocket?.enabled) return true;
        return port !== clientPort(spec) && !(spec.leafNodes?.enabled && port === leafPort(spec));
      },
    },
    {
      rule: "!has(self.natsBox) || !has(self.natsBox.enabled) || !self.natsBox.enabled || !has(self.tls) || !has(self.tls.verify) || !self.tls.verify || (has(self.natsBox.tls) && has(self.natsBox.tls.secretName) && self.natsBox.tls.secretName != '')",
      message: 'is required when tls.verify is true',
      fieldPath: '.natsBox.tls.secretName',
      holds: ({ natsBox, tls }) => !natsBox?.enabled || !tls?.verify || Boolean(natsBox.tls?.secretName),
    },
    {
      rule: `!has(self.podTemplate) || !has(self.podTemplate.spec) || !has(self.podTemplate.spec.terminationGracePeriodSeconds) || self.podTemplate.spec.terminationGracePeriodSeconds >= ${MIN_GRACE_PERIOD_SECONDS}`,
      message: `must be at least ${MIN_GRACE_PERIOD_SECONDS}: in lame duck mode, a server takes up to 40 seconds to move its clients`,
      fieldPath: '.podTemplate.spec.terminationGracePeriodSeconds',
      holds: ({ podTemplate }) =>
        (podTemplate?.spec?.terminationGracePeriodSeconds ?? MIN_GRACE_PERIOD_SECONDS) >= MIN_GRACE_PERIOD_SECONDS,
    },
    {
      rule: `!${HAS_USERS} || ${CLIENT_PORT} != ${USERS_PORT}`,
      message: `must not be ${USERS_PORT}, which is the port of auth.users`,
      fieldPath: '.service.port',
      holds: (spec) => !spec.auth?.users?.length || clientPort(spec) !== USERS_PORT,
    },
    {
      rule: `!has(self.service) || !has(self.service.extraPorts) || self.service.extraPorts.all(p, !(${HAS_USERS} && p.port == ${USERS_PORT}) && !(${ENABLED('leafNodes')} && p.port == ${LEAF_PORT}) && !(${ENABLED('websocket')} && p.port == ${WEBSOCKET_PORT}))`,
      message: 'must have ports that differ from those of auth.users, leafNodes and websocket',
      fieldPath: '.service.extraPorts',
      holds: (spec) => {
        const taken = [
          ...(spec.auth?.users?.length ? [USERS_PORT] : []),
          ...(spec.leafNodes?.enabled ? [leafPort(spec)] : []),
          ...(spec.websocket?.enabled ? [spec.websocket.port ?? natsDefaults.websocket.port] : []),
        ];
        return (spec.service?.extraPorts ?? []).every(({ port }) => !taken.includes(port));
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
            Type.String({
              description:
                'Address for clients inside the cluster, as host:port; published when the first server is ready.',
            }),
          ),
          external: Type.Optional(
            Type.String({
              description:
                'Address for clients outside the cluster, as host:port: the override, that of the load balancer, or, for a node port, that of a node with a server.',
            }),
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
