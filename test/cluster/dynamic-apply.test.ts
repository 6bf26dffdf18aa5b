import { describe } from 'vitest';
import { metacontrollerBinary } from './metacontroller.ts';
import { scenarios } from './scenarios.ts';

describe.skipIf(!metacontrollerBinary())('a cluster driven by a real Metacontroller, dynamic-apply', () =>
  scenarios('dynamic-apply'),
);
