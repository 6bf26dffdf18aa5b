import { describe, expect, it } from 'vitest';
import { HookTokens } from '../../../../src/metacontroller/http/authentication.ts';
import { testApp } from '../../../support/app.ts';
import { brokerParent, meshSyncParent } from '../../../support/scenarios.ts';

const CALLS: [string, object][] = [
  ['/broker/sync', { parent: brokerParent(), children: {} }],
  ['/broker/customize', { parent: brokerParent() }],
  ['/meshsync/sync', { parent: meshSyncParent(), children: {} }],
  ['/meshsync/customize', { parent: meshSyncParent() }],
];

describe.each(CALLS)('%s with tokens configured', (url, body) => {
  const guarded = () => testApp({ tokens: () => new HookTokens(['first\n', 'second\nthird']) });

  it.each(['first', 'second', 'third'])('accepts %s', async (token) => {
    const { statusCode } = await guarded().post(url, body, { authorization: `Bearer ${token}` });
    expect(statusCode).toBe(200);
  });

  it.each([
    ['nothing', {}],
    ['another', { authorization: 'Bearer fourth' }],
    ['a part of a token', { authorization: 'Bearer firs' }],
    ['more than one token', { authorization: 'Bearer first second' }],
    ['an empty token', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: 'Basic first' }],
  ])('rejects %s before the body is read', async (_what, headers) => {
    for (const sent of [body, 'no JSON']) {
      const { statusCode, text, headers: responseHeaders } = await guarded().post(url, sent, headers);
      expect(statusCode).toBe(401);
      expect(responseHeaders['www-authenticate']).toBe('Bearer');
      expect(JSON.parse(text)).toEqual({
        statusCode: 401,
        error: 'Unauthorized',
        message: 'the hook requires a valid bearer token: see webhook.authorization of the CompositeController',
      });
    }
  });

  it('counts rejected requests', async () => {
    const service = guarded();
    await service.post(url, body);
    const { body: metrics } = await service.monitoring.inject('/metrics');
    expect(metrics).toContain('meshery_operator_refused_total{reason="unauthorized"} 1\n');
  });
});

describe('the service with tokens configured', () => {
  it.each(['/', '/livez', '/readyz'])('requires no token at %s', async (url) => {
    const { app } = testApp({ tokens: () => new HookTokens(['first']) });
    expect((await app.inject(url)).statusCode).toBe(200);
  });

  it('accepts a token as long as it is in the list', async () => {
    let tokens = new HookTokens(['old']);
    const service = testApp({ tokens: () => tokens });
    const codes = async () => {
      const all = ['old', 'new'].map((token) =>
        service.post('/broker/customize', { parent: brokerParent() }, { authorization: `Bearer ${token}` }),
      );
      return (await Promise.all(all)).map(({ statusCode }) => statusCode);
    };
    expect(await codes()).toEqual([200, 401]);
    tokens = new HookTokens(['old', 'new']);
    expect(await codes()).toEqual([200, 200]);
    tokens = new HookTokens(['new', undefined]);
    expect(await codes()).toEqual([401, 200]);
  });
});

it.each([[[]], [[undefined]], [['', '\n \n']]])('files without a token are rejected: %j', (contents) => {
  expect(() => new HookTokens(contents)).toThrow('HOOK_TOKEN_FILES contain no token');
});

it.each(['with blank', 'ümlaut', 'a"b', '='])('a token that is not valid in a header is rejected: %s', (token) => {
  expect(() => new HookTokens([token])).toThrow(/^HOOK_TOKEN_FILES contain a token with characters/);
});
