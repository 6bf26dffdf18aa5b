import semver from 'semver';
import { APPLY_STRATEGY, LEAST_METACONTROLLER, SPEED_FLAGS, type SpeedFlag } from '../../../metacontroller/flags.ts';
import { rightsInWords } from '../../cluster/access.ts';
import { podImageTag } from '../../cluster/image.ts';
import { flagsOf, metacontrollerContainer } from '../../cluster/metacontroller.ts';
import { objectInWords } from '../../cluster/objects.ts';
import type { Facts } from '../facts.ts';
import { check, type Finding } from '../finding.ts';
import type { Workload } from '../objects.ts';
import { podsReady, target } from '../workload.ts';

/** The Deployments and StatefulSets that run Metacontroller. */
export function metacontrollers(workloads: readonly Workload[]): Workload[] {
  return workloads.filter((workload) => metacontrollerContainer(workload) !== undefined);
}

function flags(workload: Workload): Map<string, string> {
  return flagsOf(metacontrollerContainer(workload) ?? {});
}

/** Whether one Metacontroller runs, in a supported version, with its pods ready. */
export function metacontroller({ workloads }: Pick<Facts, 'workloads'>): Finding[] {
  const { error, judge } = check('Metacontroller');
  return judge(workloads, (all) => {
    const found = metacontrollers(all);
    const [first, ...others] = found;
    const install = 'install it with the flags of metacontroller/install; the Helm chart of this operator brings it';
    if (!first) return [error('there is none: nothing syncs Brokers and MeshSyncs', { remedy: install })];
    if (others.length > 0) {
      const remedy =
        'keep the one that the registrations are for, and scale the others to zero: kubectl scale --replicas=0';
      return [error(`${found.map(objectInWords).join(' and ')} would both act on every resource`, { remedy })];
    }
    return [...version(first), ...replicas(first), ...podsReady('Metacontroller', first, 1)];
  });
}

function version(workload: Workload): Finding[] {
  const { ok, warning, error } = check('Metacontroller');
  const tag = podImageTag(metacontrollerContainer(workload)?.image ?? '');
  const given = semver.coerce(tag);
  if (!given)
    return [warning(`${objectInWords(workload)}: its image names no version; ${LEAST_METACONTROLLER} is the least`)];
  const remedy = `upgrade it to ${LEAST_METACONTROLLER} or later`;
  if (semver.lt(given, LEAST_METACONTROLLER)) {
    return [error(`${objectInWords(workload)} has version ${tag}, older than ${LEAST_METACONTROLLER}`, { remedy })];
  }
  return [ok(`${objectInWords(workload)}, version ${tag}`)];
}

/** Several pods elect a leader only where they are told to. */
function replicas(workload: Workload): Finding[] {
  const { error } = check('Metacontroller');
  const count = workload.spec.replicas ?? 1;
  if (count < 2 || flags(workload).get('leader-election') === 'true') return [];
  const remedy = `kubectl scale --replicas=1 ${target(workload)}`;
  return [
    error(`${objectInWords(workload)} has ${count} pods without --leader-election, and all would act`, { remedy }),
  ];
}

/** Whether Metacontroller has the flags that are recommended. */
export function metacontrollerFlags({ workloads }: Pick<Facts, 'workloads'>): Finding[] {
  const { ok, warning, judge } = check('flags');
  return judge(workloads, (all) => {
    const [one, ...others] = metacontrollers(all);
    if (!one || others.length > 0) return [];
    const given = flags(one);
    const { name, value, byDefault } = APPLY_STRATEGY;
    const findings: Finding[] = [];
    const strategy = given.get(name) ?? byDefault;
    if (strategy !== value) {
      const remedy = `switch to --${name}=${value} as metacontroller/install describes: stop Metacontroller and run the script there first`;
      findings.push(warning(`--${name} is ${strategy}: every Secret is copied into an annotation`, { remedy }));
    }
    const slow = SPEED_FLAGS.filter((flag) => isSlower(flag, given.get(flag.name) ?? flag.byDefault));
    if (slow.length > 0) {
      const set = slow.map((flag) => `--${flag.name} is ${given.get(flag.name) ?? flag.byDefault}`);
      const remedy = `start Metacontroller with ${slow.map((flag) => `--${flag.name}=${flag.value}`).join(' ')}`;
      findings.push(warning(`slower than it could be: ${set.join(', ')}`, { remedy }));
    }
    return findings.length > 0 ? findings : [ok('as recommended')];
  });
}

function isSlower({ value, lower }: SpeedFlag, given: string): boolean {
  const [is, recommended] = [quantity(given), quantity(value)];
  return lower === true ? is > recommended : is < recommended;
}

/** A number, or a duration as Go writes it in seconds; NaN, which is neither slower nor faster, for anything else. */
function quantity(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)];
  if (parts.map(([part]) => part).join('') !== text) return Number.NaN;
  const seconds: Record<string, number> = { h: 3_600, m: 60, s: 1, ms: 0.001 };
  return parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (seconds[unit] ?? 0), 0);
}

/** Whether the ServiceAccount of Metacontroller has all rights that the operator needs. */
export function metacontrollerRights({ denied }: Pick<Facts, 'denied'>): Finding[] {
  const { ok, error, judge } = check('rights');
  return judge(denied, (rights) => {
    if (!rights) return [];
    const remedy = 'give it the role of this version: upgrade the chart, or metacontroller/install/least-privilege';
    if (rights.length > 0) return [error(`Metacontroller may not ${rightsInWords(rights)}`, { remedy })];
    return [ok('Metacontroller may do all that the operator needs')];
  });
}
