import { inSandbox } from './sandbox.ts';

/** Runs a command in a sandbox. */
process.exitCode = await inSandbox(process.argv.slice(2));
