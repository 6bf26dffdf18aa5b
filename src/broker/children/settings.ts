import { bytes } from '../../schema/quantity.ts';
import { quoted } from '../merge.ts';
import type { Broker } from '../spec.ts';
import { certificatesOf, tlsBlock } from './files.ts';

/** The settings of `spec.config` that are set, as lines. */
export function settings({ config, merge }: Broker): string {
  const { maxPayload, maxConnections, writeDeadline, pingInterval, pingMax, debug, trace } = config;
  const lines: [string, string | number | boolean | undefined][] = [
    ['max_payload', maxPayload && String(bytes(maxPayload))],
    ['max_connections', maxConnections],
    ['write_deadline', writeDeadline && `"${writeDeadline}"`],
    ['ping_interval', pingInterval && `"${pingInterval}"`],
    ['ping_max', pingMax],
    ['debug', debug],
    ['trace', trace],
  ];
  const set = lines.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return [...set, ...merge.top].map((line) => `${line}\n`).join('');
}

/** The listener for WebSocket, of the servers that clients authenticate to. */
export function webSocket(broker: Broker): string {
  const { webSocket, merge } = broker;
  if (!webSocket) return '';
  const { port, allowedOrigins, sameOrigin, compression } = webSocket;
  const { webSocket: certificates } = certificatesOf(broker);
  const lines = [
    `port: ${port}`,
    ...(certificates ? [] : ['no_tls: true']),
    ...(allowedOrigins.length > 0 ? [`allowed_origins: [${allowedOrigins.map(quoted).join(', ')}]`] : []),
    ...(sameOrigin ? ['same_origin: true'] : []),
    ...(compression ? ['compression: true'] : []),
    ...(merge.blocks.websocket ?? []),
  ];
  return `websocket {\n${lines.map((line) => `  ${line}\n`).join('')}${certificates ? tlsBlock(certificates, [], '  ') : ''}}\n`;
}
