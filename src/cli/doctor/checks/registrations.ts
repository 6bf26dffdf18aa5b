import { controllers } from '../../../controllers.ts';
import { compositeController } from '../../../metacontroller/composite-controller.ts';
import type { Controller } from '../../../metacontroller/controller.ts';
import { isObject } from '../../../metacontroller/reapply.ts';
import { OPERATOR, OPERATOR_LABELS } from '../../../operator.ts';
import { version } from '../../../server/version.ts';
import { API } from '../../cluster/api.ts';
import { podImageTag } from '../../cluster/image.ts';
import { isRegistrationOf } from '../../cluster/registration.ts';
import type { Facts } from '../facts.ts';
import { check, type Finding, type Fix, type Write } from '../finding.ts';
import type { Registration, Webhook } from '../objects.ts';
import { isOurs, keptMetadata } from '../ownership.ts';
import { differences, somePaths } from '../structure.ts';
import { managerImage } from './operator.ts';

/** What a registration says about how the hooks are reached and secured: a matter of the installation, and kept. */
const CONNECTION = ['service', 'url', 'authorization', 'basicAuth', 'caBundle', 'clientTLS'];

/** The CompositeControllers that are for the kinds of this operator. */
export function registrationsOf(all: readonly Registration[], of: readonly Controller[] = controllers): Registration[] {
  return all.filter((registration) => of.some((controller) => isRegistrationOf(registration, controller)));
}

/** The webhooks of a registration. */
export function hooksOf({ spec: { hooks = {} } }: Registration): Webhook[] {
  return Object.values(hooks).flatMap(({ webhook }) => webhook ?? []);
}

/** Whether each kind has one registration with Metacontroller, as this version has it. */
export function registrations({
  registrations: answer,
  deployment,
}: Pick<Facts, 'registrations' | 'deployment'>): Finding[] {
  const { ok, error, judge } = check('registrations');
  // A registration of another version than that of the hooks would ask them for what they don't know.
  const isOperatorOfThisVersion =
    'value' in deployment && deployment.value !== undefined && podImageTag(managerImage(deployment.value)) === version;
  return judge(answer, (all) => {
    const findings = controllers.flatMap((controller) => {
      const [one, ...others] = registrationsOf(all, [controller]);
      if (!one) {
        const remedy =
          'kubectl apply -k metacontroller, or install the Helm chart anew: nothing syncs the kind without it';
        return [error(`${controller.kind} has none`, { remedy })];
      }
      if (others.length > 0) {
        const names = [one, ...others].map(({ metadata }) => metadata.name).join(' and ');
        const remedy = `keep meshery-${controller.name}, and delete the other: kubectl delete compositecontroller`;
        return [error(`CompositeControllers ${names} are both for ${controller.kind}`, { remedy })];
      }
      return asExpected(controller, one, isOperatorOfThisVersion);
    });
    return findings.length > 0 ? findings : [ok(`one for each kind, as ${version} has them`)];
  });
}

function asExpected(controller: Controller, found: Registration, isFixable: boolean): Finding[] {
  const { warning, error } = check('registrations');
  const { name } = found.metadata;
  const { spec } = expectedOf(controller, found);
  const surplus = Object.keys(found.spec.hooks ?? {}).filter((hook) => !Object.hasOwn(spec.hooks, hook));
  const different = [...differences(spec, found.spec, 'spec'), ...surplus.map((hook) => `spec.hooks.${hook}`)];
  if (different.length === 0) return [];
  const where = somePaths(different);
  if (!isOurs(found)) {
    const remedy = `compare it with metacontroller/controllers/${controller.name}.yaml of this version`;
    return [warning(`CompositeController ${name} differs from ${version} in ${where}`, { remedy })];
  }
  const remedy = 'kubectl apply -k metacontroller, or the overlay that is installed, of the version of the operator';
  const fix = isFixable ? { fix: fixOf(controller, found, surplus, where) } : {};
  return [error(`CompositeController ${name} differs from ${version} in ${where}`, { remedy, ...fix })];
}

/** The registration of this version with the connection of the one that is there. */
function expectedOf(controller: Controller, found: Registration) {
  const expected = compositeController(controller, found.metadata.name, OPERATOR, OPERATOR_LABELS);
  const withConnection = (hookName: 'sync' | 'customize') => {
    const hook = expected.spec.hooks[hookName];
    const present: unknown = found.spec.hooks?.[hookName]?.webhook ?? hooksOf(found)[0];
    if (!isObject(present)) return hook;
    const kept = Object.fromEntries(Object.entries(present).filter(([key]) => CONNECTION.includes(key)));
    const { service: _service, path, ...webhook } = hook.webhook;
    // A hook that is called by its URL has its path there.
    const url = String(present.url);
    const hasUrl = URL.canParse(url) && new URL(url).pathname === path;
    return { ...hook, webhook: { ...webhook, ...(!hasUrl && { path }), ...kept } };
  };
  const hooks = { sync: withConnection('sync'), customize: withConnection('customize') };
  return { ...expected, spec: { ...expected.spec, hooks } };
}

function fixOf(controller: Controller, found: Registration, surplus: string[], where: string): Fix {
  const { name } = found.metadata;
  const { apiVersion, kind, metadata, spec } = expectedOf(controller, found);
  const body = { apiVersion, kind, metadata: { ...keptMetadata(found, metadata.labels), name }, spec };
  const of = API.registrations;
  const writes: Write[] = [
    { of, name, patch: { type: 'apply', body, force: true } },
    // What another field manager has added is not removed by what this one applies.
    ...(surplus.length > 0
      ? [{ of, name, patch: { type: 'merge', body: { spec: { hooks: withNulls(surplus) } } } } as const]
      : []),
  ];
  return {
    summary: `apply CompositeController ${name} of ${version}, which changes ${where}, and keep how it reaches the hooks`,
    writes,
  };
}

function withNulls(names: string[]): Record<string, null> {
  return Object.fromEntries(names.map((name) => [name, null]));
}
