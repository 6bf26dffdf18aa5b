import type { OperatorSettings } from '../api/context.ts';
import { crdFiles, writeCrds } from './crds.ts';
import { demo } from './demo.ts';
import { EXIT, UsageError } from './errors.ts';
import { DEFAULT_NAMESPACE, type GivenOptions, NOTHING_GIVEN, readGiven } from './given.ts';
import { rbac } from './rbac.ts';
import { render } from './render.ts';
import { readResources } from './resources.ts';
import { warn } from './terminal.ts';
import { findings, line } from './validate.ts';

/** The options of `render`. */
export type RenderCommandOptions = { diff: boolean; mint: boolean } & GivenOptions & OperatorSettings;

/** Prints the children and the status of resources, or what would change in the cluster. */
export async function renderCommand(args: string[], options: RenderCommandOptions): Promise<void> {
  if (options.diff) {
    const { renderDiff } = await import('./live/render-diff.ts');
    const { text, isDifferent, notes } = await renderDiff(args, options);
    for (const note of notes) warn(note);
    process.stdout.write(text);
    if (isDifferent) process.exitCode = EXIT.refused;
    return;
  }
  const given = await readGiven(args, options);
  for (const line of given.skipped) warn(line);
  if (given.resources.length === 0) throw new UsageError(NOTHING_GIVEN);
  const namespace = options.namespace ?? DEFAULT_NAMESPACE;
  const { yaml, notes } = render(given, { ...given.settings, ...options, namespace, now: () => new Date() });
  process.stdout.write(yaml);
  for (const { source, text } of notes) warn(`${source}: ${text}`);
  if (notes.some(({ refused }) => refused)) process.exitCode = EXIT.refused;
}

/** The options of `validate`. */
export type ValidateOptions = { output: 'text' | 'json' } & GivenOptions;

/** Prints what would be refused or warned about. */
export async function validateCommand(args: string[], options: ValidateOptions): Promise<void> {
  const given = await readGiven(args, options);
  if (given.resources.length === 0) warn(NOTHING_GIVEN);
  const found = findings(given, options.namespace ?? DEFAULT_NAMESPACE, new Date());
  const text = found.map((finding) => `${line(finding)}\n`).join('');
  process.stdout.write(options.output === 'json' ? `${JSON.stringify(found, undefined, 2)}\n` : text);
  if (found.some(({ severity }) => severity === 'error')) process.exitCode = EXIT.refused;
}

/** Prints the roles that MeshSyncs need. */
export async function rbacCommand(args: string[], options: GivenOptions): Promise<void> {
  const { resources } = await readGiven(args, options);
  const { yaml, notes } = rbac(resources, options.namespace ?? DEFAULT_NAMESPACE);
  process.stdout.write(yaml);
  for (const note of notes) warn(note);
}

/** The options of `crds`. */
export interface CrdsOptions {
  directory?: string;
}

/** Prints or writes the CRDs. */
export async function crdsCommand({ directory }: CrdsOptions): Promise<void> {
  if (directory) await writeCrds(directory);
  else process.stdout.write([...crdFiles().values()].join('---\n'));
}

/** Runs the service with the resources of some files. */
export async function demoCommand(files: string[]): Promise<void> {
  const { resources } = await readResources(files);
  await demo(resources, (text) => process.stdout.write(text));
}
