import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe } from 'vitest';
import { commands } from './commands.ts';
import { doctor } from './doctor.ts';
import { documented } from './documented.ts';
import { features } from './features.ts';
import { gaps } from './gaps.ts';
import { installation } from './installation.ts';
import { jetStream } from './jetstream.ts';
import { limits } from './limits.ts';
import { messages } from './messages.ts';
import { migration } from './migration.ts';
import { probes } from './probes.ts';
import { removal } from './removal.ts';
import { report } from './report.ts';
import type { Scene, Table } from './scene.ts';
import { security } from './security.ts';
import { usage } from './usage.ts';
import { ways } from './ways.ts';
import { startWorld, type World } from './world.ts';

/** In this order, since the first scenario installs the operator and the last removes it. */
describe('a real node', () => {
  let world: World | undefined;
  const tables: Record<Table, Record<string, number>> = { times: {}, gaps: {}, memory: {}, cpu: {} };
  const scene: Scene = {
    world: () => {
      if (!world) throw new Error('the cluster did not start');
      return world;
    },
    measured: (table, what, value) => {
      tables[table][what] = table === 'times' ? Math.round(value * 10) / 10 : Math.round(value);
    },
  };

  beforeAll(async () => {
    const started = Date.now();
    const log = (line: string) => process.stderr.write(`${((Date.now() - started) / 1000).toFixed(1)} s  ${line}\n`);
    world = await startWorld(log, 2);
  });
  afterAll(async () => {
    if (!world) return;
    const text = report(world.driver, tables);
    process.stdout.write(`\n${text}\n`);
    if (process.env.REPORT) await writeFile(process.env.REPORT, text);
  });

  describe('the installation', () => {
    installation(scene);
    usage(scene, 'at rest');
  });
  describe('doctor', () => doctor(scene));
  describe('the commands of the pages', () => documented(scene));
  describe('messages', () => messages(scene));
  describe('commands', () => commands(scene));
  describe('gaps', () => gaps(scene));
  describe('streams', () => jetStream(scene));
  describe('features', () => features(scene));
  describe('limits', () => limits(scene));
  describe('processes', () => security(scene));
  describe('probes', () => probes(scene));
  describe('the removal', () => {
    usage(scene, 'after all scenarios');
    removal(scene);
  });
  describe('the migration', () => migration(scene));
  describe('the ways to install', () => ways(scene));
});
