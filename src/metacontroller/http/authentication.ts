import { createHash, timingSafeEqual } from 'node:crypto';
import bearerAuth from '@fastify/bearer-auth';
import fp from 'fastify-plugin';

/** The valid bearer tokens of the hooks. */
export class HookTokens {
  readonly #digests: Buffer[];

  /**
   * @param contents of files with one token per line; all tokens are valid, so that they can be rotated without rejecting a
   * request
   * @throws an Error when there is none, or an invalid one
   */
  constructor(contents: (string | undefined)[]) {
    const tokens = contents
      .flatMap((content) => content?.split('\n') ?? [])
      .map((line) => line.trim())
      .filter((line) => line !== '');
    if (tokens.length === 0) throw new Error('HOOK_TOKEN_FILES contain no token');
    if (!tokens.every((token) => TOKEN.test(token))) {
      throw new Error('HOOK_TOKEN_FILES contain a token with characters that a bearer token can not have (RFC 6750)');
    }
    this.#digests = tokens.map(digest);
  }

  /** Constant-time comparison: digests of equal length are compared, with all tokens. */
  accept(token: string): boolean {
    const presented = digest(token);
    return this.#digests.reduce((accepted, each) => timingSafeEqual(each, presented) || accepted, false);
  }
}

/** b64token of RFC 6750, section 2.1. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Requires a bearer token on all routes of the same context, before the body is read. */
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
