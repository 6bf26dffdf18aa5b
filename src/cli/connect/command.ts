import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Connection } from '../cluster/connection.ts';
import { ClusterError, EXIT, UsageError } from '../errors.ts';
import { liveArgument } from '../live/argument.ts';
import type { ClusterCommandOptions, Output } from '../options.ts';
import type { Terminal } from '../terminal.ts';
import { printYaml } from '../yaml.ts';
import { instructions } from './instructions.ts';
import { type Entry, entryLine } from './message.ts';
import { type Subscription, tail } from './tail.ts';
import { findTarget, readSecret, readToken, readyPods, type Target } from './target.ts';
import { greets, openTunnel, type Tunnel } from './tunnel.ts';

/** The options of `connect`. */
export interface ConnectOptions extends ClusterCommandOptions {
  showToken: boolean;
  tail: boolean;
  subject: string;
  /** Ends `tail` after so many messages. */
  count?: string;
  /** Files of a client certificate, for a Broker that asks for one. */
  cert?: string;
  key?: string;
}

/**
 * Connects this machine to a Broker until it is interrupted: a port that leads to its servers, and either the lines for a shell
 * that uses it, or what is published.
 * @param name of the Broker, or `broker/NAME`; the only one where it is `undefined`
 * @returns the exit code
 * @throws UsageError, and ClusterError when the Broker can't be reached
 */
export async function connectTo(
  connection: Connection,
  name: string | undefined,
  options: ConnectOptions,
  { terminal, signal }: { terminal: Terminal; signal: AbortSignal },
): Promise<number> {
  refuseUnusable(options);
  const count = options.count === undefined ? undefined : Number(options.count);
  const target = await findTarget(connection, name && brokerName(name));
  const certificate = await clientCertificate(target, options);
  const [pod] = await readyPods(connection, target);
  if (!pod) {
    const command = `meshery-operator status broker ${target.name} -n ${target.namespace}`;
    terminal.progress(`no server of Broker ${target.name} is ready: ${command}`);
    return EXIT.refused;
  }
  const tunnel = await openTunnel(connection, target);
  try {
    if (!(await greets(tunnel.port))) {
      throw new ClusterError((await tunnel.failure()) ?? `NATS in pod ${tunnel.pod() ?? pod} does not answer`);
    }
    if (options.tail) {
      const tls = target.tls && (await tlsOf(connection, target, target.tls));
      const subscription: Subscription = {
        ...{ port: tunnel.port, subject: options.subject, signal },
        readToken: () => readToken(connection, target),
        ...(tls && { tls: { ...tls, ...certificate } }),
        ...(count !== undefined && { count }),
      };
      await tail(subscription, {
        onMessage: (entry) => terminal.write(printed(entry, options.output)),
        onConnected: () => terminal.progress(`subscribed to ${options.subject} at pod ${tunnel.pod()}`),
        onInterrupted: () => terminal.progress('the connection is interrupted, connecting again'),
      });
      return 0;
    }
    await show(connection, target, tunnel, { options, terminal });
    if (!signal.aborted) await once(signal, 'abort');
    return 0;
  } finally {
    tunnel.close();
  }
}

function brokerName(argument: string): string {
  const live = liveArgument(argument, () => false);
  if (live && live.controller.kind !== 'Broker') throw new UsageError(`${argument} is no Broker`);
  return live?.name ?? argument;
}

/** @throws UsageError for an option that is of no use, or no value of its kind */
function refuseUnusable({ count, tail, subject, cert, key }: ConnectOptions): void {
  if (!tail && (cert !== undefined || key !== undefined)) throw new UsageError('--cert and --key are for --tail');
  if (!tail && count !== undefined) throw new UsageError('--count is for --tail');
  if (count !== undefined && !/^[1-9]\d{0,8}$/.test(count))
    throw new UsageError(`--count ${count}: it must be a positive number`);
  if (!/^[^\s.]+(\.[^\s.]+)*$/.test(subject)) throw new UsageError(`--subject ${subject}: it must be words with dots`);
}

/** The files of the certificate that a Broker asks for. Only for a subscription: other programs have options of their own. */
async function clientCertificate({ name, tls }: Target, { tail, cert, key }: ConnectOptions) {
  if (!tls?.verify || !tail) return {};
  if (!cert || !key) throw new UsageError(`Broker ${name} asks clients for a certificate: give --cert and --key`);
  const [certificate, privateKey] = await Promise.all([cert, key].map(read));
  return { cert: certificate ?? '', key: privateKey ?? '' };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw new UsageError(`${file} can't be read`);
  }
}

async function tlsOf(connection: Connection, target: Target, { ca, serverName }: NonNullable<Target['tls']>) {
  const certificates = await readSecret(connection, target, ca);
  return { servername: serverName, ...(certificates && { ca: certificates }) };
}

async function show(
  connection: Connection,
  target: Target,
  { port, pod }: Tunnel,
  { options, terminal }: { options: ConnectOptions; terminal: Terminal },
): Promise<void> {
  const { kubeconfig, context, output, subject, showToken } = options;
  const value = showToken ? await readToken(connection, target) : undefined;
  if (output === 'text') {
    const kubectlFlags = [
      ...(kubeconfig ? ['--kubeconfig', kubeconfig] : []),
      ...(context ? ['--context', context] : []),
    ];
    terminal.write(
      `Broker ${target.namespace}/${target.name} is at 127.0.0.1:${port}, by pod ${pod()}, until this is interrupted (Ctrl-C).\n\n`,
    );
    const access = { target, port, kubectlFlags, subject, ...(value !== undefined && { token: value }) };
    terminal.write(instructions(access));
    return;
  }
  const token = { ...target.token, ...(value !== undefined && { value }) };
  const model = { ...target, token, address: `127.0.0.1:${port}`, pod: pod() };
  terminal.write(output === 'json' ? `${JSON.stringify(model)}\n` : printYaml(model));
}

function printed(entry: Entry, output: Output): string {
  if (output === 'json') return `${JSON.stringify(entry)}\n`;
  return output === 'yaml' ? `---\n${printYaml(entry)}` : `${entryLine(entry)}\n`;
}
