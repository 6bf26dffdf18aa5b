import { readFileSync } from 'node:fs';

const dockerfile = readFileSync('Dockerfile', 'utf8');

/** How the image starts the server, besides its file: what the Dockerfile says. */
export const image = {
  /** Of Node. */
  flags: /^CMD (\[.*\])$/m.exec(dockerfile)?.[1]?.match(/--[a-z-]+(=\d+)?/g) ?? [],
  environment: Object.fromEntries(
    [...dockerfile.matchAll(/(MALLOC_\w+)=(\d+)/g)].map(([, name = '', value = '']) => [name, value]),
  ),
};
