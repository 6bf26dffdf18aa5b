import { styleText } from 'node:util';
import { structuredPatch } from 'diff';
import type { OperatorSettings, SyncContext } from '../../api/context.ts';
import type { Controller } from '../../metacontroller/controller.ts';
import type { ResourceKind } from '../../metacontroller/object.ts';
import { applyManager, CONTROLLER_UID_LABEL, isDynamicallyApplied, isObject } from '../../metacontroller/reapply.ts';
import { read } from '../cluster/answer.ts';
import { apiResourceOf } from '../cluster/api.ts';
import { ClusterObject, type Connection, connect, parsed } from '../cluster/connection.ts';
import { KUBECTL_LAST_APPLIED, objectInWords } from '../cluster/objects.ts';
import { ClusterError, UsageError } from '../errors.ts';
import { argumentsOf, DEFAULT_NAMESPACE, type GivenOptions } from '../given.ts';
import { problemOf, type Simulated, simulate } from '../render.ts';
import { type GivenResource, readResources } from '../resources.ts';
import { ownerReference } from '../sent-objects.ts';
import { printYaml } from '../yaml.ts';
import { type Change, comparable, effectOf, mergePatch } from './change.ts';
import { asGiven, controllerOf, liveResource, observe } from './observe.ts';
import { operatorSettings } from './settings.ts';

/** What would change in a cluster. */
export interface RenderedDiff {
  text: string;
  isDifferent: boolean;
  /** Lines for people. */
  notes: string[];
}

/**
 * What this version of the operator would change in a cluster, for resources that are there, or as files would make them. Nothing
 * is changed: every object goes through a dry run of the API server, so that its defaults are no difference.
 * @throws UsageError when the API server refuses what a file says
 */
export async function renderDiff(args: string[], options: GivenOptions & OperatorSettings): Promise<RenderedDiff> {
  const { files, live } = argumentsOf(args, options);
  const { resources, secrets, skipped } = await readResources(files);
  const connection = connect(options);
  const namespace = options.namespace ?? DEFAULT_NAMESPACE;
  const observed: GivenResource[] = [];
  for (const resource of resources) observed.push(await edited(connection, resource, namespace));
  for (const argument of live) observed.push(await liveResource(connection, argument));
  if (observed.length === 0) throw new UsageError('the files contain no Broker and no MeshSync');
  const { settings, note } = await operatorSettings(connection);
  const simulated = simulate(
    { resources: observed, secrets },
    { ...settings, ...options, mint: true, namespace, now: () => new Date() },
  );
  const notes = [...skipped, ...(note ? [note] : [])];
  const texts: string[] = [];
  const effects: string[] = [];
  let isDifferent = false;
  for (const one of simulated) {
    const { changes, problems } = await changesOf(connection, one);
    const problem = problemOf(one);
    if (problem) notes.push(`${one.resource.source}: ${problem.text}`);
    notes.push(...problems);
    texts.push(...changes.map(asText));
    effects.push(...changes.flatMap((change) => effectOf(change) ?? []).map((line) => `${line}\n`));
    // What is refused would be different, if it could.
    const isRefused = problem?.refused || problems.some((line) => line.includes(REFUSED));
    isDifferent ||= changes.length > 0 || isRefused;
  }
  return { text: [...texts, ...effects].join(''), isDifferent, notes };
}

/** A resource as it would be once its file is applied, with what the cluster has of it. */
async function edited(connection: Connection, resource: GivenResource, fallback: string): Promise<GivenResource> {
  const controller = controllerOf(resource.kind);
  const { name, namespace = fallback } = resource.metadata;
  const of = apiResourceOf(controller);
  const live = await connection.get(of, name, namespace);
  const body = {
    apiVersion: controller.apiVersion,
    kind: controller.kind,
    // As kubectl sends it: without them, those that others have set would be taken away.
    metadata: { ...resource.metadata, namespace, annotations: resource.metadata.annotations ?? {} },
    spec: resource.spec,
  };
  const applied = await unlessRefused(resource.source, async () => {
    if (!live) return connection.create(of, body, namespace, { dryRun: true });
    const last = parsed(live.metadata.annotations?.[KUBECTL_LAST_APPLIED] ?? '');
    const patch = isObject(last)
      ? ({ type: 'merge', body: mergePatch(last, body) } as const)
      : ({ type: 'apply', body, force: true } as const);
    return connection.patch(of, name, { ...patch, fieldManager: 'kubectl', dryRun: true }, namespace);
  });
  return asGiven(await observe(connection, controller, applied), resource.place, resource.source);
}

/** Whether an API server says that an object is wrong. */
function isRefusal(error: unknown): error is ClusterError {
  return error instanceof ClusterError && [400, 409, 422].includes(error.status ?? 0);
}

async function unlessRefused<Result>(source: string, request: () => Promise<Result>): Promise<Result> {
  try {
    return await request();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    throw new UsageError(`${source}: the API server refuses it: ${error.message}`);
  }
}

const REFUSED = 'the API server would refuse the change: ';

async function changesOf(connection: Connection, { parent, resource, response }: Simulated) {
  const controller = controllerOf(parent.kind);
  const changes: Change[] = [];
  const problems: string[] = [];
  const left = new Map(
    Object.values(resource.observed?.children ?? {})
      .flatMap((group) => Object.values(group))
      .map((object) => {
        const before = read(ClusterObject, object);
        return [objectInWords(before), before] as const;
      }),
  );
  for (const child of response.children) {
    const desired = read(ClusterObject, child);
    const what = objectInWords(desired);
    const before = left.get(what);
    left.delete(what);
    if (before && isDynamicallyApplied(asObserved(before))) {
      problems.push(
        `${what}: Metacontroller applies it by dynamic-apply, so fields that would be removed are not shown`,
      );
    }
    try {
      const after = await applied(connection, controller, parent, desired, before);
      const change = { what, after, ...(before && { before }) };
      if (asText(change) !== '') changes.push(change);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      problems.push(`${what}: ${REFUSED}${error.message}`);
    }
  }
  for (const [what, before] of left) changes.push({ what, before });
  return { changes, problems };
}

/** A child as the API server would have it if Metacontroller applied it. */
async function applied(
  connection: Connection,
  { children }: Controller<SyncContext>,
  parent: Simulated['parent'],
  desired: ClusterObject,
  before: ClusterObject | undefined,
): Promise<ClusterObject> {
  const of: ResourceKind | undefined = children.find((each) => each.kind === desired.kind);
  if (!of) throw new UsageError(`${objectInWords(desired)} is not a kind of children`);
  const { metadata } = desired;
  const { namespace, uid } = parent.metadata;
  const labels = { ...metadata.labels, [CONTROLLER_UID_LABEL]: uid };
  const body = { ...desired, metadata: { ...metadata, labels, ownerReferences: [ownerReference(parent)] } };
  const fieldManager = (before && applyManager(asObserved(before))) ?? 'metacontroller';
  return connection.patch(
    of,
    metadata.name,
    { type: 'apply', body, force: true, fieldManager, dryRun: true },
    namespace,
  );
}

function asObserved(object: ClusterObject) {
  const { apiVersion = '', kind = '', metadata } = object;
  return { apiVersion, kind, metadata: { ...metadata, namespace: metadata.namespace ?? '' } };
}

const STYLES: Record<string, 'red' | 'green'> = { '-': 'red', '+': 'green' };

/** A change as `diff -u` prints it; empty where there is none. */
function asText(change: Change): string {
  const [before, after] = comparable(change).map((object) => (object ? printYaml(object) : ''));
  const { hunks } = structuredPatch('', '', before ?? '', after ?? '', '', '', { context: 3 });
  if (hunks.length === 0) return '';
  const stream = process.stdout;
  const painted = (line: string) => {
    const style = STYLES[line.charAt(0)];
    return style ? styleText(style, line, { stream }) : line;
  };
  const lines = hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [
    `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`,
    ...lines.map(painted),
  ]);
  const [from, to] = [change.before ? 'in the cluster' : 'missing', change.after ? 'as desired' : 'deleted'];
  return [`--- ${change.what} ${from}`, `+++ ${change.what} ${to}`, ...lines].map((line) => `${line}\n`).join('');
}
