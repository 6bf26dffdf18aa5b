/** A test by its file and its name. */
type Test = readonly [file: string, name: string];

const named = (file: string) => (name: string) => [`test/${file}`, name] as const;
const boxes = named('unit/broker/children/nats-box.test.ts');
const brokers = named('cluster/broker-fields.ts');
const certificates = named('unit/broker/references.test.ts');
const configuration = named('unit/broker/children/config-map.test.ts');
const features = named('cluster/nats-features.test.ts');
const metadata = named('unit/kubernetes/common-metadata.test.ts');
const pods = named('cluster/pod-fields.ts');
const scenarios = named('cluster/scenarios.ts');
const servers = named('cluster/nats.test.ts');
const services = named('unit/broker/children/services.test.ts');
const storage = named('unit/broker/immutable-fields.test.ts');
const streams = named('unit/broker/jetstream.test.ts');

/**
 * The tests that show what docs/comparison.md says of this operator, by feature: one in a cluster or with real servers where
 * there is one.
 */
export const evidence: Record<string, readonly Test[]> = {
  'several servers': [servers('delivers messages from the first server to the last'), servers('form one cluster')],
  'several brokers in a namespace': [scenarios('many resources of a namespace have separate children')],
  'Pod Security, restricted': [
    scenarios('the operator makes the samples ready under the names that Meshery Server expects'),
  ],
  'user and groups of the platform, as on OpenShift': [
    scenarios('user and groups of running pods are left to the platform, and set again, with one roll each'),
    brokers('the pods of a Broker run as the ServiceAccount of the spec, and as default when it is removed'),
  ],
  'credentials of clients': [
    servers('accepts the token, and rejects another token and none'),
    brokers('a Broker waits for the Secrets that it refers to, and passes the certificate authority to MeshSync'),
  ],
  'rotation of the token': [
    scenarios('the operator generates a new token when the Secret is deleted, and rolls all its users'),
  ],
  'credentials in the ConfigMap': [configuration('has its credentials only in the file of the Secret')],
  'TLS for clients': [
    servers('rejects plain clients, and reloads a renewed certificate without dropping a connection'),
    servers('requires client certificates when it is configured to'),
  ],
  'TLS for routes': [
    features('keeps out a server without a certificate, and one of another authority'),
    certificates('has a certificate that is not for routes'),
  ],
  'TLS for the monitoring port': [
    features('the monitoring port is HTTPS where the spec says so, also where clients need certificates'),
  ],
  WebSocket: [
    named('cluster/websocket.test.ts')(
      'subscribes by WebSocket with the token, from an origin that is allowed, and from no other',
    ),
  ],
  'leaf nodes, as hub or spoke': [
    features('bring the messages of two Brokers of the same name to a hub once, also after it has restarted'),
    features('of clusters of the same name drive each other out, which is why the name contains the uid'),
  ],
  'users with permissions, by password or NKey': [
    features('may do only what their permissions say'),
    features('are added and removed by a reload'),
  ],
  'several accounts, JWT resolver': [configuration('beside the token that Meshery needs, NATS refuses')],
  gateways: [],
  MQTT: [],
  'renewed certificates': [features('is renewed by a reload, and the servers stay connected')],
  'JetStream, on disk': [
    servers('keeps acknowledged messages when one server is killed and restarts'),
    brokers('a Broker keeps streams on volumes, and reports changes that the volumes do not allow'),
  ],
  'JetStream, in memory': [
    servers(
      'a server stays below the memory limit of its container while messages in memory are replaced, by GOMEMLIMIT alone',
    ),
    named('golden/golden.test.ts')('broker-memory-store'),
    named('golden/golden.test.ts')('broker-memory-volumes'),
  ],
  'labels and annotations of claims': [
    named('unit/broker/children/stateful-set.test.ts')(
      'have the labels and annotations of the spec, and keep them while they can not be changed',
    ),
  ],
  'volumes of another size for each server': [],
  'domain, catch-up': [
    features('has the domain, the limits and the catch-up of the spec'),
    features('use JetStream of the Broker by its domain'),
  ],
  'encryption of streams': [
    features('encrypts streams that exist already, on three servers that roll'),
    features('can not read streams of a key that it does not know, which is why the operator keeps the last ones'),
  ],
  'limit of streams in percent': [storage('a limit in percent is that of the volume that there is')],
  'volumes kept or deleted with the broker': [
    brokers('a Broker keeps streams on volumes, and reports changes that the volumes do not allow'),
  ],
  'a change of the storage in place': [
    brokers('a Broker keeps streams on volumes, and reports changes that the volumes do not allow'),
    brokers('a Broker gets volumes after its StatefulSet is re-created'),
  ],
  'one server to a cluster with streams': [
    servers('drops its streams when it becomes a member of a cluster, which is why the operator defers that change'),
    named('properties/streams.test.ts')('no sequence of edits, deletions and followed advice drops a stream'),
  ],
  'warning about the majority': [streams('is reported unavailable when fewer than a majority are left')],
  'address outside the cluster': [brokers('a Broker publishes the desired addresses')],
  'monitoring port outside the cluster': [
    brokers('a Broker exposes the monitoring port outside the cluster only when it is told to'),
  ],
  'node ports, traffic policy, dual stack': [brokers('a Broker publishes the desired addresses')],
  'fixed address, session affinity, port of health checks': [
    pods('a Broker passes the fields of its Services, its budget and its command line, and removes them again'),
  ],
  'more ports': [services('add ports, outside the cluster too, and report a node port that is not there')],
  'a Service for each server': [services('select one pod each, and come and go with the servers')],
  'load balancer class and source ranges': [
    services('adds annotations and source ranges, removes them again, and keeps those of other managers'),
    scenarios('the operator reports changes that Kubernetes does not allow'),
  ],
  resources: [brokers('a Broker passes the fields of its pods to the pods, and removes them again')],
  "Go's memory limit (`GOMEMLIMIT`)": [
    servers(
      'a server stays below the memory limit of its container while messages in memory are replaced, by GOMEMLIMIT alone',
    ),
  ],
  'environment, times of probes': [
    pods('a Broker and a MeshSync pass containers, volumes and settings of their pods, and remove them again'),
  ],
  'scheduling, priority, labels of pods': [
    brokers('a Broker passes the fields of its pods to the pods, and removes them again'),
  ],
  'DNS, host aliases, runtime class, scheduler, security context, grace period, host network': [
    pods('a Broker and a MeshSync pass containers, volumes and settings of their pods, and remove them again'),
    pods('a Broker with pods that the restricted Pod Security Standard refuses says why'),
  ],
  'volumes and containers of your own': [
    pods('a Broker and a MeshSync pass containers, volumes and settings of their pods, and remove them again'),
  ],
  'labels and annotations of all objects': [
    metadata('is on every child and every pod, and in no selector, claim or spec of another child'),
    metadata('comes from the environment too; the spec wins for each key, and podTemplate for the pods'),
  ],
  'spread over nodes': [named('golden/golden.test.ts')('size-3')],
  'image, pull policy, pull secrets': [
    brokers('a Broker passes the fields of its pods to the pods, and removes them again'),
  ],
  'registry for all images': [
    scenarios('a changed environment of the operator takes effect with its new pods, by one roll'),
  ],
  PodDisruptionBudget: [
    named('unit/broker/children/stateful-set.test.ts')('has the settings of the spec, and comes and goes'),
  ],
  NetworkPolicy: [named('golden/golden.test.ts')('broker-network-policy')],
  'scaling down': [
    brokers('a Broker removes servers one by one'),
    servers('hand over the clients of a server in lame-duck mode'),
  ],
  'replacing a single server': [servers('restarts before the client of Meshery Server gives up')],
  'Prometheus exporter': [brokers('a Broker passes the fields of its pods to the pods, and removes them again')],
  'settings of NATS': [
    servers('applies its settings by a reload'),
    named('unit/broker/merge.test.ts')('%s is taken up by NATS'),
  ],
  'restarts for changed settings': [
    brokers('a Broker rolls its pods only for changes that a reload can not apply'),
    named('cluster/operations.ts')('each change of a running pair rolls the pods as documented'),
  ],
  'version, servers, address in the status': [
    scenarios('the operator makes the samples ready under the names that Meshery Server expects'),
  ],
  'pause and hibernation': [
    scenarios('a paused pair keeps its children unchanged, and is reconciled again after the pause'),
    scenarios('a hibernating pair has no pods, and resumes with the same token'),
  ],
  'invalid settings': [
    brokers('the API server rejects a Broker with fields that can not work together, and the hooks report the same'),
    scenarios('a Broker that becomes invalid keeps its children'),
  ],
  'ports of the Services': [services('are ports of the Services inside and outside, and admit the peers of clients')],
  'command line of NATS in a pod': [
    servers('the command line finds its broker by its environment alone, with TLS: %s'),
    boxes('trusts the certificate authority, and presents the certificate of a client'),
  ],
};

/** Heading of the column. */
const SHOWN_BY = 'shown by';

/** The rows of all tables, without the spaces around the cells; the headings, which each table repeats, come first and once. */
export function rowsOf(page: string): string[][] {
  const [heads, rule, ...rows] = page.split('\n').filter((line) => line.startsWith('|'));
  const isRow = (line: string) => line !== heads && line !== rule;
  return [...[heads, rule].flatMap((line) => line ?? []), ...rows.filter(isRow)].map(cellsOf);
}

/** The page with a last column that leads to the tests; all the rest is written by hand. */
export function comparisonPage(page: string): string {
  const heads = rowsOf(page)[0] ?? [];
  const columns = heads.includes(SHOWN_BY) ? heads.length - 1 : heads.length;
  let row = 0;
  return page
    .split('\n')
    .map((line) => {
      row = line.startsWith('|') ? row + 1 : 0;
      if (row === 0) return line;
      const cells = cellsOf(line).slice(0, columns);
      if (row === 2) return `${'|---'.repeat(columns + 1)}|`;
      const last = row === 1 ? SHOWN_BY : links(evidence[cells[0] ?? ''] ?? []);
      return `| ${[...cells, last].join(' | ')} |`.replaceAll('|  |', '| |');
    })
    .join('\n');
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());
}

/** What the tests of a file run on, by the beginning of its path. */
const runsOn: [path: string, name: string][] = [
  ['test/cluster/nats', 'servers'],
  ['test/cluster/websocket', 'a browser'],
  ['test/cluster/', 'API server'],
  ['test/golden/', 'manifests'],
  ['test/unit/broker/merge', 'servers'],
  ['test/', 'code'],
];

/** Links that show the name of the test where the pointer rests on them. */
function links(tests: readonly Test[]): string {
  return tests
    .map(([file, name]) => {
      const [, label] = runsOn.find(([path]) => file.startsWith(path)) ?? [];
      return `[${label}](../${file} "${name}")`;
    })
    .join(', ');
}
