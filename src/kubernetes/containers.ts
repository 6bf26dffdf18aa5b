import { posix } from 'node:path';
import type { V1Container, V1Probe, V1ResourceRequirements, V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import { QUALIFIED_NAME } from '../schema/fields.ts';
import type { FieldError } from '../schema/validate.ts';
import type { EnvFrom, EnvVar, ExtraContainer, ExtraVolume, ProbeTimes, VolumeMount } from './container-fields.ts';
import { restrictedContainer } from './security.ts';

/** What a spec adds to the container that the resource is about. */
export interface ContainerAdditions {
  env?: EnvVar[];
  envFrom?: EnvFrom[];
  extraVolumeMounts?: VolumeMount[];
  livenessProbe?: ProbeTimes;
  readinessProbe?: ProbeTimes;
  startupProbe?: ProbeTimes;
}

/** What of a spec are such additions. */
export function additionsOf(spec: ContainerAdditions): ContainerAdditions {
  const { env, envFrom, extraVolumeMounts, livenessProbe, readinessProbe, startupProbe } = spec;
  return {
    ...(env && { env }),
    ...(envFrom && { envFrom }),
    ...(extraVolumeMounts && { extraVolumeMounts }),
    ...(livenessProbe && { livenessProbe }),
    ...(readinessProbe && { readinessProbe }),
    ...(startupProbe && { startupProbe }),
  };
}

/** A container with what the spec adds to it. Its own variables win over sources, and those of the spec over its own. */
export function withAdditions(
  container: V1Container,
  { env = [], envFrom = [], extraVolumeMounts = [], ...probes }: ContainerAdditions,
): V1Container {
  const replaced = new Set(env.map(({ name }) => name));
  const variables = [...(container.env ?? []).filter(({ name }) => !replaced.has(name)), ...env];
  const mounts = [...(container.volumeMounts ?? []), ...extraVolumeMounts.map(volumeMount)];
  const probe = (name: 'livenessProbe' | 'readinessProbe' | 'startupProbe') => {
    const [own, times] = [container[name], probes[name]];
    return own && times && { [name]: { ...own, ...withoutZero(times) } };
  };
  return {
    ...container,
    ...(variables.length > 0 && { env: variables }),
    ...(envFrom.length > 0 && { envFrom }),
    ...(mounts.length > 0 && { volumeMounts: mounts }),
    ...probe('livenessProbe'),
    ...probe('readinessProbe'),
    ...probe('startupProbe'),
  };
}

/** A container of a spec with the defaults that lists need, and the restricted security context unless it has its own. */
export function extraContainer({
  resources,
  ports,
  volumeMounts,
  securityContext,
  livenessProbe,
  readinessProbe,
  startupProbe,
  ...others
}: ExtraContainer): V1Container {
  const { readOnlyRootFilesystem: _writable, ...restricted } = restrictedContainer;
  return {
    ...others,
    ...(ports && { ports: ports.map((port) => ({ protocol: 'TCP', ...port })) }),
    // In canonical form, quantities are strings.
    ...(resources && { resources: resources as V1ResourceRequirements }),
    ...(volumeMounts && { volumeMounts: volumeMounts.map(volumeMount) }),
    securityContext: securityContext ?? restricted,
    ...(livenessProbe && { livenessProbe: withoutZero(livenessProbe) }),
    ...(readinessProbe && { readinessProbe: withoutZero(readinessProbe) }),
    ...(startupProbe && { startupProbe: withoutZero(startupProbe) }),
  };
}

/** A volume of a spec with the defaults inside lists that dynamic-apply compares as a whole. */
export function extraVolume({ projected, persistentVolumeClaim, emptyDir, ...others }: ExtraVolume): V1Volume {
  const { readOnly, ...claim } = persistentVolumeClaim ?? {};
  const sources = projected?.sources.map(({ serviceAccountToken, ...source }) => ({
    ...source,
    ...(serviceAccountToken && { serviceAccountToken: { expirationSeconds: 3600, ...serviceAccountToken } }),
  }));
  return {
    ...others,
    // In canonical form, quantities are strings.
    ...(emptyDir && { emptyDir: emptyDir as NonNullable<V1Volume['emptyDir']> }),
    ...(persistentVolumeClaim && {
      persistentVolumeClaim: { claimName: persistentVolumeClaim.claimName, ...claim, ...(readOnly && { readOnly }) },
    }),
    ...(projected && sources && { projected: { ...projected, sources } }),
  };
}

/** The API server drops false here, and 0 below: a field that it drops would be a change on every sync. */
function volumeMount({ readOnly, ...mount }: VolumeMount): V1VolumeMount {
  return { ...mount, ...(readOnly && { readOnly }) };
}

function withoutZero<Times extends { initialDelaySeconds?: number }>({
  initialDelaySeconds,
  ...times
}: Times): Omit<Times, 'initialDelaySeconds'> & Pick<V1Probe, 'initialDelaySeconds'> {
  return { ...times, ...(initialDelaySeconds && { initialDelaySeconds }) };
}

/** Names that the operator uses in the pods of a resource. */
export interface ReservedNames {
  /** Labels. */
  labels: string[];
  containers: string[];
  volumes: string[];
  /** Volumes that all pods of the resource have, which other containers may mount too. */
  mountable: string[];
  /** Variables of the container of the resource, each with the field to use instead, if there is one. */
  env: Record<string, string>;
  /** Paths of mounts in that container. */
  mountPaths: string[];
}

/** The first of these fields of a spec that Kubernetes would refuse or that the operator sets, `undefined` without one. */
export function additionsProblem(
  { env = [], envFrom = [], extraVolumeMounts = [] }: ContainerAdditions,
  volumes: ExtraVolume[],
  reserved: ReservedNames,
): FieldError | undefined {
  for (const [index, { name }] of env.entries()) {
    if (!Object.hasOwn(reserved.env, name)) continue;
    const field = reserved.env[name];
    return { path: `spec.env[${index}].name`, message: field ? `must be set by ${field}` : 'is set by the operator' };
  }
  const taken = extraVolumeMounts.findIndex(({ mountPath }) => {
    const mounted = directory(mountPath);
    return reserved.mountPaths.some((path) => covers(path, mounted) || covers(mounted, path));
  });
  if (taken >= 0) {
    return {
      path: `spec.extraVolumeMounts[${taken}].mountPath`,
      message: 'is in a directory that the operator mounts',
    };
  }
  const names = volumes.map(({ name }) => name);
  return (
    environmentProblem({ env, envFrom }, 'spec') ?? mountsProblem(extraVolumeMounts, 'spec.extraVolumeMounts', names)
  );
}

/** Whether a path of a mount is another one, or below it. */
function covers(path: string, inside: string): boolean {
  return inside === path || inside.startsWith(path === '/' ? path : `${path}/`);
}

/** The directory that a path of a mount leads to: Kubernetes compares paths as they are written. */
function directory(mountPath: string): string {
  return posix.resolve('/', mountPath);
}

/** The same for the containers and volumes that a spec adds to the pods. */
export function extrasProblem(
  containers: Record<'initContainers' | 'extraContainers', ExtraContainer[]>,
  volumes: ExtraVolume[],
  reserved: Omit<ReservedNames, 'labels'>,
): FieldError | undefined {
  const path = 'spec.podTemplate.spec';
  const mountable = [...reserved.mountable, ...volumes.map(({ name }) => name)];
  const volumeNames = [...reserved.volumes];
  for (const [index, { name }] of volumes.entries()) {
    if (volumeNames.includes(name)) return notUnique(`${path}.extraVolumes[${index}].name`);
    volumeNames.push(name);
  }
  const containerNames = [...reserved.containers];
  for (const list of ['initContainers', 'extraContainers'] as const) {
    for (const [index, container] of containers[list].entries()) {
      const at = `${path}.${list}[${index}]`;
      if (containerNames.includes(container.name)) return notUnique(`${at}.name`);
      containerNames.push(container.name);
      const problem = containerProblem(container, at, mountable);
      if (problem) return problem;
      if (container.restartPolicy && list === 'extraContainers') {
        return { path: `${at}.restartPolicy`, message: 'is only valid in initContainers' };
      }
      const probe = PROBES.find((name) => container[name]);
      if (probe && list === 'initContainers' && !container.restartPolicy) {
        return { path: `${at}.${probe}`, message: 'is only valid in init containers with restartPolicy Always' };
      }
    }
  }
  for (const [index, volume] of volumes.entries()) {
    const problem = volumeProblem(volume, `${path}.extraVolumes[${index}]`);
    if (problem) return problem;
  }
  return undefined;
}

/**
 * The first port of such a container that another container of the pod listens on: they share the ports of the pod, so that
 * the second one does not start.
 * @param taken ports that the containers of the operator listen on, by TCP
 */
export function portProblem(
  {
    initContainers = [],
    extraContainers = [],
  }: Partial<Record<'initContainers' | 'extraContainers', ExtraContainer[]>>,
  taken: readonly number[],
): FieldError | undefined {
  const own = new Set(taken.map((port) => `TCP ${port}`));
  const others = new Set<string>();
  for (const [list, containers] of Object.entries({ initContainers, extraContainers })) {
    for (const [index, { ports = [], restartPolicy }] of containers.entries()) {
      const keys = ports.map(({ containerPort, protocol = 'TCP' }) => `${protocol} ${containerPort}`);
      for (const [at, key] of keys.entries()) {
        const path = `spec.podTemplate.spec.${list}[${index}].ports[${at}].containerPort`;
        if (own.has(key)) return { path, message: 'must not be a port of the containers of the operator' };
        if (others.has(key)) return { path, message: 'must not be a port of another container' };
      }
      // The others have ended by then.
      if (list === 'extraContainers' || restartPolicy) for (const key of keys) others.add(key);
    }
  }
  return undefined;
}

const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

function notUnique(path: string): FieldError {
  return { path, message: 'must be unique, also among those of the operator' };
}

function containerProblem(container: ExtraContainer, path: string, volumes: string[]): FieldError | undefined {
  const { volumeMounts = [], ports = [], securityContext } = container;
  for (const name of PROBES) {
    const probe = container[name];
    if (probe && oneOf(probe, ['exec', 'httpGet', 'tcpSocket']) !== 1) {
      return { path: `${path}.${name}`, message: 'must have one of exec, httpGet, tcpSocket' };
    }
  }
  return (
    repeatedPort(ports, `${path}.ports`) ??
    (securityContext && securityProblem(securityContext, `${path}.securityContext`)) ??
    environmentProblem(container, path) ??
    mountsProblem(volumeMounts, `${path}.volumeMounts`, volumes)
  );
}

/** Both strategies of Metacontroller tell the ports of a container apart by their numbers, dynamic-apply by these alone. */
function repeatedPort(ports: NonNullable<ExtraContainer['ports']>, path: string): FieldError | undefined {
  const message = 'must be unique in the container';
  for (const [index, { name, containerPort }] of ports.entries()) {
    const before = ports.slice(0, index);
    if (name !== undefined && before.some((port) => port.name === name))
      return { path: `${path}[${index}].name`, message };
    if (before.some((port) => port.containerPort === containerPort)) {
      return { path: `${path}[${index}].containerPort`, message: `${message}, whatever its protocol` };
    }
  }
  return undefined;
}

/** What Kubernetes refuses in the security context of a container or of a pod. */
export function securityProblem(context: SecurityContext, path: string): FieldError | undefined {
  const { privileged, allowPrivilegeEscalation, capabilities, seccompProfile } = context;
  if (allowPrivilegeEscalation === false && (privileged || capabilities?.add?.includes('CAP_SYS_ADMIN'))) {
    const message = 'must not be false for a container that is privileged or adds CAP_SYS_ADMIN';
    return { path: `${path}.allowPrivilegeEscalation`, message };
  }
  if (!seccompProfile) return undefined;
  const { type, localhostProfile } = seccompProfile;
  const at = `${path}.seccompProfile.localhostProfile`;
  if ((type === 'Localhost') !== (localhostProfile !== undefined)) {
    return { path: at, message: 'must be there with type Localhost, and with no other' };
  }
  return localhostProfile === undefined ? undefined : relativeProblem(localhostProfile, at);
}

/** The fields of both that can contradict each other. */
interface SecurityContext {
  privileged?: boolean;
  allowPrivilegeEscalation?: boolean;
  capabilities?: { add?: string[] };
  seccompProfile?: { type: string; localhostProfile?: string };
}

function relativeProblem(text: string, path: string): FieldError | undefined {
  if (!text.startsWith('/') && !hasBackstep(text)) return undefined;
  return { path, message: 'must be a relative path without ..' };
}

function hasBackstep(path: string): boolean {
  return path.split('/').includes('..');
}

function environmentProblem(
  { env = [], envFrom = [] }: Pick<ContainerAdditions, 'env' | 'envFrom'>,
  path: string,
): FieldError | undefined {
  const names = env.map(({ name }) => name);
  for (const [index, { name, value, valueFrom }] of env.entries()) {
    const at = `${path}.env[${index}]`;
    if (names.indexOf(name) !== index) return { path: `${at}.name`, message: 'must be unique' };
    if (!valueFrom) continue;
    if (value !== undefined) return { path: `${at}.valueFrom`, message: 'must be absent when there is a value' };
    if (oneOf(valueFrom, ['secretKeyRef', 'configMapKeyRef', 'fieldRef', 'resourceFieldRef']) !== 1) {
      const message = 'must have one of secretKeyRef, configMapKeyRef, fieldRef, resourceFieldRef';
      return { path: `${at}.valueFrom`, message };
    }
    const problem = sourceProblem(valueFrom, `${at}.valueFrom`);
    if (problem) return problem;
  }
  const index = envFrom.findIndex((source) => oneOf(source, ['secretRef', 'configMapRef']) !== 1);
  if (index < 0) return undefined;
  return { path: `${path}.envFrom[${index}]`, message: 'must have one of secretRef, configMapRef' };
}

/** What a container can read of its pod, from `validEnvDownwardAPIFieldPathExpressions` of Kubernetes' validation. */
const FIELD_PATHS = [
  ...['metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', 'spec.serviceAccountName'],
  ...['status.hostIP', 'status.hostIPs', 'status.podIP', 'status.podIPs'],
];
const METADATA_PATH = new RegExp(`^metadata\\.(labels|annotations)\\['${QUALIFIED_NAME.slice(1, -1)}'\\]$`);

function sourceProblem(
  { fieldRef, resourceFieldRef }: NonNullable<EnvVar['valueFrom']>,
  path: string,
): FieldError | undefined {
  if (fieldRef && !FIELD_PATHS.includes(fieldRef.fieldPath) && !METADATA_PATH.test(fieldRef.fieldPath)) {
    const known = `${FIELD_PATHS.join(', ')}, metadata.labels['<key>'], metadata.annotations['<key>']`;
    return { path: `${path}.fieldRef.fieldPath`, message: `must be one of ${known}` };
  }
  const { resource = '', divisor } = resourceFieldRef ?? {};
  if (divisor === undefined) return undefined;
  const isCpu = resource.endsWith('.cpu');
  if ((isCpu ? /^1m?$/ : /^1([kMGTPE]|[KMGTPE]i)?$/).test(divisor)) return undefined;
  const message = isCpu ? 'must be 1 or 1m' : 'must be 1 with a suffix such as Mi, or without one';
  return { path: `${path}.resourceFieldRef.divisor`, message };
}

function mountsProblem(mounts: VolumeMount[], path: string, volumes: string[]): FieldError | undefined {
  const directories = mounts.map(({ mountPath }) => directory(mountPath));
  for (const [index, { name, subPath = '' }] of mounts.entries()) {
    const at = `${path}[${index}]`;
    const isRepeated = directories.indexOf(directories[index] ?? '') !== index;
    if (isRepeated) return { path: `${at}.mountPath`, message: 'must be unique' };
    if (!volumes.includes(name)) {
      return { path: `${at}.name`, message: 'must name a volume of podTemplate.spec.extraVolumes' };
    }
    const problem = relativeProblem(subPath, `${at}.subPath`);
    if (problem) return problem;
  }
  return undefined;
}

const SOURCES = ['configMap', 'csi', 'emptyDir', 'hostPath', 'persistentVolumeClaim', 'projected', 'secret'] as const;

function volumeProblem(volume: ExtraVolume, path: string): FieldError | undefined {
  if (oneOf(volume, SOURCES) !== 1) return { path, message: `must have one of ${SOURCES.join(', ')}` };
  const { configMap, secret, projected, hostPath } = volume;
  if (hostPath && hasBackstep(hostPath.path)) {
    return { path: `${path}.hostPath.path`, message: 'must be a path without ..' };
  }
  return (
    filesProblem(configMap, `${path}.configMap`) ??
    filesProblem(secret, `${path}.secret`) ??
    projectedProblem(projected?.sources ?? [], `${path}.projected.sources`)
  );
}

type ProjectedSources = NonNullable<ExtraVolume['projected']>['sources'];

function projectedProblem(sources: ProjectedSources, path: string): FieldError | undefined {
  const files = new Set<string>();
  for (const [index, source] of sources.entries()) {
    const at = `${path}[${index}]`;
    if (oneOf(source, ['configMap', 'secret', 'serviceAccountToken']) !== 1) {
      return { path: at, message: 'must have one of configMap, secret, serviceAccountToken' };
    }
    const { configMap, secret, serviceAccountToken: token } = source;
    const problem =
      filesProblem(configMap, `${at}.configMap`) ??
      filesProblem(secret, `${at}.secret`) ??
      (token && fileProblem(token.path, `${at}.serviceAccountToken.path`));
    if (problem) return problem;
    const own = [...((configMap ?? secret)?.items ?? []), ...(token ? [token] : [])].map((file) => file.path);
    for (const file of own) {
      if (files.has(file)) return { path: at, message: `must have files of which no other source has the path` };
      files.add(file);
    }
  }
  return undefined;
}

function filesProblem({ items = [] }: { items?: { path: string }[] } = {}, path: string): FieldError | undefined {
  for (const [index, file] of items.entries()) {
    const problem = fileProblem(file.path, `${path}.items[${index}].path`);
    if (problem) return problem;
  }
  return undefined;
}

/** The path of a file in a volume; Kubernetes has names of its own there, which begin with two dots. */
function fileProblem(file: string | undefined, path: string): FieldError | undefined {
  if (!file) return { path, message: 'is required' };
  if (file.startsWith('..')) return { path, message: 'must not begin with ..' };
  return relativeProblem(file, path);
}

/** How many of some fields an object has. */
function oneOf<Fields extends object>(object: Fields, fields: readonly (keyof Fields)[]): number {
  return fields.filter((field) => object[field] !== undefined).length;
}
