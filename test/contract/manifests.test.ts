import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { readConfig } from '../../src/server/config.ts';
import { testApp } from '../support/app.ts';
import { pages } from '../support/pages.ts';
import { goTool } from '../tools.ts';

const run = promisify(execFile);

interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  // biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds, read by path
  spec?: any;
  rules?: object[];
  data?: Record<string, string>;
}

let kustomize: string;
beforeAll(async () => {
  kustomize = await goTool('kustomize');
});

async function build(folder: string): Promise<KubernetesObject[]> {
  const { stdout } = await run(kustomize, ['build', folder]);
  return parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject);
}

const names = (objects: KubernetesObject[]) => objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort();

describe('the folders that the documentation names', async () => {
  const texts = await Promise.all(pages.map((page) => readFile(page, 'utf8')));
  const folders = texts.flatMap((text) => [
    ...text.matchAll(/(?:apply|delete) -k ((?:manifests|metacontroller)(?:\/[\w-]+)*)/g),
    ...text.matchAll(/^\| `((?:manifests|metacontroller)\S*)` \|/gm),
  ]);

  it('are found in its pages', () => {
    expect(folders.length).toBeGreaterThan(8);
  });

  it.each([...new Set(folders.map(([, folder]) => folder ?? ''))])('%s is a kustomization', async (folder) => {
    expect((await build(folder)).length).toBeGreaterThan(0);
  });
});

describe('the manifests', () => {
  it('contain everything but the registration and the samples', async () => {
    expect(names(await build('manifests'))).toEqual([
      'ClusterRole/meshery-meshsync',
      'ClusterRoleBinding/meshery-meshsync',
      'CustomResourceDefinition/brokers.meshery.io',
      'CustomResourceDefinition/meshsyncs.meshery.io',
      'Deployment/meshery-operator',
      'Namespace/meshery',
      'NetworkPolicy/meshery-operator',
      'PodDisruptionBudget/meshery-operator',
      'Service/meshery-operator',
    ]);
  });

  it('run the service without a ServiceAccount token and within the restricted Pod Security Standard', async () => {
    const deployment = (await build('manifests')).find(({ kind }) => kind === 'Deployment');
    const pod = deployment?.spec.template.spec;
    expect(deployment?.spec.replicas).toBe(2);
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    const [container] = pod.containers;
    expect(container.name).toBe('manager');
    expect(container.image).toBe(`${packageJson.config.image}:${packageJson.version}`);
    // An image of Meshery's Go operator would run another program.
    expect(container.image).not.toMatch(/(^|\/)meshery\/meshery-operator:/);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    });
  });

  it('leave user and groups to OpenShift by the overlay for it, and change nothing else', async () => {
    const [plain, openshift] = [await build('manifests'), await build('manifests/overlays/openshift')];
    expect(names(openshift)).toEqual(names(plain));
    for (const [index, object] of openshift.entries()) {
      if (object.kind !== 'Deployment') {
        expect(object).toEqual(plain[index]);
        continue;
      }
      const { spec } = object.spec.template;
      expect(spec.securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      const [{ env, ...container }] = spec.containers;
      const [{ env: plainEnv, ...plainContainer }] = plain[index]?.spec.template.spec.containers ?? [];
      expect(container).toEqual(plainContainer);
      expect(env).toEqual(expect.arrayContaining([...plainEnv, { name: 'SECURITY_CONTEXT', value: 'platform' }]));
      expect(env).toHaveLength(plainEnv.length + 1);
    }
  });

  it.each(['.', 'token', 'tls', 'mutual-tls'])(
    'of the component for OpenShift can be combined with %s',
    async (overlay) => {
      const folder = await mkdtemp(join(tmpdir(), 'kustomize-'));
      await cp('manifests', join(folder, 'manifests'), { recursive: true });
      const kustomization = {
        resources: [`manifests/${overlay === '.' ? overlay : `overlays/${overlay}`}`],
        components: ['manifests/components/openshift'],
      };
      await writeFile(join(folder, 'kustomization.yaml'), stringify(kustomization));
      const deployment = (await build(folder)).find(({ kind }) => kind === 'Deployment');
      await rm(folder, { recursive: true });
      expect(JSON.stringify(deployment)).not.toMatch(/runAsUser|runAsGroup|fsGroup/);
      expect(deployment?.spec.template.spec.containers[0].env).toContainEqual({
        name: 'SECURITY_CONTEXT',
        value: 'platform',
      });
    },
  );

  it('never run two versions of the service at once, and tell it its Deployment', async () => {
    const deployment = (await build('manifests')).find(({ kind }) => kind === 'Deployment');
    expect(deployment?.spec.strategy).toEqual({ type: 'Recreate' });
    expect(deployment?.spec.minReadySeconds).toBeGreaterThan(0);
    const { env } = deployment?.spec.template.spec.containers[0] ?? {};
    expect(env).toContainEqual({ name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } });
    expect(deployment?.metadata.name).toBe(readConfig({}).DEPLOYMENT_NAME);
  });

  it('use the same pod selector in Deployment, Service and PodDisruptionBudget', async () => {
    const objects = await build('manifests/operator');
    const find = (ofKind: string) => objects.find(({ kind }) => kind === ofKind)?.spec;
    const selector = find('Deployment').selector.matchLabels;
    expect(find('Service').selector).toEqual(selector);
    expect(find('PodDisruptionBudget').selector.matchLabels).toEqual(selector);
    expect(find('Deployment').template.metadata.labels).toMatchObject(selector);
  });

  it('allow only Metacontroller to reach the hooks, and only the namespace of Prometheus to reach the metrics', async () => {
    const objects = await build('manifests/operator');
    const policy = objects.find(({ kind }) => kind === 'NetworkPolicy')?.spec;
    const deployment = objects.find(({ kind }) => kind === 'Deployment')?.spec;
    expect(policy.podSelector.matchLabels).toEqual(deployment.selector.matchLabels);
    expect([policy.policyTypes, policy.egress]).toEqual([['Ingress', 'Egress'], undefined]);
    const inNamespace = 'kubernetes.io/metadata.name';
    expect(
      policy.ingress.map(({ from, ports }: { from: Record<string, { matchLabels: object }>[]; ports: object[] }) => [
        from.map(({ namespaceSelector }) => namespaceSelector?.matchLabels),
        ports,
      ]),
    ).toEqual([
      [[{ [inNamespace]: 'metacontroller' }], [{ port: 'hooks', protocol: 'TCP' }]],
      [[{ [inNamespace]: 'monitoring' }], [{ port: 'monitoring', protocol: 'TCP' }]],
    ]);
    const ports = deployment.template.spec.containers[0].ports.map(({ name }: { name: string }) => name);
    expect(ports).toEqual(['hooks', 'monitoring']);
  });

  it.each(['prometheus-rule.yaml', 'dashboard.json'])(
    'of the monitoring query only metrics that exist: %s',
    async (file) => {
      const text = await readFile(`manifests/monitoring/${file}`, 'utf8');
      const queried = new Set(text.match(/\b(?:meshery_operator|meshery_resource|process|nodejs)_[a-z0-9_]+/g));
      const { monitoring } = testApp();
      const own = (await monitoring.inject('/metrics')).body.match(/(?<=# TYPE )\S+/g) ?? [];
      const known = new Set([...own, ...(await metricsOfResources())]);
      expect(queried.size).toBeGreaterThan(4);
      expect([...queried].filter((name) => !known.has(name.replace(/_(bucket|count|sum)$/, '')))).toEqual([]);
    },
  );

  it('configure kube-state-metrics by Helm as by kustomize', async () => {
    const folder = 'manifests/monitoring/kube-state-metrics';
    const { customResourceState, rbac } = parse(await readFile(`${folder}/values.yaml`, 'utf8'));
    const objects = await build(folder);
    const configMap = objects.find(({ kind }) => kind === 'ConfigMap');
    expect(customResourceState).toMatchObject({ enabled: true, create: false, name: configMap?.metadata.name });
    expect(Object.keys(configMap?.data ?? {})).toEqual([customResourceState.key]);
    // The chart itself grants the right to read CustomResourceDefinitions.
    const [resources, definitions, ...others] = objects.find(({ kind }) => kind === 'ClusterRole')?.rules ?? [];
    expect(rbac.extraRules).toEqual([resources]);
    expect(definitions).toMatchObject({ resources: ['customresourcedefinitions'] });
    expect(others).toEqual([]);
  });

  it('allow MeshSync to list and watch everything, get only its own resource and the name of the cluster, and write nothing', async () => {
    const roles = (await build('manifests/meshsync')).filter(({ kind }) => kind === 'ClusterRole');
    expect(roles.map(({ metadata }) => metadata.name)).toEqual(['meshery-meshsync']);
    expect(roles[0]?.rules).toEqual([
      { apiGroups: ['*'], resources: ['*'], verbs: ['list', 'watch'] },
      // A get of "*" would reach pods/exec and nodes/proxy.
      { apiGroups: ['meshery.io'], resources: ['meshsyncs'], verbs: ['get'] },
      { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
    ]);
  });

  it('bind that role to the ServiceAccount of the sample', async () => {
    const binding = (await build('manifests/meshsync')).find(({ kind }) => kind === 'ClusterRoleBinding');
    const sample = (await build('manifests/samples')).find(({ kind }) => kind === 'MeshSync');
    const { name, namespace } = sample?.metadata ?? {};
    expect(binding).toMatchObject({
      roleRef: { kind: 'ClusterRole', name: 'meshery-meshsync' },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    });
  });
});

describe('an overlay with another namespace', () => {
  it.each([
    ['manifests', 'metacontroller', 'manifests/samples', 'manifests/monitoring'],
    ...['token', 'tls', 'mutual-tls'].map((overlay) => [
      `manifests/overlays/${overlay}`,
      `metacontroller/overlays/${overlay}`,
    ]),
  ])('moves all of %s and %s', async (...resources) => {
    const folder = await mkdtemp(join(tmpdir(), 'kustomize-'));
    for (const copied of ['manifests', 'metacontroller']) await cp(copied, join(folder, copied), { recursive: true });
    await writeFile(join(folder, 'kustomization.yaml'), stringify({ namespace: 'ops', resources }));
    const objects = await build(folder);
    await rm(folder, { recursive: true });

    const named = namespacesIn(objects);
    expect(new Set(named.map(([, namespace]) => namespace))).toEqual(new Set(['ops']));
    expect(objects.find(({ kind }) => kind === 'Namespace')?.metadata.name).toBe('ops');
    const fields = named.map(([path]) => path);
    for (const path of ['spec.hooks.sync.webhook.service', 'spec.hooks.customize.webhook.service', 'subjects.0']) {
      expect(fields).toContain(`${path}.namespace`);
    }
    if (resources[0] === 'manifests') expect(fields).toContain('spec.broker.native.namespace');
    else expect(fields.filter((path) => path.includes('ecretRef'))).not.toEqual([]);
  });
});

/** Every field `namespace` of some objects that has a string: its path and its value. */
function namespacesIn(value: unknown, path: string[] = []): [path: string, namespace: string][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const here = [...path, key];
    // The first part is the index of the object.
    return key === 'namespace' && typeof child === 'string'
      ? [[here.slice(1).join('.'), child] as [string, string]]
      : namespacesIn(child, here);
  });
}

/** Names of the metrics that kube-state-metrics reports for the resources. */
async function metricsOfResources(): Promise<string[]> {
  const { spec } = parse(await readFile('manifests/monitoring/kube-state-metrics/config.yaml', 'utf8'));
  return spec.resources.flatMap(
    ({ metricNamePrefix, metrics }: { metricNamePrefix: string; metrics: { name: string }[] }) =>
      metrics.map(({ name }) => `${metricNamePrefix}_${name}`),
  );
}

describe('the registration', () => {
  it.each([
    [
      'broker',
      [
        ...['v1/secrets', 'v1/configmaps', 'v1/services', 'apps/v1/statefulsets'],
        ...['policy/v1/poddisruptionbudgets', 'networking.k8s.io/v1/networkpolicies', 'apps/v1/deployments'],
      ],
    ],
    ['meshsync', ['v1/serviceaccounts', 'v1/secrets', 'apps/v1/deployments']],
  ])('of %s updates every kind of child in place and calls hooks of version v2', async (kind, children) => {
    const { spec } = parse(await readFile(`metacontroller/controllers/${kind}.yaml`, 'utf8'));
    expect(spec.parentResource).toEqual({
      apiVersion: 'meshery.io/v1alpha2',
      resource: `${kind}s`,
      ignoreStatusChanges: true,
    });
    expect(spec.generateSelector).toBe(true);
    expect(
      spec.childResources.map(({ apiVersion, resource }: Record<string, string>) => `${apiVersion}/${resource}`),
    ).toEqual(children);
    for (const { updateStrategy } of spec.childResources) expect(updateStrategy).toEqual({ method: 'InPlace' });
    expect(Object.keys(spec.hooks)).toEqual(['sync', 'customize']);
    for (const [hook, { version, webhook }] of Object.entries<Record<string, Record<string, unknown>>>(spec.hooks)) {
      expect(version).toBe('v2');
      expect(webhook?.path).toBe(`/${kind}/${hook}`);
      expect(webhook?.service).toEqual({ name: 'meshery-operator', namespace: 'meshery' });
      expect(webhook?.etag).toMatchObject({ enabled: true, cacheTimeoutSeconds: 3600, cacheCleanupSeconds: 600 });
    }
  });

  it('configures Metacontroller in the same way by Helm and by kustomize', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kustomize-'));
    // The part of Metacontroller's manifests/production that the component patches.
    const metacontroller = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'metacontroller', namespace: 'metacontroller' },
      spec: {
        template: { spec: { containers: [{ name: 'metacontroller', image: 'metacontroller', args: ['--replaced'] }] } },
      },
    };
    await writeFile(join(folder, 'statefulset.yaml'), stringify(metacontroller));
    await cp('metacontroller/install', join(folder, 'install'), { recursive: true });
    const kustomization = { resources: ['statefulset.yaml'], components: ['install'] };
    await writeFile(join(folder, 'kustomization.yaml'), stringify(kustomization));
    const [patched] = await build(folder);
    await rm(folder, { recursive: true });

    const values = parse(await readFile('metacontroller/install/values.yaml', 'utf8'));
    for (const args of [values.commandArgs, patched?.spec.template.spec.containers[0].args]) {
      expect(args).toEqual(expect.arrayContaining(['--client-go-qps=200', '--client-go-burst=400', '--workers=20']));
      // With the default, dynamic-apply, Secrets are copied into an annotation.
      expect(args).toContain('--apply-strategy=server-side-apply');
      expect(args).not.toContain('--replaced');
    }
  });

  it('grants Metacontroller the same rights by Helm and by kustomize', async () => {
    const folder = 'metacontroller/install/least-privilege';
    const { rules } = parse(await readFile(`${folder}/cluster-role.yaml`, 'utf8'));
    expect(parse(await readFile(`${folder}/values.yaml`, 'utf8'))).toEqual({ clusterRole: { rules } });
    for (const { apiGroups, resources, verbs } of rules) {
      expect([...apiGroups, ...resources, ...verbs]).not.toContain('*');
      expect(resources.join()).not.toMatch(/rbac|roles|bindings|exec|proxy/);
    }
  });

  it('leaves the folder for Metacontroller itself buildable', async () => {
    await expect(run(kustomize, ['build', 'metacontroller/install'])).resolves.toMatchObject({ stdout: '' });
  });
});
