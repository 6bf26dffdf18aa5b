export * from '../stand-in/controllers.ts';
