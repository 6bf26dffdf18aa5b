import { Type } from '@sinclair/typebox';
import { Default } from '../schema/defaults.ts';
import { ObjectName, pattern } from '../schema/fields.ts';

const KEY_OR_EMPTY = pattern('letters, digits and -_. or empty', '^[-._a-zA-Z0-9]*$');

/**
 * A reference to a key of a Secret in the namespace of the resource.
 * @param kind of the resource
 * @param what the key is, for its description
 */
export function SecretKeyRef(kind: string, description: string, defaultKey: string, what = 'Key') {
  return Type.Object(
    {
      name: ObjectName(`Secret in the namespace of the ${kind}.`),
      key: Type.Optional(
        Type.String({
          description: `${what} in the Secret.`,
          maxLength: 253,
          pattern: KEY_OR_EMPTY,
          [Default]: defaultKey,
        }),
      ),
    },
    { description },
  );
}
