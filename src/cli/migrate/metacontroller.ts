import { APPLY_STRATEGY } from '../../metacontroller/flags.ts';
import { flagsOf, metacontrollerContainer } from '../cluster/metacontroller.ts';
import type { Metacontroller } from './facts.ts';
import type { Workload } from './go-operator.ts';

/** Metacontroller among the workloads of a cluster, with the flags that decide how it applies. */
export function findMetacontroller(workloads: Workload[]): Metacontroller | undefined {
  for (const object of workloads) {
    const container = metacontrollerContainer(object);
    if (!container) continue;
    const flags = flagsOf(container);
    const isDynamic = flags.get(APPLY_STRATEGY.name) !== APPLY_STRATEGY.value;
    const manager = managerOf(isDynamic, flags.get('apply-strategy-ssa-field-manager'));
    return { object, image: container.image ?? '', isDynamic, manager };
  }
  return undefined;
}

const DEFAULT_MANAGER = 'metacontroller';

/** Its field manager. By dynamic-apply it updates, by the name of its program. */
export function managerOf(isDynamic: boolean, manager = DEFAULT_MANAGER): Metacontroller['manager'] {
  return isDynamic ? { manager: DEFAULT_MANAGER, operation: 'Update' } : { manager, operation: 'Apply' };
}
