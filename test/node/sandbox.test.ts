import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually } from '../cluster/expectations.ts';
import { hierarchies, imagesOf, missing, REQUIREMENTS, removeLeftovers, sandboxOf } from './sandbox.ts';

const run = promisify(execFile);

/** Makes in the sandbox all that could be left: a mount, a network, a cgroup with an orphan, and a log. */
const MESS = `
mount -t tmpfs tmpfs /mnt
ip netns add left
ip link add left type bridge
cgroup=$1/$(basename $SANDBOX)/left
mkdir $cgroup
(sh -c 'echo 0 >$0/cgroup.procs; exec sleep $1' $cgroup $2 &)
echo a line >$SANDBOX/left.log
echo made
`;

/** The seconds that the orphan would sleep: its command line is found by them. */
let seconds = 900_000 + process.pid;

describe('a sandbox', () => {
  const [hierarchy = ''] = hierarchies();
  let own: string | undefined;
  const started: ChildProcess[] = [];

  // Sandboxes that others start meanwhile remove what is left in their own folder only, and logs of theirs are kept.
  beforeAll(async () => {
    own = await mkdtemp(join(tmpdir(), 'meshery-sandboxes-'));
    vi.stubEnv('TMPDIR', own);
  });

  // A test that failed may have left its sandbox.
  afterEach(async () => {
    for (const child of started.splice(0)) {
      if (child.exitCode !== null || child.signalCode) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  afterAll(async () => {
    vi.unstubAllEnvs();
    if (own) await rm(own, { recursive: true, force: true });
  });

  function enter(script: string): { child: ChildProcess; folder: string; orphan: string } {
    seconds += 1;
    const orphan = `${seconds}`;
    const inside = ['sh', '-ec', `${MESS}${script}`, 'sh', hierarchy, orphan];
    const args = ['--import', 'tsx', 'test/node/enter.ts', ...inside];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    started.push(child);
    return { child, folder: sandboxOf(child.pid ?? 0), orphan };
  }

  async function nothingRuns(orphan: string): Promise<void> {
    await eventually(async () => {
      await expect(run('pgrep', ['--full', `^sleep ${orphan}`])).rejects.toMatchObject({ code: 1 });
    });
    expect(await readFile('/proc/self/mounts', 'utf8')).not.toContain(' /mnt ');
    expect(existsSync('/run/netns/left')).toBe(false);
    expect((await run('ip', ['link'])).stdout).not.toContain('left');
  }

  function nothingIsLeft(folder: string): void {
    expect(existsSync(folder)).toBe(false);
    for (const each of hierarchies()) expect(existsSync(join(each, basename(folder)))).toBe(false);
  }

  it.each([0, 3])('leaves nothing after a command that exits with %s, which is passed on', async (code) => {
    const { child, folder, orphan } = enter(`exit ${code}`);
    const output = child.stderr && text(child.stderr);
    expect(await once(child, 'exit')).toEqual([code, null]);
    await nothingRuns(orphan);
    nothingIsLeft(folder);
    const [, logs = ''] = /logs are kept in (.+)/.exec((await output) ?? '') ?? [];
    if (code === 0) expect(logs).toBe('');
    else expect(await readFile(join(logs, 'left.log'), 'utf8')).toBe('a line\n');
  });

  it('ends with its parent, and the next one removes what that could not', async () => {
    const { child, folder, orphan } = enter('sleep 1000');
    await once(child.stdout ?? child, 'data');
    // An image was being built.
    const images = imagesOf(child.pid ?? 0);
    await mkdir(join(images, 'buildah'), { recursive: true });
    child.kill('SIGKILL');
    await nothingRuns(orphan);
    expect(existsSync(folder)).toBe(true);
    // What only has such a name is not of a run.
    const foreign = await mkdtemp(join(tmpdir(), 'meshery-node-of-a-user-'));
    try {
      const next = enter('exit 0');
      await once(next.child, 'exit');
      nothingIsLeft(folder);
      expect(existsSync(images)).toBe(false);
      nothingIsLeft(next.folder);
      expect(existsSync(foreign)).toBe(true);
    } finally {
      await rm(foreign, { recursive: true, force: true });
    }
  });

  it('removes what another removes at the same time', async () => {
    const { child, folder, orphan } = enter('sleep 1000');
    await once(child.stdout ?? child, 'data');
    child.kill('SIGKILL');
    await nothingRuns(orphan);
    await Promise.all([removeLeftovers(), removeLeftovers(), removeLeftovers()]);
    nothingIsLeft(folder);
  });

  it.each(['SIGTERM', 'SIGHUP'] as const)('leaves nothing after %s to its parent', async (signal) => {
    const { child, folder, orphan } = enter('sleep 1000');
    await once(child.stdout ?? child, 'data');
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([1, null]);
    await nothingRuns(orphan);
    nothingIsLeft(folder);
  });

  it('stops a command that ignores an interrupt', { timeout: 30_000 }, async () => {
    const { child, folder, orphan } = enter('trap "" INT; sleep 1000');
    await once(child.stdout ?? child, 'data');
    child.kill('SIGINT');
    await once(child, 'exit');
    await nothingRuns(orphan);
    nothingIsLeft(folder);
  });

  it('has a first process that reaps orphans', async () => {
    // The entry of a process that has ended stays in /proc until it is reaped.
    const { child } = enter(`
      pid=$(sh -c 'sleep 0.2 >/dev/null & echo $!')
      test -e /proc/$pid
      for i in $(seq 100); do test -e /proc/$pid || exit 0; sleep 0.1; done
      exit 4`);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('has a folder that no other user can enter', async () => {
    const { child, folder } = enter('sleep 1000');
    await once(child.stdout ?? child, 'data');
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    child.kill('SIGTERM');
    await once(child, 'exit');
  });

  it('stops at an interrupt from the terminal', async () => {
    const { child, folder, orphan } = enter('trap "sleep 0.5; exit 7" INT; sleep 1000 & wait');
    await once(child.stdout ?? child, 'data');
    const inside = await run('pgrep', ['--full', `sh -ec.* ${orphan}$`]);
    // The terminal signals all processes of the group.
    for (const pid of [child.pid, ...inside.stdout.trim().split('\n').map(Number)]) process.kill(pid ?? 0, 'SIGINT');
    expect(await once(child, 'exit')).toEqual([7, null]);
    await nothingRuns(orphan);
    nothingIsLeft(folder);
  });
});

describe('what is missing for a sandbox is told in one line', () => {
  it.each([
    ['another system', { platform: 'darwin' }, /^it needs Linux, and this is darwin$/],
    ['another user', { user: 1000 }, /^it needs root$/],
    ['a package', { packages: { '/no/such/file': 'a-package' } }, /^packages are missing: apt-get install a-package$/],
    [
      'a feature',
      { kernel: { magic: 'echo no magic >&2; echo ask a wizard >&2; exit 1' } },
      /^this kernel does not give magic to this process: no magic$/,
    ],
    ['a silent feature', { kernel: { magic: 'exit 1' } }, /^this kernel does not give magic to this process$/],
  ])('%s', async (_, lack, line) => {
    expect(await missing({ ...REQUIREMENTS, ...lack })).toMatch(line);
  });

  it('by npm run test:node, which is then skipped', async () => {
    // Another user, who may read this folder wherever it is.
    const user = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const rights = ['--inh-caps', '+dac_read_search', '--ambient-caps', '+dac_read_search'];
    const main = [process.execPath, '--import', 'tsx', 'test/node/main.ts'];
    // Rejects when it exits with another code than 0.
    const { stdout, stderr } = await run('setpriv', [...user, ...rights, ...main]);
    expect(stderr).toBe('WARNING: the tests on a real node are skipped: it needs root\n');
    expect(stdout).toBe('');
  });

  it('nothing, here', async () => {
    expect(await missing()).toBeUndefined();
  });
});
