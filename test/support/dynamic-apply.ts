export { LAST_APPLIED } from '../stand-in/dynamic-apply.ts';
