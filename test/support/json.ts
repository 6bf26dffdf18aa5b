export * from '../stand-in/json.ts';
