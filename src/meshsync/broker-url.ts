/** The URL of a NATS server, or of several, with and without credentials. */
export interface BrokerUrl {
  /** For the client. May contain credentials: for Secrets only. */
  full: string;
  /** Without credentials; safe for status and logs. */
  redacted: string;
  /** Whether the URL contains more than the redacted one: a user, or a path or query, which may be credentials too. */
  hasCredentials: boolean;
  /** Whether the host of the first is an IPv6 address, which MeshSync can not query: it drops the brackets. */
  isIPv6Address: boolean;
}

/**
 * Parses URLs as NATS clients do: comma-separated, with `nats://` as the default scheme. `undefined` when one has no host.
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
    isIPv6Address: urls[0]?.isIPv6Address ?? false,
  };
}

/** URLs with `$(NAME)`, which Kubernetes expands in the environment of a container, as the user of each. */
export function withCredentials(url: string, variable: string): string {
  return url.replaceAll('://', `://$(${variable})@`);
}

/**
 * MeshSync parses the host of its first URL from the whole text, before its NATS client parses all of them: a slash ends the
 * host for the former, and the latter ignores it.
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
  const hasCredentials = ![redacted, `${redacted}/`].includes(full);
  return { full, redacted, hasCredentials, isIPv6Address: url.hostname.startsWith('[') };
}
