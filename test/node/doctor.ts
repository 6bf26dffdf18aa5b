import { expect, it } from 'vitest';
import { isReady, meshSync, namespace } from '../cluster/expectations.ts';
import { metacontrollerBinary } from '../cluster/metacontroller.ts';
import { cli, type Finished } from '../support/built.ts';
import { picture } from './pictures.ts';
import type { Scene } from './scene.ts';

/** The command that says what is wrong with an installation, as people run it: built, with a kubeconfig. */
export function doctor({ world }: Scene): void {
  const run = (...args: string[]): Promise<Finished> => cli(args, { KUBECONFIG: world().kubeconfig, FORCE_COLOR: '1' });
  const found = async () => {
    const { code, stdout } = await run('doctor', '--output', 'json');
    const { findings } = JSON.parse(stdout);
    return { code, problems: findings.flatMap(problem) };
  };
  const NO_METACONTROLLER = 'error Metacontroller: there is none: nothing syncs Brokers and MeshSyncs';
  const always = metacontrollerBinary() ? [] : [NO_METACONTROLLER];

  it('finds nothing wrong with what the README installs', async () => {
    expect(await found()).toEqual({ code: always.length, problems: always });
    const { code, stdout, stderr } = await run('doctor');
    expect([code, stderr]).toEqual([always.length, '']);
    if (always.length === 0) await picture('doctor', 'meshery-operator doctor', stdout);
  });

  it('finds a MeshSync that may not read what it watches, and binds it without a restart', async () => {
    const { kubectl, kubernetes } = world();
    const of = await namespace(kubernetes, 'unbound');
    const uids = async () => (await kubernetes.list('v1', 'Pod', of)).map(({ metadata }) => metadata.uid).sort();
    await isReady(kubernetes, await kubernetes.apply(meshSync(of, 'meshery-meshsync', 'meshery-broker', 'meshery')));
    const before = await uids();
    const finding = /^error MeshSync: ServiceAccount unbound\/meshery-meshsync may not list and watch configmaps, /;
    expect((await found()).problems).toEqual([...always, expect.stringMatching(finding)]);
    const fixed = await run('doctor', '--fix', '--yes', '--no-color');
    expect(fixed.code).toBe(always.length);
    expect(fixed.stdout).toContain('fixed: apply ClusterRole meshery-meshsync:unbound:meshery-meshsync');
    expect((await found()).problems).toEqual(always);
    expect(await uids()).toEqual(before);
    await kubectl('delete', 'namespace', of, '--wait', '--timeout=90s');
    const name = 'meshery-meshsync:unbound:meshery-meshsync';
    await kubectl('delete', `clusterrole/${name}`, `clusterrolebinding/${name}`);
  });
}

interface Finding {
  check: string;
  severity: string;
  message: string;
}

function problem({ check, severity, message }: Finding): string[] {
  return severity === 'ok' ? [] : [`${severity} ${check}: ${message}`];
}
