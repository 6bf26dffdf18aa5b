import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { controllers } from '../../controllers.ts';
import { kinds } from '../../kubernetes/kinds.ts';
import { ACTIVE_MESHSYNC, isActive } from '../../meshsync/names.ts';
import { crdName } from '../../metacontroller/crd.ts';
import { metacontrollerRules } from '../../metacontroller/rbac.ts';
import { OPERATOR } from '../../operator.ts';
import { deniedRights, type Right, rightsOf } from '../cluster/access.ts';
import { type Answer, ask, both, inParallel, listIfServed, read, readIfAny } from '../cluster/answer.ts';
import { API, apiResourceOf, REGISTRATIONS_CRD } from '../cluster/api.ts';
import { type ApiResource, type Connection, parsed, refused } from '../cluster/connection.ts';
import { Event, Resource } from '../cluster/objects.ts';
import { ClusterError, UsageError } from '../errors.ts';
import { revisionOf, revisionSelector } from '../migrate/helm.ts';
import { type Grants, grants } from '../rbac.ts';
import type { Resource as FileResource } from '../resources.ts';
import { metacontrollers } from './checks/metacontroller.ts';
import { hooksOf, registrationsOf } from './checks/registrations.ts';
import type { Facts, MeshSyncAccount, Proxied, Release } from './facts.ts';
import { Crd, EndpointSlice, Namespace, Registration, Secret, Service, type Webhook, Workload } from './objects.ts';

/** Requests that are made at the same time. */
const PARALLEL = 10;

/** How long the Service may take to answer through the API server, which can't reach pods in every cluster. */
const PROXY_MS = 5_000;

/**
 * Asks a cluster for all that the checks judge.
 * @param namespace of the operator. Default: where the registrations say it is
 * @throws ClusterError when the API server gives no answer
 */
export async function gather(connection: Connection, now: Date, namespace?: string): Promise<Facts> {
  const version = await ask(() => versionOf(connection));
  const list = <Schema extends Parameters<typeof read>[0]>(schema: Schema, of: ApiResource, where = {}) =>
    ask(async () => (await listIfServed(connection, of, where)).map((object) => read(schema, object)));

  const [crds, deployments, statefulSets, registrations, resources] = await Promise.all([
    ask(() => crdsOf(connection)),
    list(Workload, kinds.deployment),
    list(Workload, kinds.statefulSet),
    list(Registration, API.registrations),
    ask(async () => (await Promise.all(controllers.map((one) => resourcesOf(connection, one)))).flat()),
  ]);
  const kindsOfResources = controllers.map(({ kind }) => kind);
  const [hook] = 'value' in registrations ? registrationsOf(registrations.value).flatMap(hooksOf) : [];
  const operator = { name: OPERATOR.name, namespace: namespace ?? hook?.service?.namespace ?? OPERATOR.namespace };
  const workloads = together(kind(deployments, 'Deployment'), kind(statefulSets, 'StatefulSet'));

  const [deployment, service, endpoints, denied, accounts, releases, events] = await Promise.all([
    ask(async () => readIfAny(Workload, await connection.get(kinds.deployment, operator.name, operator.namespace))),
    ask(async () => readIfAny(Service, await connection.get(kinds.service, operator.name, operator.namespace))),
    list(EndpointSlice, API.endpoints, {
      namespace: operator.namespace,
      labelSelector: `kubernetes.io/service-name=${operator.name}`,
    }),
    then(workloads, (all) => deniedOf(connection, all)),
    then(resources, (all) => accountsOf(connection, all)),
    ask(() => releasesOf(connection, operator.namespace)),
    ask(async () =>
      (
        await Promise.all(
          kindsOfResources.map((kind) =>
            listIfServed(connection, API.events, { fieldSelector: `type=Warning,involvedObject.kind=${kind}` }),
          ),
        )
      )
        .flat()
        .map((object) => read(Event, object)),
    ),
  ]);
  const [proxied, secrets, namespaces] = await Promise.all([
    then(service, (found) => (found ? proxiedOf(connection, found, hook) : Promise.resolve(undefined))),
    then(both(resources, both(deployment, registrations)), ([all, [workload, registered]]) =>
      secretsOf(connection, secretNames(all, workload, registered)),
    ),
    then(resources, async (all) => {
      const names = new Set([operator.namespace, ...all.flatMap(({ metadata }) => metadata.namespace ?? [])]);
      const found = await inParallel([...names], PARALLEL, (name) => connection.get(API.namespaces, name));
      return found.flatMap((object) => (object ? [read(Namespace, object)] : []));
    }),
  ]);
  return {
    ...{ now, namespace: operator.namespace, version, crds, workloads, registrations, deployment, service, endpoints },
    ...{ proxied, denied, resources, events, accounts, secrets, namespaces, releases },
  };
}

/** Asks for more where there is an answer. */
async function then<From, To>(answer: Answer<From>, more: (value: From) => Promise<To>): Promise<Answer<To>> {
  return 'missing' in answer ? answer : ask(() => more(answer.value));
}

function together<Item>(one: Answer<Item[]>, other: Answer<Item[]>): Answer<Item[]> {
  const answers = both(one, other);
  return 'missing' in answers ? answers : { value: answers.value.flat() };
}

function kind(answer: Answer<Workload[]>, kind: string): Answer<Workload[]> {
  return 'missing' in answer ? answer : { value: answer.value.map((object) => ({ ...object, kind })) };
}

const Version = Type.Object({ gitVersion: Type.String() });

async function versionOf(connection: Connection): Promise<string> {
  const { status, text } = await connection.request('GET', '/version');
  const content = parsed(text);
  if (status >= 300 || !Value.Check(Version, content)) throw refused(status, content, 'GET /version');
  return content.gitVersion;
}

async function crdsOf(connection: Connection): Promise<Map<string, Crd>> {
  const names = [...controllers.map(crdName), REGISTRATIONS_CRD];
  const found = await Promise.all(names.map((name) => connection.get(API.crds, name)));
  return new Map(found.flatMap((object) => (object ? [[object.metadata.name, read(Crd, object)] as const] : [])));
}

async function resourcesOf(
  connection: Connection,
  { apiVersion, plural, kind }: { apiVersion: string; plural: string; kind: string },
): Promise<Resource[]> {
  const objects = await listIfServed(connection, apiResourceOf({ apiVersion, plural }));
  return objects.map((object) => read(Resource, { ...object, apiVersion, kind }));
}

async function deniedOf(connection: Connection, workloads: Workload[]): Promise<Right[] | undefined> {
  const [metacontroller, ...others] = metacontrollers(workloads);
  if (!metacontroller || others.length > 0) return undefined;
  const { metadata, spec } = metacontroller;
  const account = { namespace: metadata.namespace ?? '', name: spec.template.spec.serviceAccountName ?? 'default' };
  return deniedRights(connection, account, metacontrollerRules(controllers));
}

async function accountsOf(connection: Connection, resources: Resource[]): Promise<MeshSyncAccount[]> {
  const meshSyncs = resources.filter(({ kind }) => kind === 'MeshSync');
  const main = meshSyncs.find(({ metadata }) => isActive(metadata.name, metadata.namespace ?? ''));
  const all = meshSyncs.flatMap((meshSync) => grantsOf(meshSync, main) ?? []);
  return inParallel(all, 1, async ({ meshSync, role, binding }) => {
    const [subject] = binding.subjects ?? [];
    const account = { namespace: meshSync.namespace, name: subject?.name ?? meshSync.name };
    const rules = role.rules ?? [];
    const denied = await deniedRights(connection, account, rules);
    const { namespace, name } = meshSync;
    return { meshSync: { namespace, name }, account, needed: rightsOf(rules).length, denied, grants: [role, binding] };
  });
}

/** What a MeshSync needs; `undefined` where its spec or the active watch-list is invalid, which conditions report. */
function grantsOf(meshSync: Resource, main: Resource | undefined): Grants | undefined {
  const given = [meshSync, ...(main && main !== meshSync ? [main] : [])].map((resource) => ({
    ...asFileResource(resource),
    place: { file: resource.metadata.name, document: 1 },
    source: resource.metadata.name,
  }));
  try {
    return grants(given, ACTIVE_MESHSYNC.namespace)[0];
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

function asFileResource({ apiVersion, kind, metadata, spec }: Resource): FileResource {
  const { name, namespace } = metadata;
  return { apiVersion, kind, metadata: { name, ...(namespace && { namespace }) }, spec };
}

/** The Secrets that the hooks and the resources name. */
function secretNames(resources: Resource[], deployment: Workload | undefined, registrations: Registration[]) {
  const names = new Map<string, { namespace: string; name: string }>();
  const add = (namespace = '', name = '') => {
    if (namespace && name) names.set(`${namespace}/${name}`, { namespace, name });
  };
  for (const { secret } of deployment?.spec.template.spec.volumes ?? []) {
    add(deployment?.metadata.namespace, secret?.secretName);
  }
  for (const { caBundle, clientTLS } of registrationsOf(registrations).flatMap(hooksOf)) {
    for (const reference of [caBundle, clientTLS]) add(reference?.secretRef?.namespace, reference?.secretRef?.name);
  }
  for (const resource of resources) {
    const controller = controllers.find(({ kind }) => kind === resource.kind);
    const { name, namespace = '', uid = '' } = resource.metadata;
    const parent = { ...resource, metadata: { name, namespace, uid } };
    for (const rule of controller?.customize(parent) ?? []) {
      if (rule.resource === kinds.secret.resource) for (const name of rule.names ?? []) add(rule.namespace, name);
    }
  }
  return names;
}

async function secretsOf(
  connection: Connection,
  names: Map<string, { namespace: string; name: string }>,
): Promise<Map<string, Secret>> {
  const found = await inParallel([...names], PARALLEL, async ([key, { namespace, name }]) => {
    const object = await connection.get(kinds.secret, name, namespace);
    return object ? [[key, read(Secret, object)] as const] : [];
  });
  return new Map(found.flat());
}

const ServiceError = Type.Object({ kind: Type.Literal('Status'), message: Type.String() });

/** A GET of the Service of the hooks through the API server, without credentials: `/readyz` needs none. */
async function proxiedOf(connection: Connection, service: Service, hook: Webhook | undefined): Promise<Proxied> {
  const { name, namespace = '' } = service.metadata;
  const { port = service.spec.ports?.[0]?.port ?? 80, protocol = 'http' } = hook?.service ?? {};
  const target = `${protocol === 'https' ? 'https:' : ''}${name}:${port}`;
  const path = `/api/v1/namespaces/${namespace}/services/${target}/proxy/readyz`;
  try {
    const { status, text } = await connection.read(path, PROXY_MS);
    const content = parsed(text);
    if (!Value.Check(ServiceError, content)) return { status };
    if (status === 403) throw refused(status, content, `GET ${path}`);
    return { status, message: content.message };
  } catch (error) {
    if (!(error instanceof ClusterError) || error.status !== undefined) throw error;
    return { status: 504, message: `no answer within ${PROXY_MS / 1_000} s` };
  }
}

/** The deployed releases that are called as the operator is. Of their content only the chart is read: values may be credentials. */
async function releasesOf(connection: Connection, namespace: string): Promise<Release[]> {
  const labelSelector = `${revisionSelector({ name: OPERATOR.name, namespace })},status=deployed`;
  const secrets = await listIfServed(connection, kinds.secret, { namespace, labelSelector });
  return secrets.flatMap((object) => {
    const { chart } = revisionOf(object);
    return chart
      ? [{ namespace, name: OPERATOR.name, chart: chart.name, version: chart.version, isOurs: chart.isOurs }]
      : [];
  });
}
