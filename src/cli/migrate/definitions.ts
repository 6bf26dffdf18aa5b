import { isDeepStrictEqual } from 'node:util';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { controllers } from '../../controllers.ts';
import type { Controller } from '../../metacontroller/controller.ts';
import { crdName } from '../../metacontroller/crd.ts';
import { OPERATOR_LABELS } from '../../operator.ts';
import { version } from '../../server/version.ts';
import type { ClusterObject } from '../cluster/connection.ts';
import { objectInWords } from '../cluster/objects.ts';
import { crdOf } from '../crds.ts';
import { type Change, patched } from './change.ts';
import type { Facts } from './facts.ts';
import { KINDS } from './kinds.ts';
import { entriesOf, handedOver, isOfManager, type Manager } from './managed-fields.ts';
import type { Step } from './step.ts';

/** The field manager of `kubectl apply --server-side`, by which the CRDs are upgraded later. */
export const KUBECTL: Manager = { manager: 'kubectl', operation: 'Apply' };

const NAME_LABEL = 'app.kubernetes.io/name';
const VERSION_LABEL = 'app.kubernetes.io/version';
const OPERATOR_NAME = OPERATOR_LABELS[NAME_LABEL];
/** The annotation by which cert-manager writes the certificate of a webhook into a CRD. */
const INJECTED_CA = 'cert-manager.io/inject-ca-from';

/**
 * Replaces the CRDs of the Go operator in place. All of their fields become those of one manager before it applies them, or the
 * rules and the conversion webhook of the old schema would remain in the new one.
 */
export function replaceDefinitions(facts: Facts): Step {
  const replaced = definitionsToReplace(facts);
  const changes = controllers.flatMap((controller): Change[] => {
    const crd = replaced.find((each) => isOf(each, controller));
    if (!crd) return [];
    const about = objectInWords({ kind: KINDS.crd.kind, metadata: { name: crd.metadata.name } });
    const isHandedOver = entriesOf(crd).every((entry) => isOfManager(entry, KUBECTL));
    const { resourceVersion } = crd.metadata;
    const managedFields = handedOver(crd, () => true, KUBECTL);
    return [
      ...(isHandedOver
        ? []
        : [
            patched(`make the fields of ${about} those of ${KUBECTL.manager}`, KINDS.crd, crd, {
              ...{ type: 'merge', body: { metadata: { resourceVersion, managedFields } } },
            }),
          ]),
      patched(`replace the schema of ${about}${webhook(crd)}`, KINDS.crd, crd, {
        ...{ type: 'apply', force: true, fieldManager: KUBECTL.manager, body: crdOf(controller) },
      }),
    ];
  });
  return { name: 'definitions', title: 'Replace the CustomResourceDefinitions, in place', changes };
}

/**
 * The CRDs that are not those of this operator, or not only: one that was applied over that of the Go operator still has what
 * only the latter sets.
 */
export function definitionsToReplace({ crds, goOperators, record }: Facts): ClusterObject[] {
  const isMixed = (crd: ClusterObject) =>
    crd.metadata.labels?.[VERSION_LABEL] === version &&
    controllers.some((controller) => isOf(crd, controller) && !hasSchemaOf(crd, controller));
  const isThere = goOperators.length > 0 || record !== undefined;
  return crds.filter((crd) => isOfGoOperator(crd) || (isThere && isMixed(crd)));
}

function isOf({ metadata }: ClusterObject, controller: Controller): boolean {
  return metadata.name === crdName(controller);
}

const Schemas = Type.Object({ spec: Type.Object({ versions: Type.Array(Type.Object({ schema: Type.Unknown() })) }) });

function hasSchemaOf(crd: ClusterObject, controller: Controller): boolean {
  const schemasOf = (object: unknown) =>
    Value.Check(Schemas, object) ? object.spec.versions.map(({ schema }) => schema) : [];
  return isDeepStrictEqual(schemasOf(crd), schemasOf(crdOf(controller)));
}

/** Whether a CRD is not one of this operator, or still asks for the certificate of the webhook of the Go operator. */
export function isOfGoOperator({ metadata }: ClusterObject): boolean {
  return metadata.labels?.[NAME_LABEL] !== OPERATOR_NAME || metadata.annotations?.[INJECTED_CA] !== undefined;
}

const Definition = Type.Object({
  spec: Type.Object({
    conversion: Type.Optional(Type.Object({ strategy: Type.String() })),
    versions: Type.Array(Type.Object({ name: Type.String(), storage: Type.Boolean() })),
  }),
});

/** The versions of a CRD; the stored one says so. */
export function versionsOf(crd: ClusterObject): { name: string; storage: boolean }[] {
  return Value.Check(Definition, crd) ? crd.spec.versions : [];
}

function webhook(crd: ClusterObject): string {
  const hasWebhook = Value.Check(Definition, crd) && crd.spec.conversion?.strategy === 'Webhook';
  return hasWebhook ? ', without its conversion webhook' : '';
}
