import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { podLabelKeys as brokerLabelKeys } from '../broker/labels.ts';
import { CommonMetadata, commonMetadataProblem } from '../kubernetes/common-metadata.ts';
import { SECURITY_CONTEXTS } from '../kubernetes/security.ts';
import { podLabelKeys as meshSyncLabelKeys } from '../meshsync/labels.ts';
import type { OwnDeployment } from '../metacontroller/own-deployment.ts';
import { OPERATOR } from '../operator.ts';
import { compiled } from '../schema/compiled.ts';
import { DefaultInWords } from '../schema/defaults.ts';
import { DNS_SUBDOMAIN, pattern } from '../schema/fields.ts';
import { describe, validate } from '../schema/validate.ts';

/** Files that are absent by default. */
function files(description: string, defaultInWords = 'none') {
  return Type.String({ default: '', description, [DefaultInWords]: defaultInWords });
}

const REGISTRY = pattern(
  'a registry, optionally with a path',
  '^([a-zA-Z0-9][-a-zA-Z0-9.]*(:[0-9]+)?(/[a-z0-9][-a-z0-9._]*)*)?$',
);
const NAMESPACE = pattern('a DNS label', '^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$');

/** The environment variables of the server. An empty variable is treated as unset. */
export const Config = Type.Object({
  HOST: Type.String({
    default: '',
    description: 'Address to listen on.',
    [DefaultInWords]: 'all addresses, of IPv4 and IPv6 where the node has both',
  }),
  PORT: Type.Integer({
    default: 8080,
    minimum: 0,
    maximum: 65535,
    description: 'Port of the hooks; 0 picks a free one.',
  }),
  MONITORING_PORT: Type.Integer({
    default: 8081,
    minimum: 0,
    maximum: 65535,
    description: 'Port of health and metrics, in plain HTTP; 0 picks a free one.',
  }),
  HOOK_TOKEN_FILES: files(
    'Files with the bearer tokens of the hooks, one per line, all of them valid; comma-separated paths. A file may be missing.',
    'no token is required',
  ),
  TLS_CERT_FILE: files(
    'File with the certificate of the hooks in PEM, followed by its intermediate certificates.',
    'plain HTTP',
  ),
  TLS_KEY_FILE: files('File with the private key of that certificate, in PEM.'),
  TLS_CLIENT_CA_FILE: files(
    'File with the CA certificates, in PEM, that sign the client certificates of callers of the hooks.',
    'no client certificate is required',
  ),
  RELOAD_INTERVAL: Type.Integer({
    default: 10_000,
    minimum: 10,
    maximum: 3_600_000,
    description: 'Interval at which the files of tokens and certificates are re-read, in milliseconds.',
  }),
  MAX_REQUESTS: Type.Integer({
    default: 100,
    minimum: 1,
    maximum: 100_000,
    description:
      'Maximum number of requests to hooks in flight. Further ones get 429, and Metacontroller retries after a second. Their bodies together may be four times BODY_LIMIT.',
  }),
  MAX_EVENT_LOOP_DELAY: Type.Integer({
    default: 500,
    minimum: 0,
    maximum: 60_000,
    description:
      'Mean event loop delay within a second, in milliseconds, above which hooks respond with 429; 0 for no limit.',
  }),
  MAX_CONNECTIONS: Type.Integer({
    default: 1_000,
    minimum: 1,
    maximum: 100_000,
    description: 'Maximum number of concurrent connections. Further ones are closed.',
  }),
  LOG_LEVEL: Type.Union(
    (['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const).map((level) => Type.Literal(level)),
    { default: 'info', description: 'Lowest level that is logged. With debug, every sync is.' },
  ),
  BODY_LIMIT: Type.Integer({
    default: 8 * 1024 * 1024,
    minimum: 1024,
    maximum: 1024 * 1024 * 1024,
    description:
      'Maximum size of a request body, in bytes. A request contains a resource with all of its observed children.',
  }),
  IMAGE_REGISTRY: Type.String({
    default: '',
    pattern: REGISTRY,
    description:
      'Registry, optionally with a path, for the images of brokers and MeshSyncs that name none, for example registry.example.com/mirror.',
    [DefaultInWords]: 'Docker Hub',
  }),
  POD_NAMESPACE: Type.String({
    default: '',
    pattern: NAMESPACE,
    description:
      'Namespace of the service, from the downward API: with it, all resources are synced whenever its Deployment changes.',
    [DefaultInWords]: 'none, as outside of a cluster',
  }),
  DEPLOYMENT_NAME: Type.String({
    default: OPERATOR.name,
    pattern: DNS_SUBDOMAIN,
    description: 'Name of that Deployment.',
  }),
  COMMON_LABELS: Type.String({
    default: '',
    description:
      'Labels of all children and pods of brokers and MeshSyncs, as a JSON object: {"team":"payments"}. spec.commonMetadata and spec.podTemplate of a resource win. A change rolls the pods once.',
    [DefaultInWords]: 'none',
  }),
  COMMON_ANNOTATIONS: Type.String({
    default: '',
    description: 'The same for annotations.',
    [DefaultInWords]: 'none',
  }),
  IMAGE_REGISTRY_LIBRARY: Type.Union([Type.Literal('true'), Type.Literal('false')], {
    default: 'false',
    description:
      'Whether IMAGE_REGISTRY has repositories without a path below library/, as a proxy of Docker Hub does: library/nats instead of nats.',
  }),
  SECURITY_CONTEXT: Type.Union(
    SECURITY_CONTEXTS.map((mode) => Type.Literal(mode)),
    {
      default: 'restricted',
      description:
        'User and groups of the pods of brokers and MeshSyncs: with restricted 65532, with platform those that the platform sets, as OpenShift requires. A change rolls the pods.',
    },
  ),
  DRAIN_TIME: Type.Integer({
    default: 2_000,
    minimum: 0,
    maximum: 600_000,
    description:
      'Time after SIGTERM in which requests are still accepted, and each connection is closed after its response, before idle ones are closed; in milliseconds.',
  }),
  SHUTDOWN_TIMEOUT: Type.Integer({
    default: 20_000,
    minimum: 1,
    maximum: 600_000,
    description: 'Maximum time of a shutdown, in milliseconds.',
  }),
});
export type Config = Static<typeof Config>;

/**
 * Reads the configuration.
 * @param environment variables by name, such as `process.env`
 * @throws an Error with one line that names the variable and what it must be
 */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(
    Object.entries(Config.properties)
      .map(([name, { type }]) => [name, environment[name]?.trim() ?? '', type] as const)
      .filter(([, value]) => value !== '')
      .map(([name, value, type]) => [name, type === 'integer' && /^-?\d+$/.test(value) ? Number(value) : value]),
  );
  const config: unknown = Value.Default(Config, given);
  if (Value.Check(Config, config)) return checked(config);
  const error = Value.Errors(Config, config).First();
  throw new Error(`${error?.path.slice(1)} ${error && describe(error)}`);
}

/** What several variables must be together; the messages name them. */
export const configRules: { message: string; holds: (config: Config) => boolean }[] = [
  {
    message: 'IMAGE_REGISTRY_LIBRARY requires IMAGE_REGISTRY',
    holds: ({ IMAGE_REGISTRY_LIBRARY, IMAGE_REGISTRY }) => IMAGE_REGISTRY_LIBRARY === 'false' || IMAGE_REGISTRY !== '',
  },
  {
    message: 'TLS_CERT_FILE and TLS_KEY_FILE require each other',
    holds: ({ TLS_CERT_FILE, TLS_KEY_FILE }) => (TLS_CERT_FILE === '') === (TLS_KEY_FILE === ''),
  },
  {
    message: 'TLS_CLIENT_CA_FILE requires TLS_CERT_FILE',
    holds: ({ TLS_CLIENT_CA_FILE, TLS_CERT_FILE }) => TLS_CLIENT_CA_FILE === '' || TLS_CERT_FILE !== '',
  },
  {
    message: 'DRAIN_TIME must be less than SHUTDOWN_TIMEOUT',
    holds: ({ DRAIN_TIME, SHUTDOWN_TIMEOUT }) => DRAIN_TIME < SHUTDOWN_TIMEOUT,
  },
];

function checked(config: Config): Config {
  const broken = configRules.find(({ holds }) => !holds(config));
  if (broken) throw new Error(broken.message);
  commonMetadata(config);
  return config;
}

/** The Deployment of the service, `undefined` where the configuration names no namespace. */
export function ownDeployment({ POD_NAMESPACE, DEPLOYMENT_NAME }: Config): OwnDeployment | undefined {
  return POD_NAMESPACE === '' ? undefined : { namespace: POD_NAMESPACE, name: DEPLOYMENT_NAME };
}

const checkCommonMetadata = compiled(CommonMetadata);

/**
 * The labels and annotations of all children and pods.
 * @throws an Error with one line, for a variable that is no JSON object of strings, and for a key that the operator sets
 */
export function commonMetadata({ COMMON_LABELS, COMMON_ANNOTATIONS }: Config): CommonMetadata {
  const variables = { labels: 'COMMON_LABELS', annotations: 'COMMON_ANNOTATIONS' };
  const checked = validate(
    checkCommonMetadata,
    {
      ...(COMMON_LABELS !== '' && { labels: jsonOf(variables.labels, COMMON_LABELS) }),
      ...(COMMON_ANNOTATIONS !== '' && { annotations: jsonOf(variables.annotations, COMMON_ANNOTATIONS) }),
    },
    '',
  );
  if ('error' in checked) {
    const { path, message } = checked.error;
    const field = path.startsWith('.labels') ? 'labels' : 'annotations';
    throw new Error(`${variables[field]}${path.slice(field.length + 1)} ${message}`);
  }
  const problem = commonMetadataProblem(checked.value, [...brokerLabelKeys, ...meshSyncLabelKeys], variables);
  if (problem) throw new Error(`${problem.path} ${problem.message}`);
  return checked.value;
}

function jsonOf(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${name} must be a JSON object such as {"team":"payments"}`);
  }
}
