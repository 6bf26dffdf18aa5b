import { isBelow } from '../kubernetes/images.ts';
import type { FieldError } from '../schema/validate.ts';

/** A setting of NATS that `spec.config.merge` may have. */
interface Setting {
  /** What its value must be. */
  must: string;
  /** The value as the configuration of NATS has it; `undefined` when the value is invalid. */
  text: (value: unknown) => string | undefined;
  /** Whether NATS takes up a change by a reload. */
  reloads?: true;
  /** The first release that knows it; an older server would not start. Absent where every one in use does. */
  since?: string;
}

/** Settings by name. */
type Settings = Record<string, Setting>;

/** A boolean. */
const flag: Setting = {
  must: 'true or false',
  text: (value) => (typeof value === 'boolean' ? String(value) : undefined),
};

function integer(minimum: number, maximum = 2_147_483_647): Setting {
  return {
    must: `an integer from ${minimum} to ${maximum}`,
    text: (value) =>
      Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum ? String(value) : undefined,
  };
}

const UNITS: Record<string, number> = { '': 0, K: 10, KB: 10, M: 20, MB: 20, G: 30, GB: 30, T: 40, TB: 40 };

/** A size in the largest unit that divides it. */
function inUnits(bytes: number): string {
  return bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20}MB` : `${bytes / 2 ** 10}KB`;
}

/** A size in bytes, also as the NATS Helm chart writes it: `<< 8MB >>`. */
function size(minimum: number, maximum: number): Setting {
  const inRange = (bytes: number) => (bytes >= minimum && bytes <= maximum ? String(bytes) : undefined);
  return {
    must: `a number of bytes from ${minimum} to ${maximum}, for example ${inUnits(minimum * 8)} or ${minimum * 8}`,
    text: (value) => {
      if (Number.isInteger(value)) return inRange(Number(value));
      if (typeof value !== 'string') return undefined;
      const [, digits, unit] = /^(?:<< )?(\d{1,15})([KMGT]?B?)(?: >>)?$/.exec(value) ?? [];
      const shift = unit === undefined ? undefined : UNITS[unit];
      return shift === undefined ? undefined : inRange(Number(digits) * 2 ** shift);
    },
  };
}

const DURATION = /^[1-9]\d{0,6}(ms|s|m|h)$/;

const duration: Setting = {
  must: 'a duration such as 500ms, 10s or 2m',
  text: (value) => (typeof value === 'string' && DURATION.test(value) ? quoted(value) : undefined),
};

/** Values that YAML reads as a boolean or a number, unless they are in quotes. */
const AMBIGUOUS = /^(on|off|[\d.]+)$/;

function oneOf(...values: string[]): Setting {
  const listed = values.map((value) => (AMBIGUOUS.test(value) ? quoted(value) : value)).join(', ');
  return {
    must: `one of ${listed}${listed.includes('"') ? ', with these quotes' : ''}`,
    text: (value) => (typeof value === 'string' && values.includes(value) ? quoted(value) : undefined),
  };
}

function matching(pattern: RegExp, must: string): Setting {
  return { must, text: (value) => (typeof value === 'string' && pattern.test(value) ? quoted(value) : undefined) };
}

/** The same setting where NATS takes up a change by a reload. */
const reloaded = (setting: Setting): Setting => ({ ...setting, reloads: true });

/** The same setting where servers before a release do not know it. */
const from = (since: string, setting: Setting): Setting => ({ ...setting, since });

/** A text in double quotes, as the configuration of NATS reads it. */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** A text without control characters. */
const PRINTABLE = /^[ -~]{1,256}$/;

const tag: Setting = {
  must: 'a tag or a list of tags of letters, digits and :._-',
  text: (value) => {
    const tags: unknown[] = Array.isArray(value) ? value : [value];
    const valid = tags.filter((each) => typeof each === 'string' && /^[A-Za-z0-9:._-]{1,64}$/.test(each));
    return tags.length > 0 && tags.length <= 32 && valid.length === tags.length
      ? `[${valid.map((each) => quoted(String(each))).join(', ')}]`
      : undefined;
  },
};

/** Headers that NATS sets itself. */
const OWN_HEADER = /^(host|content-length|connection|upgrade|nats-no-masking|sec-websocket-.*)$/i;

/** @param refused names that the map may not have */
function mapOf(value: RegExp, kind: string, refused = /^$/): Setting {
  return {
    must: `a map of at most 32 names to ${kind}`,
    text: (map) => {
      if (typeof map !== 'object' || map === null || Array.isArray(map)) return undefined;
      const entries = Object.entries(map);
      const isValid = ([name, each]: [string, unknown]) =>
        /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name) &&
        !refused.test(name) &&
        typeof each === 'string' &&
        value.test(each);
      if (entries.length === 0 || entries.length > 32 || !entries.every(isValid)) return undefined;
      return `{ ${entries.map(([name, each]) => `${quoted(name)}: ${quoted(String(each))}`).join(', ')} }`;
    },
  };
}

const MEBIBYTE = 2 ** 20;
const TEBIBYTE = 2 ** 40;
const COUNT = integer(1);
const timeout = oneOf('default', 'close', 'retry');
const compression = oneOf('off', 'accept', 'on', 's2_fast', 's2_better', 's2_best', 's2_auto');

/** Settings at the top of the configuration. */
const top: Settings = {
  connect_error_reports: reloaded(COUNT),
  disable_sublist_cache: flag,
  logtime: reloaded(flag),
  logtime_utc: reloaded(flag),
  max_closed_clients: from('2.11.0', integer(0, 1_000_000)),
  max_control_line: reloaded(size(512, MEBIBYTE)),
  max_pending: size(MEBIBYTE, 4096 * MEBIBYTE),
  max_sub_tokens: integer(1, 255),
  max_subscriptions: COUNT,
  max_traced_msg_len: reloaded(COUNT),
  no_fast_producer_stall: from('2.11.0', reloaded(flag)),
  reconnect_error_reports: reloaded(COUNT),
  server_metadata: from('2.12.0', reloaded(mapOf(PRINTABLE, 'texts'))),
  server_tags: reloaded(tag),
  trace_headers: from('2.11.0', reloaded(flag)),
  trace_verbose: reloaded(flag),
  write_timeout: from('2.14.0', timeout),
};

/** Settings of a block of the configuration that the operator writes. */
const blocks = {
  authorization: { timeout: reloaded(integer(1, 60)) },
  cluster: {
    compression: from('2.10.0', compression),
    connect_backoff: from('2.12.0', flag),
    connect_retries: integer(0, 1_000_000),
    ping_interval: from('2.11.0', duration),
    ping_max: from('2.11.0', integer(1, 100)),
    pool_size: from('2.11.0', integer(1, 64)),
    write_deadline: from('2.14.0', duration),
    write_timeout: from('2.14.0', timeout),
  },
  jetstream: {
    info_queue_limit: from('2.14.0', integer(1, 1_000_000)),
    max_buffered_msgs: from('2.11.0', integer(1, 10_000_000)),
    max_buffered_size: from('2.11.0', size(MEBIBYTE, TEBIBYTE)),
    meta_compact: from('2.14.0', COUNT),
    meta_compact_size: from('2.14.0', size(MEBIBYTE, TEBIBYTE)),
    meta_compact_sync: from('2.14.0', flag),
    request_queue_limit: from('2.11.0', integer(1, 1_000_000)),
    strict: from('2.11.0', flag),
    sync_interval: from('2.10.0', {
      must: 'a duration such as 10s, or always',
      text: (value) => (value === 'always' ? '"always"' : duration.text(value)),
    }),
  },
  leafnodes: {
    compression: from('2.10.0', compression),
    isolate_leafnode_interest: from('2.12.0', flag),
    min_version: matching(/^2\.([89]|[1-9]\d)\.\d{1,2}$/, 'a version such as 2.10.0, and at least 2.8.0'),
    reconnect: duration,
    write_deadline: from('2.14.0', duration),
    write_timeout: from('2.14.0', timeout),
  },
  tls: {
    connection_rate_limit: COUNT,
    min_version: from('2.11.0', reloaded(oneOf('1.2', '1.3'))),
    timeout: reloaded(integer(1, 60)),
  },
  websocket: {
    handshake_timeout: duration,
    headers: from('2.11.0', mapOf(PRINTABLE, 'values of headers, without those that NATS sets itself', OWN_HEADER)),
    ping_interval: from('2.14.0', duration),
  },
} satisfies Record<string, Settings>;

/** A block of the configuration that settings can be merged into. */
export type Block = keyof typeof blocks;

/** Further settings, as lines of the configuration: those at its top, and those of its blocks. */
export interface Merged {
  top: string[];
  blocks: Partial<Record<Block, string[]>>;
  /** Those of them that NATS takes up only when it starts. */
  restart: string[];
}

/** What to write instead of settings that the operator makes from other fields. */
const elsewhere: Record<string, string> = {
  debug: 'spec.config.debug',
  max_conn: 'spec.config.maxConnections',
  max_connections: 'spec.config.maxConnections',
  max_payload: 'spec.config.maxPayload',
  ping_interval: 'spec.config.pingInterval',
  ping_max: 'spec.config.pingMax',
  trace: 'spec.config.trace',
  write_deadline: 'spec.config.writeDeadline',
  'jetstream.cipher': 'spec.jetstream.cipher',
  'jetstream.domain': 'spec.jetstream.domain',
  'jetstream.encryption_key': 'spec.jetstream.encryptionKeySecretRef',
  'jetstream.key': 'spec.jetstream.encryptionKeySecretRef',
  'jetstream.max_file_store': 'spec.jetstream.fileStore',
  'jetstream.max_memory_store': 'spec.jetstream.memoryStore',
  'jetstream.max_outstanding_catchup': 'spec.jetstream.maxOutstandingCatchup',
  'authorization.token': 'spec.auth.tokenSecretRef',
  'authorization.users': 'spec.auth.users',
  'leafnodes.authorization': 'spec.leafNodes.authorization',
  'leafnodes.port': 'spec.leafNodes.port',
  'leafnodes.remotes': 'spec.leafNodes.remotes',
  'leafnodes.tls': 'spec.leafNodes.tls',
  'tls.verify': 'spec.tls.verify',
  'websocket.allowed_origins': 'spec.websocket.allowedOrigins',
  'websocket.compression': 'spec.websocket.compression',
  'websocket.port': 'spec.websocket.port',
  'websocket.same_origin': 'spec.websocket.sameOrigin',
  'websocket.tls': 'spec.websocket.tls',
};

const COMPARED = 'is not offered; docs/comparison.md says why';

/** What a Broker does not offer, and why. */
const notOffered: Record<string, string> = {
  ...Object.fromEntries(
    [
      ...['accounts', 'gateway', 'mqtt', 'operator', 'operators', 'resolver', 'resolver_preload', 'trusted'],
      ...['account_resolver', 'trusted_keys', 'system_account', 'system', 'leafnodes.account'],
    ].map((name) => [name, COMPARED]),
  ),
  'jetstream.unique_tag':
    'is not offered: all servers of a Broker have the same tags, so that no stream would get replicas',
};

/** Settings that the operator makes itself, and on which the pods rely. */
const owned = [
  ...['port', 'host', 'net', 'listen', 'http', 'http_port', 'monitor_port', 'https', 'https_port', 'http_base_path'],
  ...[
    'client_advertise',
    'server_name',
    'pid_file',
    'pidfile',
    'ports_file_dir',
    'include',
    'store_dir',
    'storedir',
    'tls.cert_file',
  ],
  ...['tls.key_file', 'tls.ca_file', 'lame_duck_duration', 'lame_duck_grace_period', 'jetstream.store_dir'],
  ...['cluster.name', 'cluster.port', 'cluster.listen', 'cluster.host', 'cluster.authorization', 'cluster.routes'],
  ...['cluster.no_advertise', 'cluster.tls', 'leafnodes.listen', 'leafnodes.host', 'leafnodes.no_advertise'],
  ...['websocket.listen', 'websocket.host', 'websocket.no_tls'],
];

/**
 * @param present the blocks that the operator writes
 * @param version tag of the image of the servers
 */
export function resolveMerge(
  merge: Record<string, unknown>,
  present: Record<Block, boolean>,
  version: string,
): Merged | FieldError {
  const merged: Merged = { top: [], blocks: {}, restart: [] };
  for (const [name, value] of Object.entries(merge)) {
    const path = `spec.config.merge.${name}`;
    if (!isBlock(name)) {
      const line = lineOf({ settings: top, version, prefix: '' }, name, value, path);
      if ('path' in line) return line;
      merged.top.push(line.text);
      if (!line.reloads) merged.restart.push(line.text);
      continue;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { path, message: 'must be a map' };
    const entries = Object.entries(value);
    if (entries.length > 0 && !present[name]) return { path, message: absent[name] };
    const lines: string[] = [];
    for (const [inside, setting] of entries) {
      const line = lineOf(
        { settings: blocks[name], version, prefix: `${name}.` },
        inside,
        setting,
        `${path}.${inside}`,
      );
      if ('path' in line) return line;
      lines.push(line.text);
      if (!line.reloads) merged.restart.push(`${name}.${line.text}`);
    }
    if (lines.length > 0) merged.blocks[name] = lines;
  }
  return merged;
}

/** Why a block has nothing to merge into. */
const absent: Record<Block, string> = {
  authorization: 'must be absent',
  cluster: 'requires spec.size to be more than 1',
  jetstream: 'requires spec.jetstream',
  leafnodes: 'requires spec.leafNodes',
  tls: 'requires spec.tls.secretName',
  websocket: 'requires spec.websocket.enabled',
};

function isBlock(name: string): name is Block {
  return Object.hasOwn(blocks, name);
}

function lineOf(
  { settings, version, prefix }: { settings: Settings; version: string; prefix: string },
  name: string,
  value: unknown,
  path: string,
): { text: string; reloads: boolean } | FieldError {
  const setting = Object.hasOwn(settings, name) ? settings[name] : undefined;
  if (!setting) return { path, message: refusal(`${prefix}${name}`) };
  const { since } = setting;
  if (since && isBelow(version, since)) return { path, message: `requires spec.version to be ${since} or later` };
  const text = setting.text(value);
  if (text === undefined) return { path, message: `must be ${setting.must}` };
  return { text: `${name}: ${text}`, reloads: setting.reloads ?? false };
}

/** Why a setting can't be merged; NATS ignores the case of names. */
function refusal(given: string): string {
  const name = given.toLowerCase();
  const field = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined;
  if (field) return `is set by ${field}`;
  if (owned.includes(name)) return 'is set by the operator';
  if (Object.hasOwn(notOffered, name)) return notOffered[name] ?? COMPARED;
  return 'is not a setting that can be merged; docs/nats.md lists them';
}

/** Every setting that can be merged by its path, whether NATS takes up a change by a reload, and since when it knows it. */
export const mergeable: Record<string, { must: string; reloads: boolean; since?: string }> = Object.fromEntries(
  [
    ...Object.entries(top),
    ...Object.entries<Settings>(blocks).flatMap(([block, settings]) =>
      Object.entries(settings).map(([name, setting]): [string, Setting] => [`${block}.${name}`, setting]),
    ),
  ].map(([name, { must, reloads = false, since }]) => [name, { must, reloads, ...(since && { since }) }]),
);
