// Writes all files that are derived from the controllers: npm run generate
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Document, isScalar, parse, parseDocument, visit } from 'yaml';
import packageJson from '../package.json' with { type: 'json' };
import { brokerDefaults } from '../src/api/broker.ts';
import type { SyncContext } from '../src/api/context.ts';
import { meshSyncDefaults } from '../src/api/meshsync.ts';
import { crdFiles, GENERATED } from '../src/cli/crds.ts';
import { createProgram } from '../src/cli/program.ts';
import { printYaml } from '../src/cli/yaml.ts';
import { controllers } from '../src/controllers.ts';
import { compositeController } from '../src/metacontroller/composite-controller.ts';
import type { Controller } from '../src/metacontroller/controller.ts';
import { LEAST_METACONTROLLER } from '../src/metacontroller/flags.ts';
import { sync } from '../src/metacontroller/lifecycle.ts';
import { metacontrollerRules } from '../src/metacontroller/rbac.ts';
import { OPERATOR, OPERATOR_LABELS } from '../src/operator.ts';
import { version } from '../src/server/version.ts';
import { comparisonPage } from './comparison.ts';
import { type Examples, openApi } from './openapi.ts';
import { darkPictures } from './pictures.ts';
import { readmePage } from './readme.ts';
import { chartValuesPage } from './reference/chart-values.ts';
import { commandLinePage } from './reference/command-line.ts';
import { conditionsPage } from './reference/conditions.ts';
import { environmentPage } from './reference/environment.ts';
import { fieldsPage } from './reference/fields.ts';
import { metricsPage } from './reference/metrics.ts';

/** The version of Metacontroller's Helm chart is the least that is supported. */
const METACONTROLLER_VERSION = LEAST_METACONTROLLER;
/** The address of the repository. */
export const HOME = packageJson.homepage.replace('#readme', '');

/** The releases that fields came with. */
const SINCE = 'generate/since.json';

const LEAST_PRIVILEGE = 'metacontroller/install/least-privilege';

/** Where the commands and examples of the documentation name the version of this operator. */
const VERSIONED = [
  ...['--version ', 'targetRevision: ', ' tag: ', 'VERSION=', '[?]ref=v', 'releases/download/v'],
  ...['meshery-operator-metacontroller:', 'meshery-meshery-operator-', ' meshery-operator-'],
];

/** The images of brokers and MeshSyncs: the pages name them with the versions that are the defaults. */
const IMAGES = [
  ...[brokerDefaults, brokerDefaults.reloader, brokerDefaults.promExporter, brokerDefaults.natsBox],
  meshSyncDefaults,
];

/** The pages that name it, as they are written by hand but for the version. */
function versionedPages(): [string, string][] {
  const names = ['air-gapped', 'broker', 'command-line', 'index', 'install', 'migrate', 'openshift', 'upgrade'];
  return names.map((name) => {
    const page = `docs/${name}.md`;
    return [page, withDefaultImages(withVersion(readFileSync(page, 'utf8')))];
  });
}

function readme(): string {
  return readmePage(withVersion(readFileSync('README.md', 'utf8')), readFileSync('docs/measured.md', 'utf8'));
}

function withVersion(text: string): string {
  const named = new RegExp(`(?<=${VERSIONED.join('|')})\\d+\\.\\d+\\.\\d+`, 'g');
  // Metacontroller has a version of its own.
  const own = (line: string) => (line.includes(METACONTROLLER_VERSION) ? line : line.replaceAll(named, version));
  return text.split('\n').map(own).join('\n');
}

function withDefaultImages(text: string): string {
  const named = IMAGES.reduce(
    (page, image) => page.replaceAll(new RegExp(`(?<=[/ ]${image.repository}:)[\\w.-]+`, 'g'), image.version),
    text,
  );
  // The tag of NATS stands in fields and in the status too.
  return named.replaceAll(/\b\d+\.\d+\.\d+-alpine\b/g, brokerDefaults.version);
}

/** The generated files of some controllers, by path. */
export function generatedFiles(list: readonly Controller<SyncContext>[]): Map<string, string> {
  const crds = crdFiles(list);
  const fields = fieldsPage(list, JSON.parse(readFileSync(SINCE, 'utf8')), version);
  return new Map([
    ...chart(list),
    ['README.md', readme()],
    ...versionedPages(),
    ['manifests/operator/kustomization.yaml', operatorKustomization()],
    ...[...crds].map(([name, text]) => [`manifests/crds/${name}`, text] as const),
    ['manifests/crds/kustomization.yaml', kustomization([...crds.keys()])],
    ...list.map(
      (controller) => [`metacontroller/controllers/${controller.name}.yaml`, registration(controller)] as const,
    ),
    [
      'metacontroller/controllers/kustomization.yaml',
      kustomization(
        list.map(({ name }) => `${name}.yaml`),
        ['namespace.yaml'],
      ),
    ],
    ['metacontroller/controllers/namespace.yaml', namespaceFields()],
    [`${LEAST_PRIVILEGE}/cluster-role.yaml`, clusterRole(list)],
    [`${LEAST_PRIVILEGE}/values.yaml`, helmValues(list)],
    ['docs/api/openapi.json', openApiDocument(list)],
    ['docs/comparison.md', comparisonPage(readFileSync('docs/comparison.md', 'utf8'))],
    [
      'docs/reference/chart-values.md',
      chartValuesPage(chartValues(list), JSON.parse(readFileSync(`${CHART}/values.schema.json`, 'utf8'))),
    ],
    ['docs/reference/command-line.md', commandLinePage(createProgram())],
    ['docs/reference/conditions.md', conditionsPage(list)],
    ['docs/reference/environment.md', environmentPage()],
    ['docs/reference/fields.md', fields.page],
    ['docs/reference/metrics.md', metricsPage(list)],
    ...darkPictures(),
    [SINCE, `${JSON.stringify(fields.since, null, 2)}\n`],
  ]);
}

const CHART = 'manifests/chart';

/** The files of the Helm chart that say what the kustomizations say. "helm show crds" puts the CRDs one after the other as they are. */
function chart(list: readonly Controller[]): Map<string, string> {
  const monitoring = ['service.yaml', 'service-monitor.yaml', 'prometheus-rule.yaml', 'dashboard.json'];
  const files = new Map([
    ['Chart.yaml', chartYaml()],
    ['values.yaml', chartValues(list)],
    ...[...crdFiles(list, OWNED_BY_RELEASE)].map(([name, text]) => [`crds/${name}`, `---\n${text}`] as const),
    ...list.map((controller) => [`controllers/${controller.name}.yaml`, registration(controller)] as const),
    ...monitoring.map((file) => [`monitoring/${file}`, readFileSync(`manifests/monitoring/${file}`, 'utf8')] as const),
  ]);
  return new Map([...files].map(([path, content]) => [`${CHART}/${path}`, content]));
}

/**
 * Helm creates the files of `crds/` without its marks of ownership, and adopts no object without them: with the marks of the
 * usual release, that release owns the CRDs, and updates them with the chart. They are kept when it is uninstalled.
 */
const OWNED_BY_RELEASE = {
  labels: { 'app.kubernetes.io/managed-by': 'Helm' },
  annotations: {
    'meta.helm.sh/release-name': OPERATOR.name,
    'meta.helm.sh/release-namespace': OPERATOR.namespace,
  },
};

function chartYaml(): string {
  const { description } = packageJson;
  return yaml({
    ...{ apiVersion: 'v2', name: OPERATOR.name, type: 'application', version, appVersion: version },
    ...{ description, kubeVersion: '>=1.30.0-0', home: HOME, sources: [HOME] },
    keywords: ['meshery', 'nats', 'meshsync', 'metacontroller', 'operator'],
    dependencies: [
      {
        ...{ name: 'metacontroller-helm', alias: 'metacontroller', version: METACONTROLLER_VERSION },
        ...{ repository: 'oci://ghcr.io/metacontroller', condition: 'metacontroller.enabled' },
      },
    ],
  });
}

/**
 * The values as they are written by hand, with what stands elsewhere too: the image, the watch-list of the sample, and how
 * Metacontroller is run.
 */
function chartValues(list: readonly Controller[]): string {
  const values = parseDocument(readFileSync(`${CHART}/values.yaml`, 'utf8'));
  const { commandArgs } = parse(readFileSync('metacontroller/install/values.yaml', 'utf8'));
  values.setIn(['image', 'repository'], packageJson.config.image);
  const sample = parse(readFileSync('manifests/samples/meshsync.yaml', 'utf8'));
  const whitelist = values.createNode(JSON.parse(sample.spec['watch-list'].data.whitelist));
  visit(whitelist, {
    Map: (_key, entry) => {
      entry.flow = true;
    },
  });
  values.setIn(['meshery-meshsync', 'watchConfig', 'whitelist'], whitelist);
  values.setIn(['metacontroller', 'commandArgs'], values.createNode(commandArgs));
  values.setIn(['metacontroller', 'clusterRole', 'rules'], rulesDocument(metacontrollerRules(list)).contents);
  return values.toString(AS_WRITTEN);
}

/** How YAML is printed that has lists on one line, as a person writes it. */
const AS_WRITTEN = { lineWidth: 0, flowCollectionPadding: false };

function operatorKustomization(): string {
  return `${GENERATED.replace('src/controllers.ts', 'package.json')}
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ${OPERATOR.namespace}
resources:
  - namespace.yaml
  - deployment.yaml
  - service.yaml
  - pod-disruption-budget.yaml
  - network-policy.yaml
# For another registry or version, set newName or newTag of ${packageJson.config.image} in your own overlay.
images:
  - name: ${OPERATOR.name}
    newName: ${packageJson.config.image}
    newTag: ${version}
`;
}

function yaml(object: object): string {
  return `${GENERATED}\n${printYaml(object)}`;
}

function kustomization(resources: string[], configurations?: string[]): string {
  const content = { resources, ...(configurations && { configurations }) };
  return yaml({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', ...content });
}

/** The fields that the `namespace` of an overlay changes: the Service of each hook, and the Secrets that its webhook names. */
function namespaceFields(): string {
  const references = ['service', 'authorization/secretRef', 'clientTLS/secretRef', 'caBundle/secretRef'];
  const namespace = ['sync', 'customize'].flatMap((hook) =>
    references.map((reference) => ({
      kind: 'CompositeController',
      path: `spec/hooks/${hook}/webhook/${reference}/namespace`,
    })),
  );
  return yaml({ namespace });
}

function registration(controller: Controller): string {
  return yaml(compositeController(controller, `meshery-${controller.name}`, OPERATOR, OPERATOR_LABELS));
}

function clusterRole(list: readonly Controller[]): string {
  return rbac({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'metacontroller' },
    rules: metacontrollerRules(list),
  });
}

function helmValues(list: readonly Controller[]): string {
  const values = rbac({ clusterRole: { rules: metacontrollerRules(list) } });
  return `# For Metacontroller's Helm chart, in addition to the values of the parent folder.\n${values}`;
}

function rbac(object: object): string {
  return `${GENERATED}\n${rulesDocument(object).toString(AS_WRITTEN)}`;
}

/** Rules in the usual style: each list of words on one line. */
function rulesDocument(object: object): Document {
  const document = new Document(object, { aliasDuplicateObjects: false });
  visit(document, {
    Seq: (_key, sequence) => {
      sequence.flow = sequence.items.every(isScalar);
    },
  });
  return document;
}

function openApiDocument(list: readonly Controller<SyncContext>[]): string {
  const info = {
    title: 'Meshery Operator',
    version,
    description: 'The hooks that Metacontroller calls. They are for Metacontroller only.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  };
  return `${JSON.stringify(
    openApi(list, info, (path) => recordedExamples(list, path)),
    null,
    1,
  )}\n`;
}

/** Recorded requests of a real Metacontroller, and the responses to them. */
function recordedExamples(list: readonly Controller<SyncContext>[], path: string): Examples {
  const [, name = '', hook = ''] = path.split('/');
  const controller = list.find((each) => each.name === name);
  const context = { now: () => new Date('2026-02-03T04:05:06Z'), generateToken: () => 'tExampleOfAToken' };
  const titles = hook === 'sync' ? { first: 'without children', last: 'all pods ready' } : { first: 'recorded' };
  const examples: Examples = {};
  for (const [which, title] of Object.entries(titles)) {
    const file = `test/payloads/recorded/server-side-apply/meshery-meshery-${name}-${name}-${hook}-${which}.json`;
    if (!controller || !existsSync(file)) continue;
    const request = JSON.parse(readFileSync(file, 'utf8'));
    const response =
      hook === 'sync' ? sync(controller, request, context) : { relatedResources: controller.customize(request.parent) };
    examples[title] = { request, response };
  }
  return examples;
}

if (process.argv[1] === import.meta.filename) {
  for (const [path, content] of generatedFiles(controllers)) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}
