/**
 * A subscriber as Meshery Server is one: `subscriber.ts HOST:PORT`, with the token in the variable `TOKEN`. It prints
 * `connected`, then the event and the name of each object that MeshSync publishes.
 */
import { connect } from '@nats-io/transport-node';

const [servers = ''] = process.argv.slice(2);
// A node leads to a Service a moment after that exists.
const patience = { waitOnFirstConnect: true, reconnectTimeWait: 200 };
const connection = await connect({ name: 'meshery-server', servers, token: process.env.TOKEN ?? '', ...patience });
const subscription = connection.subscribe('meshery.meshsync.core');
await connection.flush();
console.log('connected');
for await (const message of subscription) {
  const { EventType, Object: object } = message.json<{ EventType: string; Object: { metadata: { name: string } } }>();
  console.log(`${EventType} ${object.metadata.name}`);
}
