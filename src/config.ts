import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { describe } from './api/validate.ts';

/** The environment that the server reads. A variable that is empty counts as unset. */
export const Config = Type.Object({
  HOST: Type.String({ default: '0.0.0.0', minLength: 1, description: 'Address to listen on.' }),
  PORT: Type.Integer({
    default: 8080,
    minimum: 0,
    maximum: 65535,
    description: 'Port to listen on; 0 takes a free one.',
  }),
  LOG_LEVEL: Type.Union(
    (['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const).map((level) => Type.Literal(level)),
    { default: 'info', description: 'Least severe level that is logged.' },
  ),
  BODY_LIMIT: Type.Integer({
    default: 16 * 1024 * 1024,
    minimum: 1024,
    maximum: 1024 * 1024 * 1024,
    description: 'Largest request body, in bytes. A request holds a resource with all of its observed children.',
  }),
  IMAGE_REGISTRY: Type.String({
    default: '',
    pattern: '^([a-zA-Z0-9][-a-zA-Z0-9.]*(:[0-9]+)?(/[a-z0-9][-a-z0-9._]*)*)?$',
    description:
      'Registry, optionally with a path, that the images of brokers and MeshSyncs are taken from, for example registry.example.com/mirror. Default: the one that each image names, which is Docker Hub.',
  }),
  SHUTDOWN_TIMEOUT: Type.Integer({
    default: 20_000,
    minimum: 0,
    maximum: 600_000,
    description: 'How long a stop waits for requests at work, in milliseconds.',
  }),
});
export type Config = Static<typeof Config>;

/**
 * Reads the configuration.
 * @param environment variables by name, as `process.env` has them
 * @throws an Error with one line that names the variable and what it must be
 */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(
    Object.entries(Config.properties)
      .map(([name, { type }]) => [name, environment[name]?.trim() ?? '', type] as const)
      .filter(([, value]) => value !== '')
      .map(([name, value, type]) => [name, type === 'integer' && /^-?\d+$/.test(value) ? Number(value) : value]),
  );
  const config: unknown = Value.Default(Config, given);
  if (Value.Check(Config, config)) return config;
  const error = Value.Errors(Config, config).First();
  throw new Error(`${error?.path.slice(1)} ${error && describe(error)}`);
}
