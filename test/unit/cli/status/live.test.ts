import { expect, it } from 'vitest';
import { liveStatus } from '../../../../src/cli/status/live.ts';

const connections = (...names: (string | undefined)[]) => ({ connections: names.map((name) => ({ name })) });
const server = (more: object = {}) => ({ varz: {}, routez: {}, connz: {}, jsz: { disabled: true }, ...more });

it('counts the connections of all servers by name, which can not write to a terminal', () => {
  const { clients } = liveStatus([
    ['a', server({ connz: connections('meshsync', 'x', undefined) })],
    ['b', server({ connz: connections('meshsync', '\u001b[2J', 'x', 'x') })],
    ['c', server({ connz: 'no answer of NATS' })],
  ]);
  expect(clients).toEqual([
    { name: 'x', connections: 3 },
    { name: 'meshsync', connections: 2 },
    { name: '', connections: 1 },
    { name: '�[2J', connections: 1 },
  ]);
});

it('says once why no server could be asked, and else of which', () => {
  const refused = { problem: 'you may not get pods/proxy' };
  expect(
    liveStatus([
      ['a', refused],
      ['b', refused],
    ]),
  ).toEqual({ servers: [], clients: [], ...refused });
  const { servers, problem } = liveStatus([
    ['a', refused],
    ['b', server({ varz: { version: '2.14.2', connections: 1 } })],
    ['c', server({ varz: 'a page' })],
  ]);
  expect(problem).toBeUndefined();
  expect(servers).toEqual([
    { pod: 'a', ...refused },
    { pod: 'b', version: '2.14.2', connections: 1, routes: [] },
    { pod: 'c', problem: 'its monitoring port does not answer as NATS does' },
  ]);
});

it('takes the peers from the server that leads them', () => {
  const follower = server({ jsz: { meta_cluster: { leader: 'a', replicas: null } } });
  const replicas = [
    { name: 'b', current: true },
    { name: 'c', current: false, offline: true },
  ];
  const leader = server({ jsz: { memory: 1, streams: 2, meta_cluster: { leader: 'a', replicas } } });
  const { jetStream, servers } = liveStatus([
    ['b', follower],
    ['a', leader],
  ]);
  expect(jetStream).toEqual({
    leader: 'a',
    peers: [
      { name: 'b', current: true, offline: false },
      { name: 'c', current: false, offline: true },
    ],
  });
  expect(servers[1]?.jetStream).toEqual({ memoryBytes: 1, storageBytes: 0, streams: 2, consumers: 0, messages: 0 });
  expect(liveStatus([['a', server()]]).jetStream).toBeUndefined();
});
