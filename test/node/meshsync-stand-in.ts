/**
 * What MeshSync's pods run where no real MeshSync is given: it waits for the monitoring port of its broker, connects as
 * `meshsync` with the credentials in `BROKER_URL`, publishes the ConfigMaps of the cluster with the rights of its
 * ServiceAccount, answers its probes as MeshSync does, and logs that it is connected.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { get } from 'node:https';
import { createInterface } from 'node:readline';
import { connect, type NatsConnection } from '@nats-io/transport-node';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const url = new URL(process.env.BROKER_URL ?? '');
let connected = false;

createServer((request, response) => {
  response.writeHead(request.url === '/healthz' || connected ? 200 : 503).end();
}).listen(11_000);

async function start(): Promise<void> {
  const monitoring = `http://${url.hostname}:8222/connz`;
  while (!(await fetch(monitoring).catch(() => undefined))?.ok)
    await new Promise((resolve) => setTimeout(resolve, 200));
  const connection = await connect({
    name: 'meshsync',
    servers: url.host,
    token: decodeURIComponent(url.username),
    maxReconnectAttempts: -1,
  });
  connected = true;
  console.log(`connected to ${url.host}`);
  publish(connection);
}

/** Publishes each event of the ConfigMaps in the cluster. */
function publish(connection: NatsConnection): void {
  const headers = { authorization: `Bearer ${readFileSync(`${ACCOUNT}/token`, 'utf8')}` };
  const options = { headers, ca: readFileSync(`${ACCOUNT}/ca.crt`) };
  get('https://kubernetes.default.svc/api/v1/configmaps?watch=true', options, (events) => {
    createInterface(events).on('line', (line) => {
      const { type, object } = JSON.parse(line);
      connection.publish('meshery.meshsync.core', JSON.stringify({ EventType: type, Object: object }));
    });
    events.on('end', () => publish(connection));
  }).on('error', () => setTimeout(() => publish(connection), 1_000));
}

start().catch((error) => {
  console.error(`${error}`);
  process.exit(1);
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
