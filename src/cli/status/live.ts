import { type Static, Type } from '@sinclair/typebox';
import { compiled } from '../../schema/compiled.ts';
import { printable } from '../foreign-text.ts';
import type { Monitored } from './details.ts';
import type { LiveStatus, ServerStatus } from './model.ts';

// The answers of the monitoring port of NATS, with the fields that are shown: docs.nats.io, "Monitoring".

const Count = Type.Optional(Type.Integer());

const varz = compiled(
  Type.Object({
    server_name: Type.Optional(Type.String()),
    version: Type.Optional(Type.String()),
    uptime: Type.Optional(Type.String()),
    connections: Count,
    slow_consumers: Count,
    mem: Count,
  }),
);

const routez = compiled(
  Type.Object({
    routes: Type.Optional(
      Type.Array(Type.Object({ remote_name: Type.Optional(Type.String()), remote_id: Type.Optional(Type.String()) })),
    ),
  }),
);

const connz = compiled(
  Type.Object({ connections: Type.Optional(Type.Array(Type.Object({ name: Type.Optional(Type.String()) }))) }),
);

const Jsz = Type.Object({
  disabled: Type.Optional(Type.Boolean()),
  memory: Count,
  storage: Count,
  streams: Count,
  consumers: Count,
  messages: Count,
  meta_cluster: Type.Optional(
    Type.Object({
      leader: Type.Optional(Type.String()),
      replicas: Type.Optional(
        Type.Union([
          Type.Null(),
          Type.Array(
            Type.Object({
              name: Type.String(),
              current: Type.Optional(Type.Boolean()),
              offline: Type.Optional(Type.Boolean()),
            }),
          ),
        ]),
      ),
    }),
  ),
});
const jsz = compiled(Jsz);

/** The picture that the servers of a Broker give of themselves, by the names of their pods. */
export function liveStatus(monitored: [pod: string, answers: Monitored][]): LiveStatus {
  const problems = new Set(monitored.flatMap(([, answers]) => ('problem' in answers ? [answers.problem] : [])));
  const [problem] = problems;
  if (problem && problems.size === 1 && monitored.every(([, answers]) => 'problem' in answers)) {
    return { servers: [], clients: [], problem };
  }
  const jetStream = metaCluster(monitored);
  return {
    servers: monitored.map(([pod, answers]) => serverStatus(pod, answers)),
    clients: clients(monitored),
    ...(jetStream && { jetStream }),
  };
}

function serverStatus(pod: string, answers: Monitored): ServerStatus {
  if ('problem' in answers) return { pod, problem: answers.problem };
  if (!varz.Check(answers.varz)) return { pod, problem: 'its monitoring port does not answer as NATS does' };
  const { version, uptime, connections, slow_consumers: slowConsumers, mem } = answers.varz;
  const jetStream = enabled(answers.jsz);
  return {
    pod,
    ...(version && { version }),
    ...(uptime && { uptime }),
    ...(connections !== undefined && { connections }),
    routes: routesOf(answers),
    ...(slowConsumers !== undefined && { slowConsumers }),
    ...(mem !== undefined && { memoryBytes: mem }),
    ...(jetStream && { jetStream: usage(jetStream) }),
  };
}

/** A pair of servers has several routes. */
function routesOf(answers: Exclude<Monitored, { problem: string }>): string[] {
  if (!routez.Check(answers.routez)) return [];
  const names = (answers.routez.routes ?? []).flatMap(({ remote_name: name, remote_id: id }) => name ?? id ?? []);
  return [...new Set(names)].sort();
}

function clients(monitored: [string, Monitored][]): LiveStatus['clients'] {
  const counts = new Map<string, number>();
  for (const [, answers] of monitored) {
    if ('problem' in answers || !connz.Check(answers.connz)) continue;
    for (const { name = '' } of answers.connz.connections ?? []) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .map(([name, connections]) => ({ name: printable(name), connections }))
    .sort((left, right) => right.connections - left.connections || (left.name < right.name ? -1 : 1));
}

function enabled(answer: unknown): Static<typeof Jsz> | undefined {
  return jsz.Check(answer) && !answer.disabled ? answer : undefined;
}

function usage({ memory = 0, storage = 0, streams = 0, consumers = 0, messages = 0 }: Static<typeof Jsz>) {
  return { memoryBytes: memory, storageBytes: storage, streams, consumers, messages };
}

/** The JetStream cluster as the server sees it that knows most of it: its leader. */
function metaCluster(monitored: [string, Monitored][]): LiveStatus['jetStream'] | undefined {
  const seen = monitored
    .flatMap(([, answers]) => ('problem' in answers ? [] : (enabled(answers.jsz)?.meta_cluster ?? [])))
    .sort((left, right) => (right.replicas?.length ?? 0) - (left.replicas?.length ?? 0));
  const [best] = seen;
  if (!best) return undefined;
  const leader = best.leader ?? seen.find((each) => each.leader)?.leader;
  return {
    ...(leader && { leader }),
    peers: (best.replicas ?? []).map(({ name, current = false, offline = false }) => ({ name, current, offline })),
  };
}
