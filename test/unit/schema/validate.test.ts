import { describe, expect, it } from 'vitest';
import { BrokerSpec } from '../../../src/api/broker.ts';
import { compiled } from '../../../src/schema/compiled.ts';
import { everyError } from '../../../src/schema/validate.ts';

const errors = (spec: object) => everyError(compiled(BrokerSpec), spec, 'spec');
const reader = { user: 'reader', passwordSecretRef: { name: 'reader' } };

describe('every error of a spec', () => {
  it.each([
    [{ auth: { users: [reader, reader] } }, 'spec.auth.users[1]', 'must have another user than item 0'],
    [
      { websocket: { allowedOrigins: ['https://a', 'https://b', 'https://a'] } },
      'spec.websocket.allowedOrigins[2]',
      'must differ from item 0',
    ],
  ])('has items that Kubernetes takes for the same: %j', (spec, path, message) => {
    expect(errors(spec)).toEqual([{ path, message }]);
  });

  it('has no items that differ, also of lists that may have the same twice', () => {
    const permissions = { subscribe: { allow: ['a', 'a'] } };
    expect(
      errors({
        auth: {
          users: [
            { ...reader, permissions },
            { ...reader, user: 'other' },
          ],
        },
      }),
    ).toEqual([]);
  });

  it('has an example beside a pattern, where the description has one', () => {
    expect(errors({ websocket: { allowedOrigins: ['meshery.example.com'] } })).toEqual([
      {
        path: 'spec.websocket.allowedOrigins[0]',
        message: expect.stringMatching(/^must match \S+, for example https:\/\/meshery\.example\.com$/),
      },
    ]);
    expect(errors({ leafNodes: { remotes: [{ url: 'hub' }] } })).toEqual([
      {
        path: 'spec.leafNodes.remotes[0].url',
        message: expect.stringMatching(/, for example tls:\/\/nats\.example\.com:7422$/),
      },
    ]);
  });
});
