import { describe } from 'vitest';
import { scenarios } from './scenarios.ts';

describe('a cluster driven by the test double of Metacontroller', () => scenarios('test-double'));
