import { createHash, timingSafeEqual } from 'node:crypto';
import bearerAuth from '@fastify/bearer-auth';
import fp from 'fastify-plugin';

/** The tokens that callers of the hooks may show. */
export class HookTokens {
  readonly #digests: Buffer[];

  /**
   * @param contents of files with a token for each line; with two tokens both are good, so that one can follow the other
   * without a request being refused
   * @throws an Error when there is none, or one that no header can carry
   */
  constructor(contents: (string | undefined)[]) {
    const tokens = contents
      .flatMap((content) => content?.split('\n') ?? [])
      .map((line) => line.trim())
      .filter((line) => line !== '');
    if (tokens.length === 0) throw new Error('HOOK_TOKEN_FILES hold no token');
    if (!tokens.every((token) => TOKEN.test(token))) {
      throw new Error('HOOK_TOKEN_FILES hold a token with characters that are not of a bearer token (RFC 6750)');
    }
    this.#digests = tokens.map(digest);
  }

  /** Takes the same time whatever is shown: digests of equal length are compared, with all tokens. */
  accept(shown: string): boolean {
    const given = digest(shown);
    return this.#digests.reduce((accepted, each) => timingSafeEqual(each, given) || accepted, false);
  }
}

/** b64token of RFC 6750, section 2.1. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Asks every caller of the routes beside which it is registered for a bearer token, before anything of a body is read. */
export const authentication = fp<{ tokens: () => HookTokens }>(async (app, { tokens }) => {
  await app.register(bearerAuth, {
    addHook: false,
    keys: [],
    auth: (token) => tokens().accept(token),
    verifyErrorLogLevel: 'debug',
  });
  app.addHook('onRequest', (request, reply, done) => {
    if (!app.verifyBearerAuth) throw new Error('@fastify/bearer-auth is not registered');
    app.verifyBearerAuth(request, reply, done);
  });
});
