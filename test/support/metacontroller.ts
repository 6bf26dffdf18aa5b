export type { Strategy, SyncOutcome } from '../stand-in/metacontroller.ts';
export { type Hook, sync } from './scenarios.ts';
