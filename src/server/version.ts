import manifest from '../../package.json' with { type: 'json' };

/** Version of this operator, without a `v`. */
export const { version } = manifest;
