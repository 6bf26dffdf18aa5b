import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { OperatorSettings } from '../../api/context.ts';
import { kinds } from '../../kubernetes/kinds.ts';
import { OPERATOR } from '../../operator.ts';
import { commonMetadata, readConfig } from '../../server/config.ts';
import { API } from '../cluster/api.ts';
import type { Connection } from '../cluster/connection.ts';
import { ClusterError } from '../errors.ts';

/** The variables that decide what the children are. */
const VARIABLES = [
  'IMAGE_REGISTRY',
  'IMAGE_REGISTRY_LIBRARY',
  'COMMON_LABELS',
  'COMMON_ANNOTATIONS',
  'SECURITY_CONTEXT',
];

const Service = Type.Object({
  spec: Type.Object({
    hooks: Type.Object({
      sync: Type.Object({ webhook: Type.Object({ service: Type.Object({ namespace: Type.String() }) }) }),
    }),
  }),
});

const Deployment = Type.Object({
  spec: Type.Object({
    template: Type.Object({
      spec: Type.Object({
        containers: Type.Array(
          Type.Object({
            name: Type.String(),
            env: Type.Optional(Type.Array(Type.Object({ name: Type.String(), value: Type.Optional(Type.String()) }))),
          }),
        ),
      }),
    }),
  }),
});

/** What the environment of the operator in the cluster sets for all resources, or why it is not known, for people. */
export async function operatorSettings(connection: Connection): Promise<{ settings: OperatorSettings; note?: string }> {
  try {
    const registration = await connection.get(API.registrations, 'meshery-broker');
    const namespace = Value.Check(Service, registration)
      ? registration.spec.hooks.sync.webhook.service.namespace
      : OPERATOR.namespace;
    const deployment = await connection.get(kinds.deployment, OPERATOR.name, namespace);
    if (!Value.Check(Deployment, deployment))
      return unknown(`there is no Deployment ${OPERATOR.name} in namespace ${namespace}`);
    return { settings: settingsOf(deployment.spec.template.spec.containers.flatMap(({ env = [] }) => env)) };
  } catch (error) {
    if (error instanceof ClusterError && error.status === undefined) throw error;
    return unknown(error instanceof Error ? error.message : String(error));
  }
}

function unknown(reason: string): { settings: OperatorSettings; note: string } {
  return { settings: {}, note: `the settings of the operator are not known, and taken as its defaults: ${reason}` };
}

function settingsOf(env: { name: string; value?: string }[]): OperatorSettings {
  const given = env.filter(({ name }) => VARIABLES.includes(name)).map(({ name, value }) => [name, value] as const);
  const config = readConfig(Object.fromEntries(given));
  return {
    imageRegistry: config.IMAGE_REGISTRY,
    imageRegistryLibrary: config.IMAGE_REGISTRY_LIBRARY === 'true',
    commonMetadata: commonMetadata(config),
    securityContext: config.SECURITY_CONTEXT,
  };
}
