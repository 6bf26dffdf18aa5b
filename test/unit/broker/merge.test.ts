import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Block, type Merged, mergeable, quoted, resolveMerge } from '../../../src/broker/merge.ts';
import { resolveBroker } from '../../../src/broker/spec.ts';
import { authority, issue } from '../../support/certificates.ts';
import { brokerParent } from '../../support/scenarios.ts';
import { goTool } from '../../tools.ts';

const run = promisify(execFile);
const pair = await issue(await authority(), 'localhost');

const everyBlock: Record<Block, boolean> = {
  ...{ authorization: true, cluster: true, jetstream: true, leafnodes: true, tls: true, websocket: true },
};

/** Of the servers of this test. */
const VERSION = '2.14.2-alpine';

/** Two values of each setting. */
const values: Record<string, [unknown, unknown]> = {
  connect_error_reports: [1, 100],
  disable_sublist_cache: [true, false],
  logtime: [true, false],
  logtime_utc: [true, false],
  max_closed_clients: [0, 1_000_000],
  max_control_line: [512, '<< 1MB >>'],
  max_pending: ['<< 1MB >>', '4G'],
  max_sub_tokens: [1, 255],
  max_subscriptions: [1, 2_147_483_647],
  max_traced_msg_len: [1, 4096],
  no_fast_producer_stall: [true, false],
  reconnect_error_reports: [1, 10],
  server_metadata: [{ 'a.b-c_1': 'a "quoted" \\ text' }, { a: '{}#;$HOME' }],
  server_tags: ['az:a', ['1e5', 'b']],
  trace_headers: [true, false],
  trace_verbose: [true, false],
  write_timeout: ['close', 'retry'],
  'authorization.timeout': [1, 60],
  'cluster.compression': ['s2_auto', 'off'],
  'cluster.connect_backoff': [true, false],
  'cluster.connect_retries': [0, 1_000_000],
  'cluster.ping_interval': ['500ms', '1h'],
  'cluster.ping_max': [1, 100],
  'cluster.pool_size': [1, 64],
  'cluster.write_deadline': ['1s', '2m'],
  'cluster.write_timeout': ['default', 'retry'],
  'jetstream.info_queue_limit': [1, 1_000_000],
  'jetstream.max_buffered_msgs': [1, 10_000_000],
  'jetstream.max_buffered_size': ['1M', '1T'],
  'jetstream.meta_compact': [1, 100_000],
  'jetstream.meta_compact_size': [2 ** 20, 2 ** 30],
  'jetstream.meta_compact_sync': [true, false],
  'jetstream.request_queue_limit': [1, 1_000_000],
  'jetstream.strict': [true, false],
  'jetstream.sync_interval': ['always', '10s'],
  'leafnodes.compression': ['s2_auto', 's2_best'],
  'leafnodes.isolate_leafnode_interest': [true, false],
  'leafnodes.min_version': ['2.8.0', '2.14.2'],
  'leafnodes.reconnect': ['1s', '1m'],
  'leafnodes.write_deadline': ['1s', '1m'],
  'leafnodes.write_timeout': ['close', 'retry'],
  'tls.connection_rate_limit': [1, 1000],
  'tls.min_version': ['1.2', '1.3'],
  'tls.timeout': [1, 60],
  'websocket.handshake_timeout': ['1s', '1m'],
  'websocket.headers': [{ 'X-A': 'b' }, { 'X-A': 'c, "d"' }],
  'websocket.ping_interval': ['10s', '1m'],
};

function nested(name: string, value: unknown): Record<string, unknown> {
  const [block = '', setting] = name.split('.');
  return setting ? { [block]: { [setting]: value } } : { [name]: value };
}

function merged(name: string, value: unknown): Merged {
  const result = resolveMerge(nested(name, value), everyBlock, VERSION);
  if ('path' in result) throw new Error(`${result.path} ${result.message}`);
  return result;
}

const none: Merged = { top: [], blocks: {}, restart: [] };

/** A configuration with everything that settings can be merged into, on free ports. */
function configuration({ top, blocks }: Merged, folder: string): string {
  const block = (name: Block) => (blocks[name] ?? []).map((line) => `  ${line}\n`).join('');
  return `server_name: "a"
listen: "127.0.0.1:-1"
${top.map((line) => `${line}\n`).join('')}authorization {
  token: "a"
${block('authorization')}}
tls {
  cert_file: "${folder}/tls.crt"
  key_file: "${folder}/tls.key"
${block('tls')}}
cluster {
  name: "a"
  listen: "127.0.0.1:-1"
  routes: ["nats://127.0.0.1:1"]
${block('cluster')}}
jetstream {
  store_dir: "${folder}/data"
  max_file_store: 1000000
  max_memory_store: 0
${block('jetstream')}}
leafnodes {
  listen: "127.0.0.1:-1"
${block('leafnodes')}}
websocket {
  listen: "127.0.0.1:-1"
  no_tls: true
${block('websocket')}}
`;
}

describe('the settings that can be merged', () => {
  it('are all tried', () => {
    expect(Object.keys(values).sort()).toEqual(Object.keys(mergeable).sort());
  });

  it.each(Object.keys(mergeable))(
    '%s is taken up by NATS',
    async (name) => {
      const folder = await mkdtemp(join(tmpdir(), 'nats-merge-'));
      await writeFile(join(folder, 'tls.crt'), pair.certificate);
      await writeFile(join(folder, 'tls.key'), pair.key);
      const write = (value: unknown) =>
        writeFile(join(folder, 'nats.conf'), configuration(value === undefined ? none : merged(name, value), folder));
      const start = async () => {
        const process = spawn(await goTool('nats-server'), ['-c', join(folder, 'nats.conf')]);
        let log = '';
        process.stderr.on('data', (chunk) => {
          log += chunk;
        });
        const says = async (text: RegExp) => {
          for (let attempt = 0; attempt < 400 && process.exitCode === null; attempt += 1) {
            if (text.test(log)) return log;
            await new Promise((resolve) => setTimeout(resolve, 25));
          }
          return log;
        };
        return { process, says };
      };
      try {
        const [one, other] = values[name] ?? [];
        for (const [first, second] of [
          [one, other],
          [other, one],
          [one, undefined],
          [undefined, other],
        ]) {
          await write(first);
          const { process, says } = await start();
          const ended = once(process, 'exit');
          expect(await says(/Server is ready/)).toContain('Server is ready');
          await write(second);
          process.kill('SIGHUP');
          const log = await says(/Reloaded server configuration|reload/);
          process.kill('SIGKILL');
          await ended;
          if (mergeable[name]?.reloads) expect(log).toContain('Reloaded server configuration');
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    30_000,
  );
});

it('every value that a setting is one of is taken up by NATS', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nats-merge-'));
  try {
    await writeFile(join(folder, 'tls.crt'), pair.certificate);
    await writeFile(join(folder, 'tls.key'), pair.key);
    let tried = 0;
    for (const [name, { must }] of Object.entries(mergeable)) {
      const [, list] = /^one of (.*?)(?:, with these quotes)?$/.exec(must) ?? [];
      for (const value of list?.replaceAll('"', '').split(', ') ?? []) {
        await writeFile(join(folder, 'nats.conf'), configuration(merged(name, value), folder));
        const server = spawn(await goTool('nats-server'), ['-c', join(folder, 'nats.conf')]);
        const started = new Promise((resolve) => {
          server.stderr.on('data', (chunk) => String(chunk).includes('Server is ready') && resolve(true));
          server.once('exit', () => resolve(false));
        });
        expect(await started, `${name}: ${value}`).toBe(true);
        const ended = once(server, 'exit');
        server.kill('SIGKILL');
        await ended;
        tried += 1;
      }
    }
    expect(tried).toBeGreaterThan(20);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);

/** The names of all settings that NATS reads at the top of its configuration, and inside the blocks. */
async function settingsOfNats(): Promise<string[]> {
  const { stdout } = await run('go', ['list', '-m', '-f', '{{.Dir}}', 'github.com/nats-io/nats-server/v2'], {
    cwd: 'test/cluster/servers',
    env: { ...process.env, GOFLAGS: '-mod=mod' },
  });
  const source = await readFile(join(stdout.trim(), 'server/opts.go'), 'utf8');
  const names = (name: string) => {
    const from = source.indexOf(`func ${name}(`);
    const body = source.slice(from, source.indexOf('\nfunc ', from + 1));
    const depth = /\n(\t+)case "/.exec(body)?.[1] ?? '\t';
    const cases = [...body.matchAll(new RegExp(`\\n${depth}case ("[^\\n]*):`, 'g'))];
    return cases.flatMap(([, list = '']) => [...list.matchAll(/"([^"]+)"/g)].map(([, each = '']) => each));
  };
  return [
    ...names('(o *Options) processConfigFileLine'),
    ...names('parseCluster').map((name) => `cluster.${name}`),
    ...names('parseLeafNodes').map((name) => `leafnodes.${name}`),
    ...names('parseWebsocket').map((name) => `websocket.${name}`),
    ...names('parseTLS').map((name) => `tls.${name}`),
    ...names('parseAuthorization').map((name) => `authorization.${name}`),
  ];
}

describe('every setting of NATS', () => {
  it('can be merged, or is refused with what to do', async () => {
    const names = await settingsOfNats();
    expect(names).toEqual(expect.arrayContaining(['port', 'max_pending', 'cluster.pool_size', 'tls.cert_file']));
    expect(names.length).toBeGreaterThan(150);
    for (const name of names) {
      if (Object.hasOwn(mergeable, name) || Object.keys(everyBlock).includes(name)) continue;
      for (const value of [true, 1, '$POD_NAME', {}]) {
        const result = resolveMerge(nested(name, value), everyBlock, VERSION);
        expect(result).toMatchObject({
          path: `spec.config.merge.${name}`,
          message: expect.stringMatching(/^(is set by|is not offered|is not a setting that can be merged)/),
        });
      }
    }
  });
});

describe('a setting that is merged', () => {
  const problem = (merge: object, spec: object = {}) =>
    resolveBroker(brokerParent({ ...spec, config: { merge } } as never));

  it.each<[object, string, string]>([
    [{ port: 1 }, 'port', 'is set by the operator'],
    [{ PORT: 1 }, 'PORT', 'is set by the operator'],
    [{ include: 'x' }, 'include', 'is set by the operator'],
    [{ max_payload: 1 }, 'max_payload', 'is set by spec.config.maxPayload'],
    [{ authorization: { token: 'x' } }, 'authorization.token', 'is set by spec.auth.tokenSecretRef'],
    [{ jetstream: { store_dir: '/' } }, 'jetstream.store_dir', 'is set by the operator'],
    [{ accounts: {} }, 'accounts', 'is not offered; docs/comparison.md says why'],
    [{ gateway: {} }, 'gateway', 'is not offered; docs/comparison.md says why'],
    [{ jetstream: { unique_tag: 'az:' } }, 'jetstream.unique_tag', 'all servers of a Broker have the same tags'],
    [{ cluster: { compression: true } }, 'cluster.compression', 'one of "off", accept, "on", s2_fast'],
    [{ nonsense: 1 }, 'nonsense', 'is not a setting that can be merged; docs/nats.md lists them'],
    [{ constructor: 1 }, 'constructor', 'is not a setting that can be merged; docs/nats.md lists them'],
    [
      { max_control_line: '1 MB' },
      'max_control_line',
      'must be a number of bytes from 512 to 1048576, for example 4KB or 4096',
    ],
    [{ max_control_line: ['8KB'] }, 'max_control_line', 'must be a number of bytes'],
    [{ max_control_line: 4096.5 }, 'max_control_line', 'must be a number of bytes'],
    [{ logtime: 'true' }, 'logtime', 'must be true or false'],
    [{ logtime: null }, 'logtime', 'must be true or false'],
    [{ max_sub_tokens: 256 }, 'max_sub_tokens', 'must be an integer from 1 to 255'],
    [{ server_tags: 'a b' }, 'server_tags', 'must be a tag'],
    [{ server_tags: [] }, 'server_tags', 'must be a tag'],
    [{ server_metadata: { a: 'b\n' } }, 'server_metadata', 'must be a map'],
    [{ server_metadata: { 'a"': 'b' } }, 'server_metadata', 'must be a map'],
    [{ write_timeout: 'never' }, 'write_timeout', 'must be one of default, close, retry'],
    [{ leafnodes: { min_version: '2.7.9' } }, 'leafnodes.min_version', 'at least 2.8.0'],
    [
      { websocket: { headers: { 'Sec-WebSocket-X': 'a' } } },
      'websocket.headers',
      'without those that NATS sets itself',
    ],
    [{ websocket: { headers: { UPGRADE: 'a' } } }, 'websocket.headers', 'without those that NATS sets itself'],
    [{ cluster: 1 }, 'cluster', 'must be a map'],
    [{ max_pending: '<< 1MB >>' }, 'max_pending', 'must not be less than spec.config.maxPayload'],
  ])('%j is refused', (merge, path, message) => {
    const spec = {
      ...{ size: 3, jetstream: { domain: 'a', memoryStore: { maxSize: '1Mi' } } },
      ...{ websocket: { enabled: true }, leafNodes: { remotes: [{ url: 'tls://hub' }] } },
    };
    const maxPayload = { maxPayload: '2Mi' };
    expect(resolveBroker(brokerParent({ ...spec, config: { ...maxPayload, merge } } as never))).toMatchObject({
      path: `spec.config.merge.${path}`,
      message: expect.stringContaining(message),
    });
  });

  it.each([
    [{ cluster: { pool_size: 3 } }, 'requires spec.size to be more than 1'],
    [{ jetstream: { strict: true } }, 'requires spec.jetstream'],
    [{ leafnodes: { reconnect: '1s' } }, 'requires spec.leafNodes'],
    [{ tls: { timeout: 5 } }, 'requires spec.tls.secretName'],
    [{ websocket: { ping_interval: '1s' } }, 'requires spec.websocket.enabled'],
  ])('%j needs the block', (merge, message) => {
    expect(problem(merge)).toMatchObject({ message });
  });

  it('is absent when it is empty', () => {
    expect(problem({})).toEqual(resolveBroker(brokerParent({})));
    expect(problem({ cluster: {} })).toEqual(resolveBroker(brokerParent({})));
  });

  it('is quoted', () => {
    expect(quoted('a "b" \\')).toBe('"a \\"b\\" \\\\"');
  });

  const since = Object.entries(mergeable).flatMap(([name, { since: first }]) =>
    first ? [[name, first] as const] : [],
  );
  it.each(since)('%s is refused for servers before %s, which would not start', (name, first) => {
    const [value] = values[name] ?? [];
    const [major, minor] = first.split('.').map(Number);
    for (const older of [`${major}.${Number(minor) - 1}.99-alpine`, `${first}-rc.1`]) {
      const path = `spec.config.merge.${name}`;
      const message = `requires spec.version to be ${first} or later`;
      expect(resolveMerge(nested(name, value), everyBlock, older)).toEqual({ path, message });
    }
    for (const newer of [first, `${first}-alpine`, '2.99', 'latest']) {
      expect(resolveMerge(nested(name, value), everyBlock, newer)).not.toHaveProperty('path');
    }
  });

  it('is refused for the version of the spec', () => {
    const spec = (version: string) => ({ version, config: { merge: { write_timeout: 'close' } } });
    expect(resolveBroker(brokerParent(spec('v2.12.8-alpine')))).toMatchObject({
      path: 'spec.config.merge.write_timeout',
    });
    expect(resolveBroker(brokerParent(spec('2.14.0')))).not.toHaveProperty('path');
  });

  it('keeps no server of auth.users out by its version', () => {
    const own = { passwordSecretRef: { name: 'own' } };
    const spec = (min_version: string, users: object[]) => ({
      version: '2.14.2-alpine',
      auth: { users },
      leafNodes: { enabled: true, authorization: { users: [{ user: 'east', ...own }] } },
      config: { merge: { leafnodes: { min_version } } },
    });
    const problemOf = (...given: Parameters<typeof spec>) => resolveBroker(brokerParent(spec(...given) as never));
    expect(problemOf('2.15.0', [{ user: 'a', ...own }])).toEqual({
      path: 'spec.config.merge.leafnodes.min_version',
      message: 'must not be above spec.version: the servers of auth.users are leaf nodes of that version',
    });
    expect(problemOf('2.14.2', [{ user: 'a', ...own }])).not.toHaveProperty('path');
    expect(problemOf('2.15.0', [])).not.toHaveProperty('path');
  });

  it('is in the table of docs/nats.md', () => {
    const rows = readFileSync('docs/nats.md', 'utf8').matchAll(/^\| `([a-z_.]+)` \| (.*) \| (.*) \| (\S*) ?\|$/gm);
    const documented = [...rows].map(([, name, must, change, first]) => [name, must, change, first]);
    const expected = Object.entries(mergeable).map(([name, { must, reloads, since: first = '' }]) => [
      ...[name, must, reloads ? 'is reloaded' : 'rolls the pods', first],
    ]);
    expect(documented).toEqual(expected);
  });
});
