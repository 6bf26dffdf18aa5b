/** The least version of Metacontroller that the operator works with. */
export const LEAST_METACONTROLLER = '4.17.2';

/** The flag by which Metacontroller copies no child into an annotation, which it does by default. */
export const APPLY_STRATEGY = { name: 'apply-strategy', value: 'server-side-apply', byDefault: 'dynamic-apply' };

/** A flag of Metacontroller on which depends how fast it is. */
export interface SpeedFlag {
  name: string;
  /** What `metacontroller/install` recommends. */
  value: string;
  /** What Metacontroller does without it. */
  byDefault: string;
  /** Whether a lower value is faster. */
  lower?: true;
}

/** The flags that `metacontroller/install` recommends for speed. */
export const SPEED_FLAGS: readonly SpeedFlag[] = [
  { name: 'discovery-interval', value: '5s', byDefault: '20s', lower: true },
  { name: 'client-go-qps', value: '200', byDefault: '5' },
  { name: 'client-go-burst', value: '400', byDefault: '10' },
  { name: 'workers', value: '20', byDefault: '5' },
];
