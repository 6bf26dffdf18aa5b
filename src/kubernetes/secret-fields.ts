import { Type } from '@sinclair/typebox';
import { ObjectName } from '../schema/fields.ts';

/**
 * A reference to a key of a Secret in the namespace of the resource.
 * @param kind of the resource
 * @param what the key is, for its description
 */
export function SecretKeyRef(kind: string, description: string, defaultKey: string, what = 'Key') {
  return Type.Object(
    {
      name: ObjectName(`Name of the Secret, in the namespace of the ${kind}.`),
      key: Type.Optional(
        Type.String({
          description: `${what} in the Secret. Default: ${defaultKey}.`,
          maxLength: 253,
          pattern: '^[-._a-zA-Z0-9]*$',
        }),
      ),
    },
    { description },
  );
}
