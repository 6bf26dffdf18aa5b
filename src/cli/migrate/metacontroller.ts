import { APPLY_STRATEGY } from '../../metacontroller/flags.ts';
import type { Metacontroller } from './facts.ts';
import type { Workload } from './go-operator.ts';

/** Metacontroller among the workloads of a cluster, with the flags that decide how it applies. */
export function findMetacontroller(workloads: Workload[]): Metacontroller | undefined {
  for (const object of workloads) {
    for (const { name, image = '', command = [], args = [] } of object.spec.template.spec.containers) {
      if (name !== 'metacontroller' && !/(^|\/)metacontroller([:@]|$)/.test(image)) continue;
      const isDynamic = flag([...command, ...args], APPLY_STRATEGY.name) !== APPLY_STRATEGY.value;
      const manager = flag([...command, ...args], 'apply-strategy-ssa-field-manager') ?? DEFAULT_MANAGER;
      return { object, image, isDynamic, manager: managerOf(isDynamic, manager) };
    }
  }
  return undefined;
}

const DEFAULT_MANAGER = 'metacontroller';

/** Its field manager. By dynamic-apply it updates, by the name of its program. */
export function managerOf(isDynamic: boolean, manager = DEFAULT_MANAGER): Metacontroller['manager'] {
  return isDynamic ? { manager: DEFAULT_MANAGER, operation: 'Update' } : { manager, operation: 'Apply' };
}

/** The value of a flag, in any form that Go's flags have. */
function flag(args: string[], name: string): string | undefined {
  const index = args.findIndex((arg) => arg.replace(/^--?/, '').split('=')[0] === name);
  const given = args[index];
  if (given === undefined) return undefined;
  return given.includes('=') ? given.slice(given.indexOf('=') + 1) : args[index + 1];
}
