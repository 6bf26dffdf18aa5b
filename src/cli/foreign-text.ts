import { stripVTControlCharacters } from 'node:util';

// Texts of others, such as logs, messages and names of clients, as they may be shown to a person.

/** A text without the credentials that a log or a message may have: those of URLs, generated tokens, and JSON Web Tokens. */
export function withoutCredentials(text: string): string {
  return (
    text
      // A password may have an @ that nobody has encoded.
      .replaceAll(/(\w:\/\/)[^\s/]+@/g, '$1***@')
      .replaceAll(/\bt[0-9a-f]{64}\b/g, '***')
      .replaceAll(/\beyJ[\w-]{5,}\.[\w-]+(\.[\w-]+)?/g, '***')
  );
}

/** A message of Kubernetes in one line, without credentials. */
export function oneLine(text: string): string {
  return printable(withoutCredentials(text).replaceAll(/\s+/g, ' ').trim());
}

/** Longest line of a log that is shown, in characters. */
const MAX_LINE = 500;

/** Lines of a log, without colours and credentials. */
export function logLines(text: string): string[] {
  const lines = withoutCredentials(stripVTControlCharacters(text)).trimEnd().split(/\r?\n/);
  return lines.map((line) => {
    const shown = printable(line.replaceAll('\t', ' '));
    return shown.length > MAX_LINE ? `${shown.slice(0, MAX_LINE)}…` : shown;
  });
}

/** A text that can't write to the terminal of whoever looks anything but characters, in their order. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '�');
}

/** Data with all of its texts as they may be shown: each in one line, without credentials, with its blanks. */
export function withPrintableTexts<Data>(data: Data): Data {
  return JSON.parse(JSON.stringify(data), (_, value) =>
    typeof value === 'string' ? printable(withoutCredentials(value.replaceAll(/\s*[\r\n]\s*/g, ' '))) : value,
  );
}
