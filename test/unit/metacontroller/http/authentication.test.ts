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

describe.each(CALLS)('%s, where tokens are asked for', (url, body) => {
  const guarded = () => testApp({ tokens: () => new HookTokens(['first\n', 'second\nthird']) });

  it.each(['first', 'second', 'third'])('takes %s', async (token) => {
    const { statusCode } = await guarded().post(url, body, { authorization: `Bearer ${token}` });
    expect(statusCode).toBe(200);
  });

  it.each([
    ['nothing', {}],
    ['another', { authorization: 'Bearer fourth' }],
    ['a part of one', { authorization: 'Bearer firs' }],
    ['more than one', { authorization: 'Bearer first second' }],
    ['an empty one', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: 'Basic first' }],
  ])('refuses %s before the body is looked at', async (_what, headers) => {
    for (const sent of [body, 'no JSON']) {
      const { statusCode, text, headers: answered } = await guarded().post(url, sent, headers);
      expect(statusCode).toBe(401);
      expect(answered['www-authenticate']).toBe('Bearer');
      expect(JSON.parse(text)).toEqual({
        statusCode: 401,
        error: 'Unauthorized',
        message: 'the hook requires a valid bearer token: see webhook.authorization of the CompositeController',
      });
    }
  });

  it('counts who was refused', async () => {
    const service = guarded();
    await service.post(url, body);
    const { body: metrics } = await service.monitoring.inject('/metrics');
    expect(metrics).toContain('meshery_operator_refused_total{reason="unauthorized"} 1\n');
  });
});

describe('where tokens are asked for', () => {
  it.each(['/', '/livez', '/readyz'])('%s asks for none', async (url) => {
    const { app } = testApp({ tokens: () => new HookTokens(['first']) });
    expect((await app.inject(url)).statusCode).toBe(200);
  });

  it('a token is good as long as it is among those that are', async () => {
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

it.each([[[]], [[undefined]], [['', '\n \n']]])('files that hold no token are refused: %j', (contents) => {
  expect(() => new HookTokens(contents)).toThrow('HOOK_TOKEN_FILES contain no token');
});

it.each(['with blank', 'ümlaut', 'a"b', '='])('a token that no header can carry is refused: %s', (token) => {
  expect(() => new HookTokens([token])).toThrow(/^HOOK_TOKEN_FILES contain a token with characters/);
});
