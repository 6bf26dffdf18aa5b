#!/usr/bin/env node
import { basename } from 'node:path';
import { CommanderError } from 'commander';
import { ClusterError, EXIT } from './errors.ts';
import { COMPLETE, createProgram } from './program.ts';
import { warn } from './terminal.ts';

// As kubectl calls its plugins, and what completes their words: by links of these names.
const called = basename(process.argv[1] ?? '');
if (called.startsWith('kubectl_complete-')) process.argv.splice(2, 0, COMPLETE, '--');
const program = createProgram(called.startsWith('kubectl') ? 'kubectl meshery' : 'meshery-operator');

// A reader that has enough, such as head, closes the pipe.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));
// Where nobody reads what is no result, the exit code stands.
process.stderr.on('error', () => {});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
  else {
    warn(error instanceof Error ? error.message : String(error));
    process.exitCode = error instanceof ClusterError ? EXIT.cluster : EXIT.usage;
  }
}
