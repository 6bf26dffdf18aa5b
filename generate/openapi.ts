import type { Controller } from '../src/metacontroller/controller.ts';

/** General information about the service. */
export interface OpenApiInfo {
  title: string;
  version: string;
  description: string;
  license: { name: string; identifier: string };
}

/** Requests and their responses, by a descriptive name. */
export type Examples = Record<string, { request: object; response: object }>;

const object = (description: string) => ({ type: 'object', description });
const json = (schema: object, examples: object) => ({ 'application/json': { schema, examples } });

const syncResponse = {
  type: 'object',
  required: ['status', 'children'],
  additionalProperties: false,
  properties: {
    status: object("The resource's whole status."),
    children: {
      type: 'array',
      description: 'All desired children. A child that is missing here is deleted.',
      items: object('A Kubernetes object.'),
    },
  },
};
const rule = {
  type: 'object',
  required: ['apiVersion', 'resource', 'namespace'],
  additionalProperties: false,
  properties: {
    apiVersion: { type: 'string' },
    resource: { type: 'string' },
    namespace: { type: 'string' },
    names: { type: 'array', items: { type: 'string' } },
    labelSelector: object('Labels, as matchLabels.'),
  },
};
const customizeResponse = {
  type: 'object',
  required: ['relatedResources'],
  additionalProperties: false,
  properties: { relatedResources: { type: 'array', items: rule } },
};
const errorBody = {
  type: 'object',
  required: ['statusCode', 'error', 'message'],
  additionalProperties: false,
  properties: {
    statusCode: { type: 'integer' },
    error: { type: 'string' },
    message: { type: 'string' },
    path: { type: 'string', description: 'JSON pointer to the invalid field of the body.' },
  },
};
const errors: Record<number, string> = {
  400: 'The body is invalid; `path` points to the field.',
  401: 'A valid bearer token is required.',
  413: 'The body is too large.',
  415: 'The body is not sent as application/json.',
  429: 'The service is overloaded: retry after the seconds in the header Retry-After.',
};

/**
 * The hooks of some controllers as an OpenAPI document.
 * @param examples returns the examples of a hook by its path
 */
export function openApi(
  controllers: readonly Controller[],
  info: OpenApiInfo,
  examples: (path: string) => Examples,
): object {
  const paths = controllers.flatMap(({ kind, name, bodies }) => [
    hook(
      `/${name}/sync`,
      {
        operationId: `sync${kind}`,
        summary: `Desired children and status of a ${kind}`,
        description:
          'Sync hook of Metacontroller, version v2. The same request gives the same response, except for newly generated credentials and transition times.',
      },
      { request: bodies.sync, response: syncResponse },
      examples,
    ),
    hook(
      `/${name}/customize`,
      {
        operationId: `customize${kind}`,
        summary: `Related objects of a ${kind}`,
        description: 'Customize hook of Metacontroller, version v2. The response depends on the spec alone.',
      },
      { request: bodies.customize, response: customizeResponse },
      examples,
    ),
  ]);
  return {
    openapi: '3.1.0',
    info,
    servers: [{ url: '/' }],
    tags: [{ name: 'hooks', description: 'Called by Metacontroller.' }],
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'Required when HOOK_TOKEN_FILES is set.' },
      },
      schemas: { Error: errorBody },
    },
  };
}

function hook(
  path: string,
  operation: { operationId: string; summary: string; description: string },
  { request, response }: { request: object; response: object },
  examples: (path: string) => Examples,
): [path: string, item: object] {
  const shown = Object.entries(examples(path));
  const valuesOf = (part: 'request' | 'response') =>
    Object.fromEntries(shown.map(([name, example]) => [name, { value: example[part] }]));
  const errorResponses = Object.entries(errors).map(([code, description]) => {
    const retryAfter = { 'Retry-After': { schema: { type: 'integer' }, description: 'In seconds.' } };
    const content = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
    return [code, { description, ...(code === '429' && { headers: retryAfter }), content }];
  });
  const ifNoneMatch = {
    name: 'if-none-match',
    in: 'header',
    description: 'ETag of the last response; 304 when the response is unchanged.',
    schema: { type: 'string' },
  };
  return [
    path,
    {
      post: {
        ...operation,
        tags: ['hooks'],
        security: [{}, { token: [] }],
        parameters: [ifNoneMatch],
        requestBody: { required: true, content: json(request, valuesOf('request')) },
        responses: {
          200: {
            description: 'The response.',
            headers: { ETag: { schema: { type: 'string' }, description: 'ETag of the response.' } },
            content: json(response, valuesOf('response')),
          },
          304: { description: 'The response is unchanged: it has the ETag of the request.' },
          ...Object.fromEntries(errorResponses),
        },
      },
    },
  ];
}
