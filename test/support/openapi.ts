import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BrokerCustomizeRequest, BrokerSyncRequest } from '../../src/broker/request.ts';
import { MeshSyncCustomizeRequest, MeshSyncSyncRequest } from '../../src/meshsync/request.ts';
import { version } from '../../src/version.ts';
import { testApp } from './app.ts';

/** Where the document is kept; the build copies it. */
export const OPENAPI = 'docs/api/openapi.json';

const RECORDED = 'test/payloads/recorded/dynamic-apply';

interface Hook {
  path: string;
  operationId: string;
  summary: string;
  description: string;
  request: object;
  answer: object;
  /** Recorded requests, by name. */
  examples: Record<string, string>;
}

const object = (description: string) => ({ type: 'object', description });
const syncAnswer = {
  type: 'object',
  required: ['status', 'children'],
  additionalProperties: false,
  properties: {
    status: object("The resource's whole status."),
    children: {
      type: 'array',
      description: 'Everything that shall exist. A child that is missing here is deleted.',
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
const customizeAnswer = {
  type: 'object',
  required: ['relatedResources'],
  additionalProperties: false,
  properties: { relatedResources: { type: 'array', items: rule } },
};

const hooks: Hook[] = (['Broker', 'MeshSync'] as const).flatMap((kind) => {
  const lower = kind.toLowerCase();
  const recorded = `meshery-meshery-${lower}-${lower}`;
  return [
    {
      path: `/${lower}/sync`,
      operationId: `sync${kind}`,
      summary: `The children and the status that a ${kind} shall have`,
      description:
        'Sync hook of Metacontroller, version v2. The same request gives the same answer, except for new credentials where there are none, and the time.',
      request: kind === 'Broker' ? BrokerSyncRequest : MeshSyncSyncRequest,
      answer: syncAnswer,
      examples: { 'without children': `${recorded}-sync-first`, 'all at work': `${recorded}-sync-last` },
    },
    {
      path: `/${lower}/customize`,
      operationId: `customize${kind}`,
      summary: `What else is to be watched for a ${kind}`,
      description: 'Customize hook of Metacontroller, version v2. The answer depends on the spec alone.',
      request: kind === 'Broker' ? BrokerCustomizeRequest : MeshSyncCustomizeRequest,
      answer: customizeAnswer,
      examples: { recorded: `${recorded}-customize-first` },
    },
  ];
});

const errors: Record<number, string> = {
  400: 'The body is not what it must be; `path` points to the field.',
  401: 'A bearer token is asked for, and this is none of those that are good.',
  413: 'The body is too large.',
  415: 'The body is not sent as application/json.',
  429: 'Too much is at work: try again after the seconds of the header Retry-After.',
};
const errorBody = { $ref: '#/components/schemas/Error' };
const json = (schema: object, examples?: object) => ({ 'application/json': { schema, ...(examples && { examples }) } });

/** The document, with answers to the examples from the application itself. */
export async function openApi(): Promise<object> {
  const service = testApp();
  const paths: Record<string, object> = {};
  for (const { path, operationId, summary, description, request, answer, examples } of hooks) {
    const requests: Record<string, object> = {};
    const answers: Record<string, object> = {};
    for (const [name, file] of Object.entries(examples)) {
      const value = JSON.parse(await readFile(join(RECORDED, `${file}.json`), 'utf8'));
      requests[name] = { value };
      answers[name] = { value: (await service.post(path, value)).json() };
    }
    const refusals = Object.entries(errors).map(([code, description]) => [
      code,
      {
        description,
        ...(code === '429' && {
          headers: { 'Retry-After': { schema: { type: 'integer' }, description: 'In seconds.' } },
        }),
        content: json(errorBody),
      },
    ]);
    paths[path] = {
      post: {
        ...{ operationId, summary, description, tags: ['hooks'], security: [{}, { token: [] }] },
        parameters: [
          {
            name: 'if-none-match',
            in: 'header',
            description: 'ETag of the last answer; when it is still the answer, 304.',
            schema: { type: 'string' },
          },
        ],
        requestBody: { required: true, content: json(request, requests) },
        responses: {
          200: {
            description: 'The answer.',
            headers: { ETag: { schema: { type: 'string' }, description: 'Of the answer.' } },
            content: json(answer, answers),
          },
          304: { description: 'The answer is the one with the ETag that was given.' },
          ...Object.fromEntries(refusals),
        },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Meshery Operator',
      version,
      description: 'The hooks that Metacontroller calls. Nothing else is meant to call them.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [{ name: 'hooks', description: 'Called by Metacontroller.' }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Where HOOK_TOKEN_FILES are set.' } },
      schemas: {
        Error: {
          type: 'object',
          required: ['statusCode', 'error', 'message'],
          additionalProperties: false,
          properties: {
            statusCode: { type: 'integer' },
            error: { type: 'string' },
            message: { type: 'string' },
            path: { type: 'string', description: 'JSON pointer to the field of the body that is wrong.' },
          },
        },
      },
    },
  };
}

/** As it is kept. */
export async function printedOpenApi(): Promise<string> {
  return `${JSON.stringify(await openApi(), null, 1)}\n`;
}

if (process.argv[1] === import.meta.filename) await writeFile(OPENAPI, await printedOpenApi());
