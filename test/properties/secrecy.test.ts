import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { placeholderFile } from '../../src/broker/nkeys.ts';
import { LAST_APPLIED } from '../stand-in/dynamic-apply.ts';
import type { Json, JsonObject } from '../stand-in/json.ts';
import { testApp } from '../support/app.ts';
import { brokerParent, meshSyncParent } from '../support/scenarios.ts';

const TOKEN = 'tSECRETofTheTest1';
const base64 = Buffer.from(TOKEN).toString('base64');

function logged() {
  const lines: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  return { lines, logger: pino({ level: 'trace' }, stream) };
}

const secret = (data: Json, metadata: JsonObject = {}) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'meshery-nats-auth', namespace: 'meshery', ...metadata },
  data,
});

const broker = (object: Json, spec: Json = {}): JsonObject => ({
  parent: { ...brokerParent(), spec },
  children: { 'Secret.v1': { 'meshery/meshery-nats-auth': object } },
});

const meshSync = (url: Json): JsonObject => ({
  parent: { ...meshSyncParent(), spec: { broker: { custom: { url } } } },
  children: {},
});

/** A MeshSync with a custom broker, and the Secret with its credentials. */
const elsewhere = (credentials: string): JsonObject => ({
  parent: {
    ...meshSyncParent({ broker: { custom: { url: 'nats://a,b', credentialsSecretRef: { name: 'elsewhere' } } } }),
  },
  children: {},
  related: {
    'Secret.v1': {
      'meshery/elsewhere': secret({ credentials: Buffer.from(credentials).toString('base64') }, { name: 'elsewhere' }),
    },
  },
});

/** A Broker with everything that is read from Secrets of the user, and one Secret for all of it. */
const userOfAll = (values: Record<string, string>): JsonObject => {
  const own = { name: 'own' };
  const users = [{ user: 'a', passwordSecretRef: own }];
  const spec = {
    auth: { users: [...users, ...('nkey' in values ? [{ user: 'b', nkeySecretRef: own }] : [])] },
    leafNodes: {
      ...{ enabled: true, authorization: { users } },
      remotes: [
        { url: 'tls://a', user: 'a', passwordSecretRef: own },
        ...('nats.creds' in values ? [{ url: 'tls://b', credentialsSecretRef: own }] : []),
      ],
    },
    jetstream: { domain: 'a', fileStore: { size: '1Gi' }, encryptionKeySecretRef: own },
  };
  const all = { password: TOKEN, key: TOKEN, ...values };
  const data = Object.fromEntries(
    Object.entries(all).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
  return {
    parent: { ...brokerParent(), spec },
    children: {},
    related: { 'Secret.v1': { 'meshery/own': secret(data, { name: 'own' }) } },
  };
};

/** Requests with the token in the right place, and in wrong places. */
const requests: [string, string, string | JsonObject][] = [
  ['a token as it should be', '/broker/sync', broker(secret({ token: base64 }))],
  ['a token that is unusable', '/broker/sync', broker(secret({ token: Buffer.from(`${TOKEN} `).toString('base64') }))],
  ['a token of another type', '/broker/sync', broker(secret({ token: [TOKEN] }))],
  ['a token for data', '/broker/sync', broker(secret(TOKEN))],
  ['a token for a Secret', '/broker/sync', broker(TOKEN)],
  ['a token beside a missing field', '/broker/sync', { ...broker(secret({ token: base64 })), parent: { spec: TOKEN } }],
  ['a token for a spec', '/broker/sync', broker(secret({ token: base64 }), TOKEN)],
  ['a token in a broken annotation', '/broker/sync', broker(secret({}, { annotations: { [LAST_APPLIED]: TOKEN } }), 1)],
  ['a token in cut-off JSON', '/broker/sync', `{"data": {"token": "${TOKEN}`],
  ['a token for JSON', '/broker/sync', TOKEN],
  ['a token in a URL', '/meshsync/sync', meshSync(`nats://${TOKEN}@nats.example.com:4222`)],
  ['a token as password', '/meshsync/sync', meshSync(`tls://user:${TOKEN}@nats.example.com`)],
  ['a token in a URL without a scheme', '/meshsync/sync', meshSync(`${TOKEN}@nats.example.com:4222`)],
  ['a token in a URL that is none', '/meshsync/sync', meshSync(`nats://${TOKEN}@:x`)],
  ['a token in a URL with a blank', '/meshsync/sync', meshSync(`nats://${TOKEN}@a b`)],
  ['a token in a list for a URL', '/meshsync/sync', meshSync([`nats://${TOKEN}@a`])],
  ['a token in the query of a URL', '/meshsync/sync', meshSync(`nats://a:4222?token=${TOKEN}`)],
  ['a token in one of several URLs', '/meshsync/sync', meshSync(`nats://a,nats://${TOKEN}@b`)],
  ['a token in one of several that are none', '/meshsync/sync', meshSync(`nats://${TOKEN}@a,nats://`)],
  ['a token in credentials', '/meshsync/sync', elsewhere(`user:${TOKEN}`)],
  ['a token in credentials that are unusable', '/meshsync/sync', elsewhere(`user:${TOKEN}\n`)],
  ['a token for passwords and for the key of streams', '/broker/sync', userOfAll({})],
  ['a token in a credentials file', '/broker/sync', userOfAll({ 'nats.creds': placeholderFile(TOKEN) })],
  ['a token in a broken credentials file', '/broker/sync', userOfAll({ 'nats.creds': TOKEN })],
  ['a token for an NKey', '/broker/sync', userOfAll({ nkey: TOKEN })],
  ['a token with a line break for a password', '/broker/sync', userOfAll({ password: `${TOKEN}\n` })],
  ['a token with a line break for a key', '/broker/sync', userOfAll({ key: `${TOKEN}\n` })],
  ['a token in a path', `/broker/${TOKEN}`, {}],
  ['a token in a path that can not be read', `/%ff${TOKEN}`, {}],
  ['a token in a query', `/broker/sync?token=${TOKEN}`, { parent: 1 }],
];

/** The public part of a response: all of it but the Secrets among the children. */
function shown(text: string): string {
  const body: unknown = JSON.parse(text);
  const { children, ...rest } = body as { children?: { kind: string }[] };
  return JSON.stringify([rest, children?.filter(({ kind }) => kind !== 'Secret')]);
}

it.each(requests)('%s is neither logged nor in the public part of the response', async (_what, url, body) => {
  const { lines, logger } = logged();
  const service = testApp({ logger });
  const { text, statusCode } = await service.post(url, body);
  expect(statusCode).toBeLessThan(500);
  for (const output of [shown(text), lines.join('')]) {
    expect(output).not.toContain(TOKEN);
    expect(output).not.toContain(base64.replace(/=+$/, ''));
  }
});

it('internal errors are logged, and generated credentials are not', async () => {
  const { lines, logger } = logged();
  const service = testApp({ logger, context: { now: () => new Date(Number.NaN), generateToken: () => TOKEN } });
  const { statusCode, text } = await service.post('/broker/sync', { parent: brokerParent(), children: {} });
  expect(statusCode).toBe(500);
  expect(lines.join('')).toContain('RangeError');
  expect(lines.join('') + text).not.toContain(TOKEN);
});

it('passwords, keys and credentials of the user are in the Secret of the servers', async () => {
  const { text } = await testApp().post('/broker/sync', userOfAll({ 'nats.creds': placeholderFile(TOKEN) }));
  const { children } = JSON.parse(text) as { children: { kind: string; data?: Record<string, string> }[] };
  const files = children.flatMap(({ kind, data = {} }) => (kind === 'Secret' ? Object.keys(data) : []));
  expect(files).toEqual(expect.arrayContaining(['credentials.conf', 'users.conf', 'leaf-1.creds', 'encryption-key']));
});
