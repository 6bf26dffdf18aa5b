import { type Static, type TProperties, type TSchema, Type } from '@sinclair/typebox';
import { DefaultInWords } from '../schema/defaults.ts';
import { DNS_SUBDOMAIN, type FieldOptions, pattern, StringEnum, Structure } from '../schema/fields.ts';
import { EmptyCounts, OnlyRequiredInCrd, Verbatim, withRules } from '../schema/rules.ts';
import { Quantity, requestsWithinLimits, resourceQuantities } from './quantities.ts';

/** The fields of containers that specs can set, under the names that Kubernetes gives them. */

const DNS_LABEL = pattern('a DNS label', '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$');
const PORT_NAME = pattern(
  'lower-case letters, digits and single dashes, at least one letter',
  '^([0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$',
);
/** Names of variables and keys do not begin with two dots. */
const ENV_NAME = pattern(
  'letters, digits and -_., not a digit first',
  '^([-_a-zA-Z]|\\.[-_a-zA-Z0-9])[-._a-zA-Z0-9]*$',
);
const KEY = pattern('letters, digits and -_.', '^\\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$');
/** A DNS-1123 subdomain in any case. */
const CSI_DRIVER = pattern('a DNS subdomain in any case', DNS_SUBDOMAIN.replaceAll('a-z', 'A-Za-z'));
const ABSOLUTE_PATH = pattern('an absolute path without a colon', '^/[^:]*$');
const CAPABILITY = pattern('upper-case letters and _', '^[A-Z_]+$');
const IMAGE = pattern('text without white space', '^\\S+$');
const RESOURCES = ['cpu', 'memory', 'ephemeral-storage'].flatMap((name) => [`limits.${name}`, `requests.${name}`]);
const HOST_PATH_TYPES = [
  'DirectoryOrCreate',
  'Directory',
  'FileOrCreate',
  'File',
  'Socket',
  'CharDevice',
  'BlockDevice',
];

/** The largest number of a field of 32 bits, as most numbers of Kubernetes are. */
export const MAX_INT32 = 2 ** 31 - 1;

/** An object of which the CRD declares the required fields only; the hooks refuse fields that they do not know. */
function Loose<Properties extends TProperties>(properties: Properties, options: FieldOptions) {
  return Type.Object(properties, { ...options, additionalProperties: false, [OnlyRequiredInCrd]: true });
}

/** A schema that several fields share, with its name in the reference. */
function structure<Schema extends TSchema>(name: string, schema: Schema): Schema {
  return { ...schema, [Structure]: name };
}

/** An object inside such an object, which the CRD does not declare. */
function Exact<Properties extends TProperties>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false });
}

const text = (maxLength = 4096) => Type.String({ maxLength });
const texts = () => Type.Array(text(), { maxItems: 64 });
const objectName = () => Type.String({ maxLength: 253, pattern: DNS_SUBDOMAIN });
const flag = () => Type.Optional(Type.Boolean());
const id = () => Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_INT32 }));
const mode = () => Type.Optional(Type.Integer({ minimum: 0, maximum: 0o777 }));

const KeySelector = () =>
  Exact({ name: objectName(), key: Type.String({ maxLength: 253, pattern: KEY }), optional: flag() });

const FieldSelector = () =>
  Exact({
    apiVersion: Type.Optional(Type.Literal('v1')),
    fieldPath: text(400),
  });

const EnvVar = Loose(
  {
    name: Type.String({ description: 'Name of the variable.', maxLength: 253, pattern: ENV_NAME }),
    value: Type.Optional(text(32_768)),
    valueFrom: Type.Optional(
      Exact({
        secretKeyRef: Type.Optional(KeySelector()),
        configMapKeyRef: Type.Optional(KeySelector()),
        fieldRef: Type.Optional(FieldSelector()),
        resourceFieldRef: Type.Optional(
          Exact({
            containerName: Type.Optional(text(63)),
            resource: StringEnum(RESOURCES, { description: 'A request or a limit of a container.' }),
            divisor: Type.Optional(text(3)),
          }),
        ),
      }),
    ),
  },
  {
    description: 'A variable: value, or valueFrom with secretKeyRef, configMapKeyRef, fieldRef or resourceFieldRef.',
    [Structure]: 'environment variable',
  },
);
export type EnvVar = Static<typeof EnvVar>;

const Source = () => Exact({ name: objectName(), optional: flag() });

const EnvFrom = Loose(
  {
    prefix: Type.Optional(Type.String({ maxLength: 253, pattern: ENV_NAME })),
    secretRef: Type.Optional(Source()),
    configMapRef: Type.Optional(Source()),
  },
  {
    description: 'All keys of a Secret (secretRef) or a ConfigMap (configMapRef), optionally with a prefix.',
    [Structure]: 'environment source',
  },
);
export type EnvFrom = Static<typeof EnvFrom>;

const VolumeMount = Loose(
  {
    name: Type.String({ description: 'Name of the volume.', maxLength: 63, pattern: DNS_LABEL }),
    mountPath: Type.String({ description: 'Path in the container.', maxLength: 1024, pattern: ABSOLUTE_PATH }),
    readOnly: flag(),
    subPath: Type.Optional(text(1024)),
  },
  { description: 'A mount of a volume, also with readOnly and subPath.', [Structure]: 'volume mount' },
);
export type VolumeMount = Static<typeof VolumeMount>;

const Env = Type.Array(EnvVar, {
  description: 'Environment variables besides those of the operator.',
  maxItems: 64,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
});

const EnvFroms = Type.Array(EnvFrom, {
  description: 'Sources of environment variables; a variable of the operator wins.',
  maxItems: 16,
});

const VolumeMounts = Type.Array(VolumeMount, {
  description: 'Mounts of podTemplate.spec.extraVolumes in the container.',
  maxItems: 32,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['mountPath'],
});

/** The times and thresholds of a probe. */
const times = {
  initialDelaySeconds: Count('Seconds before the first probe.', 0),
  periodSeconds: Count('Seconds between two probes.', 1),
  timeoutSeconds: Count('Seconds until a probe fails.', 1),
  failureThreshold: Count('Failures in a row that count.', 1),
};

function Count(description: string, minimum: number) {
  return Type.Optional(Type.Integer({ description, minimum, maximum: MAX_INT32 }));
}

const ProbeTimes = (description: string) =>
  Type.Optional(Type.Object(times, { description, [Structure]: 'probe times' }));

/** The fields of the container that a resource is about. */
export const containerFields = {
  env: Type.Optional(Env),
  envFrom: Type.Optional(EnvFroms),
  extraVolumeMounts: Type.Optional(VolumeMounts),
  livenessProbe: ProbeTimes('Times of the probe that restarts the container.'),
  readinessProbe: ProbeTimes('Times of the probe that decides whether clients are sent to the pod.'),
};

/** That of a container with a long start. */
export const StartupProbe = ProbeTimes('Times of the probe that the others wait for.');

/** Times of a probe that replace the default ones. */
export type ProbeTimes = NonNullable<Static<ReturnType<typeof ProbeTimes>>>;

const seccompProfile = () =>
  Type.Optional(
    Exact({
      type: StringEnum(['RuntimeDefault', 'Localhost', 'Unconfined'], { description: 'Kind of the profile.' }),
      localhostProfile: Type.Optional(text(1024)),
    }),
  );

const capabilities = () => Type.Optional(Type.Array(Type.String({ maxLength: 64, pattern: CAPABILITY })));

const ContainerSecurityContext = Exact({
  allowPrivilegeEscalation: flag(),
  capabilities: Type.Optional(Exact({ add: capabilities(), drop: capabilities() })),
  privileged: flag(),
  readOnlyRootFilesystem: flag(),
  runAsGroup: id(),
  runAsNonRoot: flag(),
  runAsUser: id(),
  seccompProfile: seccompProfile(),
});

/** The security context of the pods. */
export const PodSecurityContext = Loose(
  {
    fsGroup: id(),
    fsGroupChangePolicy: Type.Optional(StringEnum(['OnRootMismatch', 'Always'], { description: 'When it is set.' })),
    runAsGroup: id(),
    runAsNonRoot: flag(),
    runAsUser: id(),
    seccompProfile: seccompProfile(),
    seLinuxOptions: Type.Optional(
      Exact({
        level: Type.Optional(text(253)),
        role: Type.Optional(text(253)),
        type: Type.Optional(text(253)),
        user: Type.Optional(text(253)),
      }),
    ),
    supplementalGroups: Type.Optional(Type.Array(Type.Integer({ minimum: 0, maximum: MAX_INT32 }), { maxItems: 32 })),
  },
  {
    description:
      'Replaces single fields of the security context of the pods: runAsUser, runAsGroup, runAsNonRoot, fsGroup, fsGroupChangePolicy, supplementalGroups, seccompProfile, seLinuxOptions.',
    [Structure]: 'pod security context',
  },
);

const port = () => Type.Integer({ minimum: 1, maximum: 65_535 });

/** A port by its number or its name, as in a Service. */
export function PortOrName(description: string, defaultInWords?: string) {
  return Type.Union([port(), Type.String({ pattern: PORT_NAME, maxLength: 15 })], {
    description,
    'x-kubernetes-int-or-string': true,
    [Verbatim]: true,
    ...(defaultInWords !== undefined && { [DefaultInWords]: defaultInWords }),
  });
}

const Probe = structure(
  'probe',
  Exact({
    ...times,
    exec: Type.Optional(Exact({ command: texts() })),
    httpGet: Type.Optional(
      Exact({
        path: Type.Optional(text(1024)),
        port: PortOrName('Port of the container.'),
        scheme: Type.Optional(StringEnum(['HTTP', 'HTTPS'], { description: 'Scheme of the request.' })),
      }),
    ),
    tcpSocket: Type.Optional(Exact({ port: PortOrName('Port of the container.') })),
  }),
);

const resources = {
  limits: Type.Optional(Exact(resourceQuantities)),
  requests: Type.Optional(Exact(resourceQuantities)),
};

/** `resources` of a container beside the servers. */
export const ExtraResources = withRules(
  Loose(resources, {
    description: 'Compute resources of the container: requests and limits of cpu, memory and ephemeral-storage.',
    [Structure]: 'resources',
  }),
  requestsWithinLimits,
);

const ExtraContainer = (description: string) =>
  Loose(
    {
      name: Type.String({ description: 'Name of the container.', maxLength: 63, pattern: DNS_LABEL }),
      image: Type.String({ description: 'Image of the container.', maxLength: 1024, pattern: IMAGE }),
      imagePullPolicy: Type.Optional(
        StringEnum(['Always', 'IfNotPresent', 'Never'], { description: 'When the image is pulled.' }),
      ),
      command: Type.Optional(texts()),
      args: Type.Optional(texts()),
      workingDir: Type.Optional(text(1024)),
      env: Type.Optional(Type.Array(EnvVar, { maxItems: 64 })),
      envFrom: Type.Optional(Type.Array(EnvFrom, { maxItems: 16 })),
      ports: Type.Optional(
        Type.Array(
          Exact({
            containerPort: port(),
            name: Type.Optional(Type.String({ pattern: PORT_NAME, maxLength: 15 })),
            protocol: Type.Optional(StringEnum(['TCP', 'UDP', 'SCTP'], { description: 'Protocol of the port.' })),
          }),
          { maxItems: 16 },
        ),
      ),
      volumeMounts: Type.Optional(Type.Array(VolumeMount, { maxItems: 32 })),
      resources: Type.Optional(ExtraResources),
      securityContext: Type.Optional(ContainerSecurityContext),
      livenessProbe: Type.Optional(Probe),
      readinessProbe: Type.Optional(Probe),
      startupProbe: Type.Optional(Probe),
      restartPolicy: Type.Optional(Type.Literal('Always')),
    },
    { description, [Structure]: 'container' },
  );

const ownContainers = (description: string, item: string) =>
  Type.Array(ExtraContainer(item), {
    description,
    maxItems: 8,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
  });

const CONTAINER =
  'A container, also with imagePullPolicy, command, args, workingDir, env, envFrom, ports, volumeMounts, resources, securityContext (default: restricted), livenessProbe, readinessProbe and startupProbe.';

export const ExtraContainers = ownContainers('More containers of the pods.', CONTAINER);
export const InitContainers = ownContainers(
  'Containers that run before the others; with restartPolicy Always, beside them.',
  CONTAINER,
);
export type ExtraContainer = Static<typeof ExtraContainers>[number];

const Items = () =>
  Type.Optional(
    Type.Array(
      structure(
        'volume item',
        Exact({ key: Type.String({ maxLength: 253, pattern: KEY }), path: text(1024), mode: mode() }),
      ),
      { maxItems: 64 },
    ),
  );

const Volume = Loose(
  {
    name: Type.String({ description: 'Name of the volume.', maxLength: 63, pattern: DNS_LABEL }),
    configMap: Type.Optional(Exact({ name: objectName(), items: Items(), defaultMode: mode(), optional: flag() })),
    csi: Type.Optional(
      Exact({
        driver: Type.String({ maxLength: 63, pattern: CSI_DRIVER }),
        fsType: Type.Optional(text(63)),
        nodePublishSecretRef: Type.Optional(Exact({ name: objectName() })),
        readOnly: flag(),
        volumeAttributes: Type.Optional(Type.Record(Type.String(), text())),
      }),
    ),
    emptyDir: Type.Optional({
      ...Exact({
        medium: Type.Optional(Type.Literal('Memory')),
        sizeLimit: Type.Optional(Quantity('Size of the volume.')),
      }),
      [EmptyCounts]: true,
    }),
    hostPath: Type.Optional(
      Exact({
        path: text(1024),
        type: Type.Optional(StringEnum(['', ...HOST_PATH_TYPES], { description: 'What there must be.' })),
      }),
    ),
    persistentVolumeClaim: Type.Optional(Exact({ claimName: objectName(), readOnly: flag() })),
    projected: Type.Optional(
      Exact({
        defaultMode: mode(),
        sources: Type.Array(
          Exact({
            configMap: Type.Optional(Exact({ name: objectName(), items: Items(), optional: flag() })),
            secret: Type.Optional(Exact({ name: objectName(), items: Items(), optional: flag() })),
            serviceAccountToken: Type.Optional(
              Exact({
                audience: Type.Optional(text(253)),
                expirationSeconds: Type.Optional(Type.Integer({ minimum: 600, maximum: 2 ** 32 })),
                path: text(1024),
              }),
            ),
          }),
          { maxItems: 16 },
        ),
      }),
    ),
    secret: Type.Optional(Exact({ secretName: objectName(), items: Items(), defaultMode: mode(), optional: flag() })),
  },
  {
    description: 'A volume: one of configMap, csi, emptyDir, hostPath, persistentVolumeClaim, projected, secret.',
    [Structure]: 'volume',
  },
);

export const ExtraVolumes = Type.Array(Volume, {
  description: 'More volumes of the pods.',
  maxItems: 16,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
});
export type ExtraVolume = Static<typeof Volume>;
