/** The URL of a NATS server, or of several, with and without credentials. */
export interface BrokerUrl {
  /** As the client needs it. May hold credentials: belongs in a Secret only. */
  full: string;
  /** Without credentials; fit to be shown. */
  redacted: string;
  /** Whether the URL holds more than the redacted one: a user, or a path or query, which may be credentials too. */
  hasCredentials: boolean;
}

/**
 * Reads URLs as NATS clients do: comma-separated, and without a scheme it is `nats://`. `undefined` when one
 * names no host.
 */
export function parseBrokerUrl(text: string): BrokerUrl | undefined {
  const urls: BrokerUrl[] = [];
  for (const part of text.split(',')) {
    const url = parseOne(part);
    if (!url) return undefined;
    urls.push(url);
  }
  return {
    full: joined(urls.map(({ full }) => full)),
    redacted: joined(urls.map(({ redacted }) => redacted)),
    hasCredentials: urls.some(({ hasCredentials }) => hasCredentials),
  };
}

/** URLs with `$(NAME)`, which Kubernetes expands in the environment of a container, as the user of each. */
export function withCredentials(url: string, variable: string): string {
  return url.replaceAll('://', `://$(${variable})@`);
}

/**
 * MeshSync reads the host of its first URL out of the whole text before its NATS client reads all of them: a slash ends
 * that host for the one, and means nothing to the other.
 */
function joined(urls: string[]): string {
  return urls.map((url, index) => (index < urls.length - 1 && !url.endsWith('/') ? `${url}/` : url)).join(',');
}

function parseOne(text: string): BrokerUrl | undefined {
  const full = text.includes('://') ? text : `nats://${text}`;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  if (!url.hostname) return undefined;
  const redacted = `${url.protocol}//${url.host}`;
  return { full, redacted, hasCredentials: ![redacted, `${redacted}/`].includes(full) };
}
