/**
 * A subscriber as Meshery Server is one: `subscriber.ts HOST:PORT`, with the token in the variable `TOKEN`, or as a page of a
 * browser: `subscriber.ts wss://HOST:PORT`, with the variables `NATS_USER` and `NATS_PASSWORD`. It prints `connected`, then the
 * event and the name of each object that MeshSync publishes.
 */
import { wsconnect } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';

const [servers = ''] = process.argv.slice(2);
const { TOKEN: token = '', NATS_USER: user = '', NATS_PASSWORD: pass = '' } = process.env;
// A node leads to a Service a moment after that exists.
const patience = { waitOnFirstConnect: true, reconnectTimeWait: 200, maxReconnectAttempts: -1 };
const connection = servers.startsWith('ws')
  ? await wsconnect({ servers, user, pass, ...patience })
  : await connect({ name: 'meshery-server', servers, token, ...patience });
const subscription = connection.subscribe('meshery.meshsync.core');
await connection.flush();
console.log('connected');
for await (const message of subscription) {
  const { EventType, Object: object } = message.json<{ EventType: string; Object: { metadata: { name: string } } }>();
  console.log(`${EventType} ${object.metadata.name}`);
}
