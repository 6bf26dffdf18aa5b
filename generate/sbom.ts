// Prints the SBOM of the bundled dependencies: npm run sbom
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OPERATOR } from '../src/operator.ts';

/**
 * The SBOM of the dependencies in the bundles, in CycloneDX, of the versions in the lock file. "npm sbom --omit dev" would leave
 * out each one that a development dependency uses too, so it runs where there are none.
 */
export async function sbom(): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), 'meshery-sbom-'));
  try {
    // npm names the component after the folder.
    const cwd = join(work, OPERATOR.name);
    await mkdir(cwd);
    await cp('package-lock.json', join(cwd, 'package-lock.json'));
    const { devDependencies, ...manifest } = JSON.parse(await readFile('package.json', 'utf8'));
    await writeFile(join(cwd, 'package.json'), JSON.stringify(manifest));
    const npm = async (...args: string[]) =>
      (await promisify(execFile)('npm', [...args, '--package-lock-only'], { cwd, maxBuffer: 1e8 })).stdout;
    await npm('install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund');
    return await npm('sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application');
  } finally {
    await rm(work, { recursive: true });
  }
}

if (process.argv[1] === import.meta.filename) process.stdout.write(await sbom());
