import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { goTool } from '../tools.ts';

const run = promisify(execFile);

/** What a tool shows of an object, and why. */
export interface Report {
  status: string;
  message?: string;
}

/** What GitOps tools show of an object, with the configuration of the page. */
export interface Health {
  kstatus: Report;
  flux: Report;
  argoCD: Report;
}

/** The page for users of GitOps tools. */
export const page = readFileSync('docs/gitops.md', 'utf8');

/** An example of the page, by the word behind its language. */
export function example(name: string) {
  const [, yaml] = new RegExp(`^\`\`\`yaml ${name}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(page) ?? [];
  if (!yaml) throw new Error(`the page has no example ${name}`);
  return parse(yaml, { strict: true });
}

/** The health of each of some objects, as the libraries of the tools themselves compute it. */
export async function healthOf(objects: object[]): Promise<Health[]> {
  const program = await goTool('health');
  const directory = await mkdtemp(join(tmpdir(), 'health-'));
  try {
    const [script, checks] = [join(directory, 'health.lua'), join(directory, 'checks.json')];
    await writeFile(script, example('argocd-cm').data['resource.customizations.health.meshery.io_Broker']);
    await writeFile(checks, JSON.stringify(example('kustomization').spec.healthCheckExprs));
    const running = run(program, [script, checks], { maxBuffer: 1e8 });
    running.child.stdin?.end(JSON.stringify(objects));
    return JSON.parse((await running).stdout);
  } finally {
    await rm(directory, { recursive: true });
  }
}
