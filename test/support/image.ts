import { readFileSync } from 'node:fs';

const dockerfile = readFileSync('Dockerfile', 'utf8');
const [, environment] = /^ENV (.+)$/m.exec(dockerfile) ?? [];
const [, entrypoint] = /^ENTRYPOINT (.+)$/m.exec(dockerfile) ?? [];
if (!environment || !entrypoint) throw new Error('the Dockerfile has no ENV or no ENTRYPOINT in one line');

/** How the image starts the server, besides its file: read from the Dockerfile. */
export const image = {
  environment: Object.fromEntries<string>(environment.split(' ').map((pair) => pair.split('=') as [string, string])),
  /** Of Node. */
  flags: (JSON.parse(entrypoint) as string[]).slice(1, -1),
};
