import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { OPERATOR } from '../../operator.ts';
import type { ClusterObject } from '../cluster/connection.ts';
import { podImageTag } from '../cluster/image.ts';
import { KINDS, type Kind } from './kinds.ts';

// What Meshery's Go operator is called and makes, as of its releases 1.0.

/** The names of what every Broker of the Go operator owns, whatever the name of the Broker. */
const NATS = 'meshery-nats';

/** A child: its kind and its name. */
export interface ChildName {
  kind: Kind;
  name: string;
}

/** The children of a resource of the Go operator; what others need first, so that these never miss it. */
export function childrenOf({ kind, metadata }: ClusterObject): ChildName[] {
  if (kind === 'MeshSync') return [{ kind: KINDS.deployment, name: metadata.name }];
  return [
    { kind: KINDS.secret, name: AUTH_SECRET },
    { kind: KINDS.configMap, name: `${NATS}-config` },
    { kind: KINDS.service, name: `${NATS}-headless` },
    { kind: KINDS.service, name: NATS },
    { kind: KINDS.statefulSet, name: NATS },
  ];
}

/** The Secret with the token, in the namespace of a Broker; a MeshSync of another namespace has a copy of it. */
export const AUTH_SECRET = `${NATS}-auth`;

/** The field managers by which it applies its children. */
export const FIELD_MANAGERS = { broker: 'meshery-operator-broker', meshSync: 'meshery-operator-meshsync' };

/** The finalizers of its resources, which nobody but it takes away. */
export const FINALIZERS = ['broker.meshery.io/finalizer', 'meshsync.meshery.io/finalizer'];

/** The Certificates of its webhook: of its kustomization, and of its chart. */
export const CERTIFICATES = ['meshery-serving-cert', 'meshery-operator-serving-cert'];

/** The objects that it is installed with or makes for itself, besides the Deployment, the Service of its name and the CRDs. */
export function belongings(namespace: string, { name, serviceAccount }: { name: string; serviceAccount: string }) {
  const named = (kind: Kind, ...names: string[]) => names.map((each) => ({ kind, name: each, namespace }));
  const cluster = (kind: Kind, ...names: string[]) => names.map((each) => ({ kind, name: each, namespace: '' }));
  return [
    ...named(KINDS.serviceAccount, ...new Set([serviceAccount, `${name}-crd-update`])),
    ...named(KINDS.role, 'meshery-leader-election-role'),
    ...named(KINDS.roleBinding, 'meshery-leader-election-rolebinding'),
    ...cluster(
      KINDS.clusterRole,
      ...['meshery-operator-role', 'meshery-controller-role', 'meshery-metrics-reader', 'meshery-proxy-role'],
      `${name}-crd-update`,
    ),
    ...cluster(
      KINDS.clusterRoleBinding,
      ...['meshery-operator-rolebinding', 'meshery-controller-rolebinding', 'meshery-proxy-rolebinding'],
      `${name}-crd-update`,
    ),
    ...named(KINDS.lease, 'meshery-operator-leader.meshery.io'),
    ...named(KINDS.service, 'meshery-webhook-service'),
    ...named(KINDS.certificate, ...CERTIFICATES),
    ...named(KINDS.issuer, 'meshery-selfsigned-issuer', 'meshery-operator-selfsigned-issuer'),
    ...named(KINDS.secret, 'webhook-server-cert', 'meshery-operator-webhook-cert'),
    ...named(KINDS.configMap, `${name}-crds`, 'meshery-operator-conversion-patch'),
    ...named(KINDS.job, `${name}-crd-update`),
  ];
}

const Workload = Type.Object({
  spec: Type.Object({
    replicas: Type.Optional(Type.Integer()),
    selector: Type.Optional(Type.Object({ matchLabels: Type.Optional(Type.Record(Type.String(), Type.String())) })),
    template: Type.Object({
      spec: Type.Object({
        serviceAccountName: Type.Optional(Type.String()),
        containers: Type.Array(
          Type.Object({
            name: Type.String(),
            image: Type.Optional(Type.String()),
            command: Type.Optional(Type.Array(Type.String())),
            args: Type.Optional(Type.Array(Type.String())),
            ports: Type.Optional(Type.Array(Type.Object({ name: Type.Optional(Type.String()) }))),
          }),
        ),
      }),
    }),
  }),
});

/** A Deployment or a StatefulSet. */
export type Workload = ClusterObject & Static<typeof Workload>;

/** Narrows an object to a workload. */
export function isWorkload(object: ClusterObject): object is Workload {
  return Value.Check(Workload, object);
}

/** Whether an object is the Deployment of an operator, of this one or of the Go operator. */
export function isOperator(object: ClusterObject): object is Workload {
  const { app, component, 'app.kubernetes.io/name': name } = object.metadata.labels ?? {};
  const isLabelled = (app === 'meshery' && component === 'operator') || name === OPERATOR.name;
  return object.kind === 'Deployment' && isLabelled && isWorkload(object);
}

/** Whether a Deployment runs the Go operator, and not this one. */
export function isGoOperator({ spec }: Workload): boolean {
  const { containers } = spec.template.spec;
  if (containers.some(({ ports }) => ports?.some(({ name }) => name === 'hooks'))) return false;
  return containers.some(
    ({ command, image }) => command?.[0] === '/manager' || /(^|\/)meshery-operator([:@]|$)/.test(image ?? ''),
  );
}

/** The version of the Go operator by its image. */
export function versionOf({ spec }: Workload): string {
  const image = spec.template.spec.containers.find(({ name }) => name === 'manager')?.image ?? '';
  return podImageTag(image) || 'of unknown version';
}
