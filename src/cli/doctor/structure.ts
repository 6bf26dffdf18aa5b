import { isObject } from '../../metacontroller/reapply.ts';

/**
 * The paths at which an observed value is not as expected. Fields that are not expected are ignored, since the API server adds
 * defaults, but for those of a schema: there, every field counts.
 */
export function differences(expected: unknown, observed: unknown, path = '', exact = false): string[] {
  if (Array.isArray(expected)) {
    if (!Array.isArray(observed) || observed.length !== expected.length) return [path];
    return expected.flatMap((item, index) => differences(item, observed[index], `${path}[${index}]`, exact));
  }
  if (!isObject(expected)) return Object.is(expected, observed) ? [] : [path];
  if (!isObject(observed)) return Object.keys(expected).length === 0 && observed === undefined ? [] : [path];
  const keys = exact ? new Set([...Object.keys(expected), ...Object.keys(observed)]) : Object.keys(expected);
  return [...keys].flatMap((key) => {
    const below = path ? `${path}.${key}` : key;
    return differences(expected[key], observed[key], below, exact || key === 'openAPIV3Schema');
  });
}

/** Some paths for a line. */
export function somePaths(paths: readonly string[]): string {
  const shown = paths.slice(0, 3).join(', ');
  return paths.length > 3 ? `${shown} and ${paths.length - 3} more` : shown;
}
