import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../cluster/processes.ts';
import { start } from '../support/built.ts';
import { authority, issue, type KeyPair } from '../support/certificates.ts';
import { type Servers, servers } from '../support/listening.ts';
import { brokerParent } from '../support/scenarios.ts';

let server: Servers;
let ca: KeyPair;
let directory: string;
beforeAll(async () => {
  server = await servers();
  ca = await authority();
  directory = await mkdtemp(join(tmpdir(), 'tls-'));
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

let made = 0;
/** Files of a server certificate, and the environment variables for them. */
async function files(pair: KeyPair, name = `${made}`) {
  made += 1;
  const [cert, key, clients] = ['crt', 'key', 'ca'].map((end) => join(directory, `${name}.${end}`)) as [
    string,
    string,
    string,
  ];
  await writeFile(cert, pair.certificate);
  await writeFile(key, pair.key);
  await writeFile(clients, ca.certificate);
  return { env: { TLS_CERT_FILE: cert, TLS_KEY_FILE: key, RELOAD_INTERVAL: '20' }, cert, key, clients, name };
}

interface Client {
  maxVersion?: 'TLSv1.2';
  ca?: string;
  cert?: string;
  key?: string;
  token?: string;
  agent?: Agent;
}

/** A customize request of a Broker over HTTPS: the status, the certificate of the server, and the local port. */
function call(
  url: string,
  { token, ...client }: Client,
): Promise<{ status: number; fingerprint: string; from: number }> {
  const body = JSON.stringify({ parent: brokerParent() });
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/broker/customize`,
      {
        ...{ method: 'POST', ca: ca.certificate, agent: new Agent({ keepAlive: false }), ...client },
        headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      },
      async (response) => {
        const { fingerprint256 } = (response.socket as TLSSocket).getPeerX509Certificate() ?? { fingerprint256: '' };
        const { localPort: from = 0 } = response.socket;
        await text(response);
        resolve({ status: response.statusCode ?? 0, fingerprint: fingerprint256, from });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('over TLS', () => {
  it('the hooks are served, while health checks and metrics use plain HTTP', async () => {
    const { url, monitoring, port } = await server.listen((await files(await issue(ca))).env);
    expect(url).toMatch(/^https:/);
    expect(await call(url, {})).toMatchObject({ status: 200 });
    await expect(call(url, { ca: (await authority()).certificate })).rejects.toThrow(/certificate|signature/);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    for (const path of ['/readyz', '/livez', '/metrics']) expect((await fetch(monitoring + path)).status).toBe(200);
    expect((await fetch(`${monitoring}/broker/customize`, { method: 'POST' })).status).toBe(404);
  });

  it('new connections get a renewed certificate, and open ones stay open', async () => {
    const { env, name, key } = await files(await issue(ca));
    const { url, written } = await server.listen(env);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const before = await call(url, { agent });
    await files(await issue(ca), name);
    const renewed = await until(
      'the renewed certificate',
      async () => {
        const { fingerprint } = await call(url, {});
        return fingerprint !== before.fingerprint && fingerprint;
      },
      10,
    );
    expect(await call(url, { agent })).toMatchObject({ status: 200, from: before.from });

    await writeFile(key, ca.key); // the key of another certificate
    await written(/are invalid, the previous contents stay in use: TLS_CERT_FILE and TLS_KEY_FILE do not match/);
    expect(await call(url, {})).toMatchObject({ status: 200, fingerprint: renewed });
    agent.destroy();
  });

  it('versions older than TLS 1.3 are rejected, also after a renewal', async () => {
    const { env, name } = await files(await issue(ca));
    const { url, monitoring, written } = await server.listen(env);
    const old = () => call(url, { maxVersion: 'TLSv1.2' });
    await expect(old()).rejects.toThrow(/protocol/i);
    await files(await issue(ca), name);
    await written(/reloaded changed files/);
    await expect(old()).rejects.toThrow(/protocol/i);
    expect(await call(url, {})).toMatchObject({ status: 200 });
    const rejected = /^meshery_operator_refused_total\{reason="tls"\} 2$/m;
    await until('the count', async () => rejected.test(await (await fetch(`${monitoring}/metrics`)).text()), 5);
  });

  it('a truncated authority file does not replace the authority in use', async () => {
    const { env, clients } = await files(await issue(ca));
    const { url, written } = await server.listen({ ...env, TLS_CLIENT_CA_FILE: clients });
    await writeFile(clients, ca.certificate.slice(0, 200));
    await written(/the previous contents stay in use: TLS_CLIENT_CA_FILE contains an invalid certificate/);
    const { certificate: cert, key } = await issue(ca, 'client');
    expect(await call(url, { cert, key })).toMatchObject({ status: 200 });
  });

  it('a client must present a certificate where TLS_CLIENT_CA_FILE is set', async () => {
    const { env, clients } = await files(await issue(ca));
    const { url, monitoring } = await server.listen({ ...env, TLS_CLIENT_CA_FILE: clients });
    const showing = async (by: KeyPair) => {
      const { certificate: cert, key } = await issue(by, 'client');
      return call(url, { cert, key });
    };
    expect(await showing(ca)).toMatchObject({ status: 200 });
    await expect(call(url, {})).rejects.toThrow();
    const other = await authority('another authority');
    await expect(showing(other)).rejects.toThrow();
    expect((await fetch(`${monitoring}/readyz`)).status).toBe(200);

    // The authority is replaced: both are valid as long as both are in the file.
    await writeFile(clients, `${ca.certificate}\n${other.certificate}`);
    await until('the other authority', async () => (await showing(other)).status === 200, 10);
    await writeFile(clients, other.certificate);
    await until(
      'the first to be rejected',
      () =>
        showing(ca).then(
          () => false,
          () => true,
        ),
      10,
    );
    expect(await showing(other)).toMatchObject({ status: 200 });
  });
});

it('token files are read again, and two tokens are valid during a rotation', async () => {
  const [token, next] = ['token', 'next'].map((name) => join(directory, name)) as [string, string];
  await writeFile(token, 'one');
  const { env } = await files(await issue(ca));
  const { url, child, finished } = await server.listen({
    ...env,
    HOOK_TOKEN_FILES: `${token},${next}`,
    LOG_LEVEL: 'trace',
  });
  const code = async (shown: string) => (await call(url, { token: shown })).status;
  expect([await code('one'), await code('two')]).toEqual([200, 401]);
  await writeFile(next, 'two');
  await until('the second token', async () => (await code('two')) === 200, 10);
  expect(await code('one')).toBe(200);
  await rm(token);
  await until('the first to be rejected', async () => (await code('one')) === 401, 10);
  expect(await code('two')).toBe(200);
  child.kill('SIGTERM');
  expect((await finished).stdout).not.toMatch(/\b(one|two)\b/);
});

it.each([
  ['an empty token file', async () => ({ HOOK_TOKEN_FILES: '/dev/null' }), /^HOOK_TOKEN_FILES contain no token$/],
  [
    'a missing certificate',
    async () => ({ TLS_CERT_FILE: '/no/crt', TLS_KEY_FILE: '/no/key' }),
    /^TLS_CERT_FILE does not exist$/,
  ],
  [
    'a key of another certificate',
    async () => {
      const { env, key } = await files(await issue(ca));
      await writeFile(key, ca.key);
      return env;
    },
    /^TLS_CERT_FILE and TLS_KEY_FILE do not match$/,
  ],
  [
    'an invalid authority',
    async () => ({ ...(await files(await issue(ca))).env, TLS_CLIENT_CA_FILE: '/dev/null' }),
    /^TLS_CLIENT_CA_FILE contains no certificate$/,
  ],
  [
    'a key of another type',
    async () => {
      const { env, key } = await files(await issue(ca));
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      await writeFile(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
      return env;
    },
    /^TLS_CERT_FILE and TLS_KEY_FILE do not match$/,
  ],
])('%s ends the process with one line', async (_what, environment, message) => {
  const env = { HOST: '127.0.0.1', PORT: '0', MONITORING_PORT: '0', ...(await environment()) };
  const { code, stdout, stderr } = await start(server.bundles.server, [], env).finished;
  expect([code, stdout]).toEqual([1, '']);
  const [line = '', ...rest] = stderr.split('\n');
  expect(rest).toEqual(['']);
  expect(line.replace(/^meshery-operator: /, '')).toMatch(message);
});
