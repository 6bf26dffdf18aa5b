import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate } from '../cluster/nats-servers.ts';
import { type Bundles, buildBundles } from '../support/built.ts';
import { goTool } from '../tools.ts';

const run = promisify(execFile);

/** A network namespace of its own needs root or user namespaces, which some machines do not allow. */
const inNamespace = await run('unshare', ['-rn', 'ip', 'link', 'set', 'lo', 'up']).then(
  () => true,
  () => false,
);
if (!inNamespace) process.stderr.write('skipped, since this machine allows no network namespaces: addresses\n');

/** Prints the URLs at which the server answers, once it answers at one of them. */
const PROBE = `
const hosts = ['127.0.0.1', '[::1]'];
const urls = [8080, 8081].flatMap((port) => hosts.map((host) => \`http://\${host}:\${port}/readyz\`));
const answering = async () => {
  const found = await Promise.all(urls.map((url) => fetch(url).then(({ ok }) => ok && url, () => false)));
  return found.filter(Boolean);
};
for (let attempt = 0; (await answering()).length < 2 && attempt < 100; attempt += 1) {
  await new Promise((done) => setTimeout(done, 50));
}
console.log((await answering()).join(' '));
`;

/** Makes Node fail as on a kernel without IPv6. */
const WITHOUT_IPV6 = `data:text/javascript,${encodeURIComponent(`
import { Server } from 'node:net';
const { listen } = Server.prototype;
Server.prototype.listen = function (...args) {
  if (!JSON.stringify(args).includes('"::"')) return listen.apply(this, args);
  const error = Object.assign(new Error('listen EAFNOSUPPORT'), { code: 'EAFNOSUPPORT' });
  process.nextTick(() => this.emit('error', error));
  return this;
};`)}`;

describe.skipIf(!inNamespace)('the server answers on both ports, by default', () => {
  let bundles: Bundles;
  beforeAll(async () => {
    bundles = await buildBundles();
  });
  afterAll(() => bundles.remove());

  const IPV4 = ['http://127.0.0.1:8080/readyz', 'http://127.0.0.1:8081/readyz'];
  const IPV6 = ['http://[::1]:8080/readyz', 'http://[::1]:8081/readyz'];

  /**
   * The URLs at which the server answers in a network namespace of its own.
   * @param setup commands that prepare the loopback interface
   */
  async function answering(setup: string, env: Record<string, string> = {}, flags: string[] = []): Promise<string[]> {
    const script = `ip link set lo up; ${setup}
      "$NODE" "$@" "$SERVER" > /dev/null & server=$!
      "$NODE" --input-type=module -e "$PROBE"
      kill $server`;
    const { stdout } = await run('unshare', ['-rn', 'sh', '-ec', script, 'sh', ...flags], {
      env: { PATH: process.env.PATH, NODE: process.execPath, SERVER: bundles.server, PROBE, DRAIN_TIME: '0', ...env },
    });
    return stdout.trim().split(' ').sort();
  }

  it('of IPv4 and IPv6', async () => {
    expect(await answering('')).toEqual([...IPV4, ...IPV6].sort());
  });

  it('of IPv4 and IPv6 where the kernel separates the families by default', async () => {
    expect(await answering('sysctl -qw net.ipv6.bindv6only=1')).toEqual([...IPV4, ...IPV6].sort());
  });

  it('where there is IPv6 only', async () => {
    expect(await answering('ip address delete 127.0.0.1/8 dev lo')).toEqual(IPV6);
  });

  it('where IPv6 is disabled on every interface', async () => {
    expect(await answering('sysctl -qw net.ipv6.conf.all.disable_ipv6=1')).toEqual(IPV4);
  });

  it('where the kernel has no IPv6', async () => {
    expect(await answering('', {}, ['--import', WITHOUT_IPV6])).toEqual(IPV4);
  });

  it('and with HOST at that address only', async () => {
    expect(await answering('', { HOST: '127.0.0.1' })).toEqual(IPV4);
    expect(await answering('', { HOST: '0.0.0.0' })).toEqual(IPV4);
    expect(await answering('', { HOST: '::1' })).toEqual(IPV6);
  });
});

/** Prints what NATS answers at an address: to a request of the monitoring port, and to connections of the other two. */
const NATS_PROBE = `
import { connect } from 'node:net';
const host = process.env.ADDRESS;
const url = \`http://\${host.includes(':') ? \`[\${host}]\` : host}:8222/healthz\`;
for (let attempt = 0; !(await fetch(url).catch(() => false)) && attempt < 100; attempt += 1) {
  await new Promise((done) => setTimeout(done, 50));
}
const first = (port) => new Promise((done) => {
  const socket = connect(port, host);
  socket.on('data', (data) => { done(String(data).slice(0, 4)); socket.destroy(); }).on('error', ({ code }) => done(code));
});
console.log((await fetch(url)).status, await first(4222), await first(6222));
`;

describe.skipIf(!inNamespace)('the generated configuration', () => {
  it.each(['::1', '127.0.0.1'])('makes NATS listen for clients, routes and monitoring at %s', async (address) => {
    const folder = await mkdtemp(join(tmpdir(), 'nats-addresses-'));
    try {
      const { natsConf, credentialsConf } = generate(2);
      await writeFile(join(folder, 'nats.conf'), natsConf.replace('/var/run/nats', folder));
      await writeFile(join(folder, 'credentials.conf'), credentialsConf);
      const script = `ip link set lo up
        "$SERVER" --config "$FOLDER/nats.conf" 2> /dev/null & server=$!
        "$NODE" --input-type=module -e "$PROBE"
        kill $server`;
      const { stdout } = await run('unshare', ['-rn', 'sh', '-ec', script], {
        env: {
          ...{ PATH: process.env.PATH, NODE: process.execPath, SERVER: await goTool('nats-server') },
          ...{ FOLDER: folder, PROBE: NATS_PROBE, ADDRESS: address, POD_NAME: 'meshery-nats-0' },
        },
      });
      expect(stdout.trim()).toBe('200 INFO INFO');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
