import { Type } from '@sinclair/typebox';
import { SecretKeyRef } from '../kubernetes/secret-fields.ts';
import { Default, DefaultInWords } from '../schema/defaults.ts';
import { ObjectName, pattern, StringEnum } from '../schema/fields.ts';
import { EmptyCounts, withRules } from '../schema/rules.ts';

/** What an absent field of the listeners and users of NATS means; ports and names as in the NATS Helm chart. */
export const natsDefaults = {
  leafNodes: { port: 7422, passwordKey: 'password', credentialsKey: 'nats.creds' },
  websocket: { port: 8080 },
  users: { passwordKey: 'password', nkeyKey: 'nkey' },
  encryptionKey: 'key',
} as const;

/** Port of the users of `auth.users`, of the servers and the client Service. */
export const USERS_PORT = 4224;

/** Monitoring port of the server of these users, for its probes only. */
export const USERS_MONITOR_PORT = 8224;

/** Port on loopback by which the server of these users connects to the other one in its pod. */
export const USERS_LINK_PORT = 7423;

/** Port of the exporter. */
export const EXPORTER_PORT = 7777;

/** Ports of clients, routes and monitoring, and those of the temporary server of administrators. */
export const SERVER_PORTS = [4222, 4223, 6222, 6223, 8222];

/** Ports of the servers that no listener may have. */
const RESERVED_PORTS = [...SERVER_PORTS, USERS_PORT, USERS_LINK_PORT, USERS_MONITOR_PORT, EXPORTER_PORT];

/** A reference to a key of a Secret in the namespace of the Broker. */
const OwnSecret = (description: string, defaultKey: string) => SecretKeyRef('Broker', description, defaultKey);

/** Certificates of a listener. */
const ListenerTls = (description: string) =>
  Type.Optional(
    Type.Object(
      { secretName: Type.Optional(ObjectName('Secret with tls.crt and tls.key, as created by cert-manager.')) },
      { description },
    ),
  );

const Port = (description: string, byDefault: number) =>
  Type.Optional(Type.Integer({ description, format: 'int32', minimum: 1024, maximum: 65535, [Default]: byDefault }));

/** The rule of a listener. */
const portIsFree = {
  rule: `!has(self.port) || !(self.port in [${RESERVED_PORTS.join(', ')}])`,
  message: 'must not be a port that the operator uses',
  fieldPath: '.port',
  holds: ({ port }: { port?: number }) => port === undefined || !RESERVED_PORTS.includes(port),
};

const USER = pattern('letters, digits and _.@-, not .@- first', '^[A-Za-z0-9_][A-Za-z0-9_.@-]*$');
const USER_OR_EMPTY = pattern('letters, digits and _.@-, not .@- first, or empty', `^$|${USER}`);
const HUB_URL = pattern(
  'a URL of these schemes with a host and an optional port',
  '^(nats-leaf|nats|tls|ws|wss)://(\\[[0-9a-fA-F:]+\\]|[A-Za-z0-9][A-Za-z0-9.-]*)(:[0-9]{1,5})?$',
);
const ORIGIN = pattern('http:// or https://, a host and an optional port', '^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$');

/** What every list of users has in common. */
const users = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['user'] };

const RemoteLeaf = withRules(
  Type.Object(
    {
      url: Type.String({
        description:
          'URL of the leaf node port of the hub, without credentials. The scheme is nats-leaf, nats, tls, ws or wss, for example tls://nats.example.com:7422.',
        maxLength: 512,
        pattern: HUB_URL,
      }),
      user: Type.Optional(Type.String({ description: 'User at the hub.', maxLength: 64, pattern: USER_OR_EMPTY })),
      passwordSecretRef: Type.Optional(OwnSecret('Password of the user.', natsDefaults.leafNodes.passwordKey)),
      credentialsSecretRef: Type.Optional(
        OwnSecret(
          'Credentials file of a user of a hub with JWTs, instead of a user and a password.',
          natsDefaults.leafNodes.credentialsKey,
        ),
      ),
      tls: Type.Optional(
        Type.Object(
          {
            secretName: Type.Optional(
              ObjectName(
                'Secret with ca.crt, which the certificate of the hub must lead to, and, for a hub that demands them, tls.crt and tls.key.',
              ),
            ),
          },
          {
            description: 'TLS to the hub, with tls:// and wss://.',
            [DefaultInWords]: 'the authorities of the image',
          },
        ),
      ),
    },
    { description: 'A hub that the servers connect to.' },
  ),
  [
    {
      rule: "(has(self.user) && self.user != '') == (has(self.passwordSecretRef) && self.passwordSecretRef.name != '')",
      message: 'is required by user, and requires one',
      fieldPath: '.passwordSecretRef',
      holds: ({ user, passwordSecretRef }) => Boolean(user) === Boolean(passwordSecretRef?.name),
    },
    {
      rule: "!has(self.credentialsSecretRef) || self.credentialsSecretRef.name == '' || !has(self.user) || self.user == ''",
      message: 'must be absent when there is a user',
      fieldPath: '.credentialsSecretRef',
      holds: ({ user, credentialsSecretRef }) => !credentialsSecretRef?.name || !user,
    },
  ],
);

/** Leaf nodes: other NATS servers, mostly of other clusters, that share the subjects of the Broker. */
export const LeafNodes = withRules(
  Type.Object(
    {
      enabled: Type.Optional(Type.Boolean({ description: 'Whether the servers accept leaf nodes.', [Default]: false })),
      port: Port('Port for leaf nodes, of the servers and the client Service.', natsDefaults.leafNodes.port),
      tls: ListenerTls('TLS on the port for leaf nodes. Without it, their connections are plain text.'),
      authorization: Type.Optional(
        Type.Object(
          {
            users: Type.Optional(
              Type.Array(
                Type.Object(
                  {
                    user: Type.String({ description: 'Name of the user.', maxLength: 64, pattern: USER }),
                    passwordSecretRef: OwnSecret('Password of the user.', natsDefaults.leafNodes.passwordKey),
                  },
                  { description: 'A user that leaf nodes connect as.' },
                ),
                { description: 'Users, for example one for each cluster.', maxItems: 32, ...users },
              ),
            ),
          },
          { description: 'Who may connect as a leaf node; the token of clients is not accepted.' },
        ),
      ),
      remotes: Type.Optional(
        Type.Array(RemoteLeaf, {
          description: 'Hubs that the servers connect to as leaf nodes, at most one for each cluster of NATS.',
          maxItems: 8,
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['url'],
        }),
      ),
    },
    {
      description:
        'Leaf nodes: other NATS servers that share the subjects of this Broker, such as a central NATS that collects the events of several clusters. A change rolls the pods.',
    },
  ),
  [
    {
      rule: '!has(self.enabled) || !self.enabled || (has(self.authorization) && has(self.authorization.users) && size(self.authorization.users) > 0)',
      message: 'is required by enabled',
      fieldPath: '.authorization.users',
      holds: ({ enabled, authorization }) => !enabled || (authorization?.users ?? []).length > 0,
    },
    portIsFree,
  ],
);

/** The WebSocket listener. */
export const WebSocket = withRules(
  Type.Object(
    {
      enabled: Type.Optional(
        Type.Boolean({ description: 'Whether clients may connect by WebSocket.', [Default]: false }),
      ),
      port: Port('Port for WebSocket, of the servers and the client Service.', natsDefaults.websocket.port),
      tls: ListenerTls('TLS on the port for WebSocket (wss://). Without it, connections are plain text (ws://).'),
      allowedOrigins: Type.Optional(
        Type.Array(
          Type.String({
            description: 'An origin, for example https://meshery.example.com.',
            maxLength: 253,
            pattern: ORIGIN,
          }),
          {
            description: 'Origins of pages that may connect.',
            [DefaultInWords]: 'all',
            maxItems: 32,
            'x-kubernetes-list-type': 'set',
          },
        ),
      ),
      sameOrigin: Type.Optional(
        Type.Boolean({
          description: 'Whether the origin of a page must be the host that it connects to.',
          [Default]: false,
        }),
      ),
      compression: Type.Optional(
        Type.Boolean({ description: 'Whether messages are compressed for clients that ask for it.', [Default]: false }),
      ),
    },
    {
      description:
        'WebSocket, for browsers. They authenticate as users of auth.users where there are any, else with the token. A change rolls the pods.',
    },
  ),
  [portIsFree],
);

const TOKEN = '[A-Za-z0-9_$:@=+%#/-]+';

/** A subject of NATS, with wildcards. */
const SUBJECT = pattern('a subject', `^(>|(${TOKEN}|\\*)(\\.(${TOKEN}|\\*))*(\\.>)?)$`);

const Subjects = (description: string, options: object = {}) =>
  Type.Optional(
    Type.Array(
      Type.String({
        description: 'A subject, with the wildcards * and >, for example meshery.meshsync.>.',
        maxLength: 256,
        pattern: SUBJECT,
      }),
      { description, maxItems: 64, ...options },
    ),
  );

const Permission = (what: string) =>
  Type.Optional(
    Type.Object(
      {
        // Whoever removes the last subject does not mean all.
        allow: Subjects(`Subjects that it may ${what}; an empty list: none.`, {
          [EmptyCounts]: true,
          [DefaultInWords]: 'all',
        }),
        deny: Subjects(`Subjects that it may not ${what}, even if they are allowed.`),
      },
      { description: `Subjects that it may ${what}.` },
    ),
  );

/** Clients besides those that have the token. */
export const Users = Type.Array(
  withRules(
    Type.Object(
      {
        user: Type.String({ description: 'Name of the user.', maxLength: 64, pattern: USER }),
        passwordSecretRef: Type.Optional(
          OwnSecret('Password of the user, or its bcrypt hash.', natsDefaults.users.passwordKey),
        ),
        nkeySecretRef: Type.Optional(
          OwnSecret(
            'Public NKey of the user, which begins with U; its seed stays with the user. The name of the user is not sent then.',
            natsDefaults.users.nkeyKey,
          ),
        ),
        permissions: Type.Optional(
          Type.Object(
            {
              publish: Permission('publish to'),
              subscribe: Permission('subscribe to'),
              allowResponses: Type.Optional(
                Type.Boolean({
                  description:
                    'Whether it may reply to a request whatever publish says. Without publish.allow, it may publish nothing else then.',
                  [Default]: false,
                }),
              ),
            },
            {
              description: 'What the user may do.',
              [DefaultInWords]: 'everything that clients with the token may',
            },
          ),
        ),
      },
      { description: 'A user.' },
    ),
    [
      {
        rule: "(has(self.passwordSecretRef) && self.passwordSecretRef.name != '') != (has(self.nkeySecretRef) && self.nkeySecretRef.name != '')",
        message: 'must have either passwordSecretRef or nkeySecretRef',
        holds: ({ passwordSecretRef, nkeySecretRef }) =>
          Boolean(passwordSecretRef?.name) !== Boolean(nkeySecretRef?.name),
      },
    ],
  ),
  {
    description:
      'Clients besides those with the token, with permissions. They connect to port users of the client Service, where a server of their own in each pod serves them as its leaf node, since NATS refuses users beside a token.',
    maxItems: 32,
    ...users,
  },
);

/** Ciphers of JetStream. */
export const Cipher = StringEnum(['chacha', 'aes'], {
  description: 'Cipher of the encryption. A change encrypts the streams anew.',
  [Default]: 'chacha',
});
