import type { Json, JsonObject } from '../stand-in/json.ts';

const pod = (spec: JsonObject): JsonObject => ({ podTemplate: { spec } });
const container = (more: JsonObject, list = 'extraContainers') => pod({ [list]: [{ name: 'a', image: 'a', ...more }] });
const volume = (more: JsonObject) => pod({ extraVolumes: [{ name: 'a', ...more }] });
const variable = (valueFrom: JsonObject, name = 'A'): JsonObject => ({ env: [{ name, valueFrom }] });
const mounted = (more: JsonObject): JsonObject => ({
  ...volume({ emptyDir: {} }),
  extraVolumeMounts: [{ name: 'a', mountPath: '/a', ...more }],
});
const listener = (name: string, more: JsonObject = {}): JsonObject => ({
  ...{ name, image: 'a', ports: [{ containerPort: 9000 }] },
  ...more,
});
const secret = (path: string) => ({ secret: { name: 's', items: [{ key: 'a', path }] } });
const TOO_MUCH = 2 ** 31;

/** Specs of both kinds with pods that Kubernetes refuses: the path that the hooks name, and a part of what they say of it. */
export const REFUSED_PODS: [spec: JsonObject, path: string, message: string][] = [
  [mounted({ subPath: 'a/../b' }), 'extraVolumeMounts[0].subPath', 'must be a relative path without ..'],
  [mounted({ subPath: '/a' }), 'extraVolumeMounts[0].subPath', 'must be a relative path without ..'],
  [
    volume({ secret: { secretName: 's', items: [{ key: 'a', path: '/a' }] } }),
    'podTemplate.spec.extraVolumes[0].secret.items[0].path',
    'must be a relative path without ..',
  ],
  [
    volume({ secret: { secretName: 's', items: [{ key: 'a', path: '' }] } }),
    'podTemplate.spec.extraVolumes[0].secret.items[0].path',
    'is required',
  ],
  [
    volume({ configMap: { name: 's', items: [{ key: 'a', path: '..a' }] } }),
    'podTemplate.spec.extraVolumes[0].configMap.items[0].path',
    'must not begin with ..',
  ],
  [
    volume({ projected: { sources: [{ serviceAccountToken: { path: 'a/../b' } }] } }),
    'podTemplate.spec.extraVolumes[0].projected.sources[0].serviceAccountToken.path',
    'must be a relative path without ..',
  ],
  [
    volume({ projected: { sources: [secret('a'), secret('a')] } }),
    'podTemplate.spec.extraVolumes[0].projected.sources[1]',
    'must have files of which no other source has the path',
  ],
  [
    volume({ hostPath: { path: '/a', type: 'Folder' } }),
    'podTemplate.spec.extraVolumes[0].hostPath.type',
    'must be one of',
  ],
  [volume({ hostPath: { path: '/a/../b' } }), 'podTemplate.spec.extraVolumes[0].hostPath.path', 'without ..'],
  [volume({ csi: { driver: 'a_b' } }), 'podTemplate.spec.extraVolumes[0].csi.driver', 'must match'],
  [variable({ fieldRef: { fieldPath: 'spec.nope' } }), 'env[0].valueFrom.fieldRef.fieldPath', 'must be one of'],
  [
    variable({ fieldRef: { fieldPath: "metadata.labels['a b']" } }),
    'env[0].valueFrom.fieldRef.fieldPath',
    'must be one of',
  ],
  [
    variable({ resourceFieldRef: { containerName: 'own', resource: 'limits.gpu' } }),
    'env[0].valueFrom.resourceFieldRef.resource',
    'must be one of',
  ],
  [
    variable({ resourceFieldRef: { containerName: 'own', resource: 'limits.cpu', divisor: '1Mi' } }),
    'env[0].valueFrom.resourceFieldRef.divisor',
    'must be 1 or 1m',
  ],
  [
    variable({ resourceFieldRef: { containerName: 'own', resource: 'limits.memory', divisor: '1m' } }),
    'env[0].valueFrom.resourceFieldRef.divisor',
    'must be 1 with a suffix',
  ],
  [variable({ secretKeyRef: { name: 'a', key: '..a' } }), 'env[0].valueFrom.secretKeyRef.key', 'must match'],
  [variable({ configMapKeyRef: { name: 'a', key: '.' } }), 'env[0].valueFrom.configMapKeyRef.key', 'must match'],
  [
    container({ ports: [{ containerPort: 9000, name: '123' }] }),
    'podTemplate.spec.extraContainers[0].ports[0].name',
    'must match',
  ],
  [
    container({ ports: [{ containerPort: 9000, name: 'a--b' }] }),
    'podTemplate.spec.extraContainers[0].ports[0].name',
    'must match',
  ],
  [
    pod({ hostNetwork: true, extraContainers: [listener('a'), listener('b')] }),
    'podTemplate.spec.extraContainers[1].ports[0].containerPort',
    'must not be a port of another container',
  ],
  [
    container({ readinessProbe: { httpGet: { port: '8080' } } }),
    'podTemplate.spec.extraContainers[0].readinessProbe.httpGet.port',
    'must be an integer in range',
  ],
  [
    container({ readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: TOO_MUCH } }),
    'podTemplate.spec.extraContainers[0].readinessProbe.periodSeconds',
    'must be less or equal to 2147483647',
  ],
  [{ livenessProbe: { initialDelaySeconds: TOO_MUCH } }, 'livenessProbe.initialDelaySeconds', 'less or equal'],
  ...['livenessProbe', 'readinessProbe', 'startupProbe'].map((name): [JsonObject, string, string] => [
    container({ [name]: { tcpSocket: { port: 9000 } } }, 'initContainers'),
    `podTemplate.spec.initContainers[0].${name}`,
    'is only valid in init containers with restartPolicy Always',
  ]),
  [
    container({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    'podTemplate.spec.extraContainers[0].securityContext.allowPrivilegeEscalation',
    'must not be false',
  ],
  [
    container({ securityContext: { capabilities: { add: ['CAP_SYS_ADMIN'] }, allowPrivilegeEscalation: false } }),
    'podTemplate.spec.extraContainers[0].securityContext.allowPrivilegeEscalation',
    'must not be false',
  ],
  [
    container({ securityContext: { runAsUser: TOO_MUCH } }),
    'podTemplate.spec.extraContainers[0].securityContext.runAsUser',
    'less or equal',
  ],
  ...[{ type: 'Localhost' }, { type: 'RuntimeDefault', localhostProfile: 'a' }].map(
    (seccompProfile): [JsonObject, string, string] => [
      pod({ securityContext: { seccompProfile } }),
      'podTemplate.spec.securityContext.seccompProfile.localhostProfile',
      'must be there with type Localhost',
    ],
  ),
  [
    container({ securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: '/a' } } }),
    'podTemplate.spec.extraContainers[0].securityContext.seccompProfile.localhostProfile',
    'must be a relative path',
  ],
  [pod({ securityContext: { fsGroup: TOO_MUCH } }), 'podTemplate.spec.securityContext.fsGroup', 'less or equal'],
  [
    pod({ securityContext: { supplementalGroups: [TOO_MUCH] } }),
    'podTemplate.spec.securityContext.supplementalGroups[0]',
    'less or equal',
  ],
  [pod({ dnsConfig: { searches: ['Not a domain'] } }), 'podTemplate.spec.dnsConfig.searches[0]', 'must match'],
  [
    pod({ dnsConfig: { searches: Array.from({ length: 32 }, (_, index) => `${'a'.repeat(63)}.b${index}`) } }),
    'podTemplate.spec.dnsConfig.searches',
    'at most 2048 characters',
  ],
  [container({ image: ' a' }), 'podTemplate.spec.extraContainers[0].image', 'must match'],
];

/** Specs that a version of Kubernetes accepts, but with which pods would not do what they should; refused too. */
export const HARMFUL_PODS: [spec: JsonObject, path: string, message: string][] = [
  // Only Kubernetes 1.32 and later accept these.
  [{ env: [{ name: '..a', value: 'a' }] }, 'env[0].name', 'must match'],
  [{ envFrom: [{ prefix: '..', secretRef: { name: 'a' } }] }, 'envFrom[0].prefix', 'must match'],
  [pod({ dnsConfig: { searches: ['_a.b'] } }), 'podTemplate.spec.dnsConfig.searches[0]', 'must match'],
  // Only earlier ones accept these.
  [
    pod({ hostAliases: [{ ip: '::ffff:192.0.2.1', hostnames: ['a'] }] }),
    'podTemplate.spec.hostAliases[0].ip',
    'no IPv4 address in the notation of IPv6',
  ],
  // Kubernetes compares paths as they are written, and the runtime mounts one over the other.
  [
    { ...volume({ emptyDir: {} }), extraVolumeMounts: ['/a', '/a/.'].map((mountPath) => ({ name: 'a', mountPath })) },
    'extraVolumeMounts[1].mountPath',
    'must be unique',
  ],
  // The second container that listens on a port does not start.
  [
    pod({ initContainers: [listener('a', { restartPolicy: 'Always' })], extraContainers: [listener('b')] }),
    'podTemplate.spec.extraContainers[0].ports[0].containerPort',
    'must not be a port of another container',
  ],
  // Server-side-apply refuses the first, and dynamic-apply merges the second into one.
  ...['TCP', 'UDP'].map((protocol): [JsonObject, string, string] => [
    container({ ports: [{ containerPort: 53 }, { containerPort: 53, protocol }] }),
    'podTemplate.spec.extraContainers[0].ports[1].containerPort',
    'must be unique in the container, whatever its protocol',
  ]),
];

/** The pod that a spec asks for, besides what the operator puts into it. */
export function podOfSpec(spec: JsonObject): JsonObject {
  const { podTemplate, env, extraVolumeMounts, livenessProbe } = spec as Record<string, JsonObject>;
  const { extraContainers = [], extraVolumes = [], ...others } = (podTemplate?.spec ?? {}) as Record<string, Json[]>;
  const own = {
    ...{
      name: 'own',
      image: 'own',
      ...(env && { env }),
      ...(extraVolumeMounts && { volumeMounts: extraVolumeMounts }),
    },
    ...(livenessProbe && { livenessProbe: { tcpSocket: { port: 80 }, ...livenessProbe } }),
  };
  return { ...others, containers: [own, ...extraContainers], volumes: extraVolumes } as JsonObject;
}
