import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import semver from 'semver';
import { LEAST_METACONTROLLER } from '../../metacontroller/flags.ts';
import type { ClusterObject } from '../cluster/connection.ts';
import { podImageTag } from '../cluster/image.ts';
import { objectInWords } from '../cluster/objects.ts';
import type { Facts } from './facts.ts';
import { releaseOf } from './helm.ts';
import { findingsOf } from './specs.ts';

/** What an administrator should know, besides the steps. */
export function notesOf(facts: Facts): string[] {
  const { resources, metacontroller, registrations, goOperators, revisions, record } = facts;
  const sized = resources.filter(({ kind, spec }) => kind === 'Broker' && Value.Check(Sized, spec) && spec.size > 1);
  const hasRelease = record?.release ?? goOperators.some(releaseOf);
  const isThere = goOperators.length > 0;
  const when = (isSo: unknown, note: string) => (isSo ? [note] : []);
  return [
    ...when(
      isThere || record,
      'If Meshery Server manages this cluster, set DISABLE_OPERATOR=true there first: it could install or uninstall an operator meanwhile.',
    ),
    ...when(hasRelease, 'Do not run helm uninstall on the old release: it would delete its Broker and its MeshSync.'),
    ...when(
      hasRelease && revisions.length === 0 && isThere,
      'The old release of Helm is not stored in Secrets: remove it from where your Helm stores it.',
    ),
    ...goOperators.flatMap((deployment) => {
      const tool = deployedBy(deployment);
      return when(tool, `${tool} deploys ${objectInWords(deployment)}: suspend it there first, or it comes back.`);
    }),
    ...sized.map(
      (broker) =>
        `The servers of ${objectInWords(broker)}, which were not connected to each other, become one NATS cluster.`,
    ),
    ...(metacontroller ? ofMetacontroller(metacontroller.image) : []),
    ...when(
      isThere && registrations.length > 0,
      'The CompositeControllers of this operator are in the cluster already: both operators act until the Go operator is stopped.',
    ),
    ...findingsOf(facts)
      .filter(({ severity }) => severity === 'warning')
      .map(
        ({ kind, namespace, name, path, message }) =>
          `${kind} ${namespace}/${name}: ${path ? `${path} ` : ''}${message}`,
      ),
  ];
}

/** The annotations and labels by which tools of GitOps mark what they deploy. */
const DEPLOYERS: readonly (readonly [key: string, tool: string])[] = [
  ['argocd.argoproj.io/tracking-id', 'Argo CD'],
  ['argocd.argoproj.io/instance', 'Argo CD'],
  ['kustomize.toolkit.fluxcd.io/name', 'Flux'],
  ['helm.toolkit.fluxcd.io/name', 'Flux'],
];

function deployedBy({ metadata: { annotations = {}, labels = {} } }: ClusterObject): string | undefined {
  return DEPLOYERS.find(([key]) => key in annotations || key in labels)?.[1];
}

const Sized = Type.Object({ size: Type.Integer() });

function ofMetacontroller(image: string): string[] {
  const version = semver.coerce(podImageTag(image));
  if (!version || semver.gte(version, LEAST_METACONTROLLER)) return [];
  return [`Metacontroller is ${version}: upgrade it to ${LEAST_METACONTROLLER} or later first.`];
}
