import type { SecretKey, Target } from './target.ts';

/** How a shell reaches a Broker while its port is forwarded. */
export interface Access {
  target: Target;
  port: number;
  /** Flags by which kubectl finds the same cluster. */
  kubectlFlags: string[];
  subject: string;
  /** Only where it is to be shown. */
  token?: string;
}

/** The lines for another shell: the token goes through its environment, and never onto a command line. */
export function instructions({ target, port, kubectlFlags, subject, token }: Access): string {
  const { namespace, tls } = target;
  const from = ({ secret, key }: SecretKey) =>
    [
      'kubectl',
      ...kubectlFlags.map(quoted),
      ...['get', 'secret', secret, '-n', namespace, '-o', `jsonpath='{.data.${key.replaceAll('.', '\\.')}}'`],
      '| base64 -d',
    ].join(' ');
  const caFile = `${target.name}-ca.crt`;
  const url = tls ? `tls://${tls.serverName}:${port}` : `nats://127.0.0.1:${port}`;
  const commands = [
    ...(tls ? [`${from(tls.ca)} > ${caFile}`, `export NATS_CA=$PWD/${caFile}`] : []),
    ...(tls?.verify ? ['export NATS_CERT=client.crt NATS_KEY=client.key'] : []),
    `export NATS_URL=${url}`,
    `export NATS_TOKEN=${token === undefined ? `"$(${from(target.token)})"` : quoted(token)}`,
    `nats sub ${quoted(subject)}`,
  ];
  const hints = [
    ...(tls
      ? [`The certificate is for ${tls.serverName}: add "127.0.0.1 ${tls.serverName}" to /etc/hosts meanwhile.`]
      : []),
    ...(tls?.verify
      ? ['The Broker accepts only clients with a certificate that ca.crt of its Secret has signed.']
      : []),
    'A nats program without NATS_TOKEN in its --help takes the token from NATS_USER.',
  ];
  return [
    'In another shell, with the nats program of NATS:',
    '',
    ...commands.map((line) => `  ${line}`),
    '',
    ...hints,
    '',
  ].join('\n');
}

/** A word as a shell reads it unchanged. */
function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
