/** The URL of a NATS server, with and without its credentials. */
export interface BrokerUrl {
  /** As the client needs it. May hold credentials: belongs in a Secret only. */
  full: string;
  /** Without credentials; fit to be shown. */
  shown: string;
  hasCredentials: boolean;
}

/** Reads a URL as NATS clients do: without a scheme it is `nats://`. `undefined` when it names no host. */
export function parseBrokerUrl(text: string): BrokerUrl | undefined {
  const full = text.includes('://') ? text : `nats://${text}`;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  if (!url.hostname) return undefined;
  return {
    full,
    shown: `${url.protocol}//${url.host}`,
    hasCredentials: url.username !== '' || url.password !== '',
  };
}
