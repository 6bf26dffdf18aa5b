/** The URL of a NATS server, with and without its credentials. */
export interface BrokerUrl {
  /** As the client needs it. May hold credentials: belongs in a Secret only. */
  full: string;
  /** Without credentials; fit to be shown. */
  shown: string;
  /** Whether the URL holds more than what is shown: a user, or a path or query, which may be credentials too. */
  hasCredentials: boolean;
}

/** Reads a URL as NATS clients do: without a scheme it is `nats://`. `undefined` when it names no host. */
export function parseBrokerUrl(text: string): BrokerUrl | undefined {
  const full = text.includes('://') ? text : `nats://${text}`;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  if (!url.hostname) return undefined;
  const shown = `${url.protocol}//${url.host}`;
  return { full, shown, hasCredentials: ![shown, `${shown}/`].includes(full) };
}
