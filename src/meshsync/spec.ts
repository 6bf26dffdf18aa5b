import type { V1ResourceRequirements } from '@kubernetes/client-node';
import type { OperatorSettings } from '../api/context.ts';
import { MeshSyncSpec, meshSyncDefaults } from '../api/meshsync.ts';
import { brokerNames } from '../broker/contract.ts';
import {
  type CommonMetadata,
  commonMetadataProblem,
  mergedMetadata,
  withCommonPodMetadata,
} from '../kubernetes/common-metadata.ts';
import { additionsOf, type ContainerAdditions } from '../kubernetes/containers.ts';
import { type ContainerImage, containerImage, imageTag, isAtLeast } from '../kubernetes/images.ts';
import type { PodTemplate } from '../kubernetes/pod-fields.ts';
import { podsProblem } from '../kubernetes/pods.ts';
import type { SecurityContexts } from '../kubernetes/security.ts';
import type { Parent } from '../metacontroller/request.ts';
import { compiled } from '../schema/compiled.ts';
import { type FieldError, validate } from '../schema/validate.ts';
import { type BrokerUrl, parseBrokerUrl } from './broker-url.ts';
import { isReadVersion, READ_AS } from './known-resources.ts';
import { type MeshSyncNames, meshSyncNames, nameProblem } from './names.ts';
import { MESHSYNC_PORT, reserved } from './reserved.ts';

/** The broker that a MeshSync refers to. */
export type BrokerReference =
  | { type: 'native'; name: string; namespace: string; serviceName: string; authSecret: string }
  | { type: 'custom'; url: BrokerUrl; credentials?: SecretKey; ca?: SecretKey }
  | { type: 'none' };

/** A key of a Secret in the MeshSync's namespace. */
export interface SecretKey {
  name: string;
  key: string;
}

/** A MeshSync's spec with all defaults applied: the input of the functions that make the children. */
export interface MeshSync {
  name: string;
  namespace: string;
  names: MeshSyncNames;
  size: number;
  /** Tag of the image. */
  tag: string;
  /** Whether that version serves `/healthz` and `/readyz`. */
  hasHealthEndpoints: boolean;
  image: ContainerImage;
  broker: BrokerReference;
  resources: V1ResourceRequirements;
  /** Of the container that runs MeshSync. */
  additions: ContainerAdditions;
  extraArgs: string[];
  /** With the common labels and annotations. */
  podTemplate: PodTemplate;
  /** Labels and annotations of all children. */
  commonMetadata: CommonMetadata;
  securityContext: SecurityContexts;
  /** Existing ServiceAccount; without one, the operator creates one. */
  serviceAccountName?: string;
  /** `data` of the watch-list. */
  watchList: Record<string, string>;
  output: { namespaces?: string[]; resources?: string[] };
  /** Switches that are set; the others are left to Meshery Server. */
  switches: { debug?: boolean; redactSecrets?: boolean; contentDeduplication?: boolean };
}

/** First release with `/healthz` and `/readyz`; a probe of an image without them would restart it forever. */
export const FIRST_WITH_HEALTH_ENDPOINTS = '1.0.1';

const check = compiled(MeshSyncSpec);

/**
 * Resolves a parent's spec. An empty string or object is treated as absent, as Go clients write them.
 * @param settings of the operator
 * @returns the resolved MeshSync, or the first invalid field
 */
export function resolveMeshSync(parent: Parent, settings: OperatorSettings = {}): MeshSync | FieldError {
  const checked = validate(check, parent.spec ?? {}, 'spec');
  if ('error' in checked) return checked.error;
  const spec = checked.value;
  const { name, namespace } = parent.metadata;
  const { podTemplate = {}, extraArgs = [], serviceAccountName, output = {} } = spec;
  const { debug, redactSecrets, contentDeduplication } = spec;
  const problem =
    nameProblem(name) ??
    podsProblem(spec, reserved, [MESHSYNC_PORT]) ??
    argumentsProblem(spec) ??
    commonMetadataProblem(spec.commonMetadata ?? {}, reserved.labels);
  if (problem) return problem;
  const broker = resolveReference(spec, namespace);
  if ('path' in broker) return broker;
  const commonMetadata = mergedMetadata(settings.commonMetadata, spec.commonMetadata);
  const tag = imageTag(spec.version ?? meshSyncDefaults.version);
  return {
    name,
    namespace,
    names: meshSyncNames(name),
    size: spec.size ?? meshSyncDefaults.size,
    tag,
    hasHealthEndpoints: isAtLeast(tag, FIRST_WITH_HEALTH_ENDPOINTS),
    image: containerImage(meshSyncDefaults, spec.version, spec.image, settings),
    resources: (spec.resources as V1ResourceRequirements | undefined) ?? meshSyncDefaults.resources,
    additions: additionsOf(spec),
    extraArgs,
    podTemplate: withCommonPodMetadata(podTemplate, commonMetadata),
    commonMetadata,
    securityContext: settings.securityContext ?? 'restricted',
    ...(serviceAccountName && { serviceAccountName }),
    broker,
    watchList: spec['watch-list']?.data ?? {},
    output,
    switches: {
      ...(debug !== undefined && { debug }),
      ...(redactSecrets !== undefined && { redactSecrets }),
      ...(contentDeduplication !== undefined && { contentDeduplication }),
    },
  };
}

/** All flags of MeshSync 1.0.3 (main.go): they are fields, or would keep it from publishing. It ends at once with any other. */
const FIELDS_OF_FLAGS: Record<string, string> = {
  'broker-url': 'must be set by spec.broker',
  output: 'is not supported: MeshSync publishes to a broker',
  outputFile: 'is not supported: MeshSync publishes to a broker',
  outputNamespaces: 'must be set by spec.output.namespaces',
  outputResources: 'must be set by spec.output.resources',
  stopAfter: 'is not supported: MeshSync would be restarted again and again',
};

/** The first argument with which MeshSync would not run as a Deployment. */
function argumentsProblem({ extraArgs = [], version }: MeshSyncSpec): FieldError | undefined {
  const isKnownVersion = isReadVersion(imageTag(version ?? meshSyncDefaults.version));
  for (const [index, argument] of extraArgs.entries()) {
    const path = `spec.extraArgs[${index}]`;
    // As Go's package flag reads it: one or two dashes alone are no flag.
    const [, text = ''] = /^--?(.*)$/s.exec(argument) ?? [];
    if (/^[-=]/.test(text)) return { path, message: 'must be a flag of MeshSync' };
    const [flag = ''] = text.split('=');
    if (!flag) continue;
    if (Object.hasOwn(FIELDS_OF_FLAGS, flag)) return { path, message: FIELDS_OF_FLAGS[flag] ?? '' };
    if (isKnownVersion) return { path, message: `is not a flag of MeshSync ${READ_AS}, which ends at once with it` };
  }
  return undefined;
}

function resolveReference({ broker }: MeshSyncSpec, ownNamespace: string): BrokerReference | FieldError {
  const { name, namespace } = broker?.native ?? {};
  if (name) {
    const { nats, auth } = brokerNames(name);
    return { type: 'native', name, namespace: namespace || ownNamespace, serviceName: nats, authSecret: auth };
  }
  if (broker?.custom?.url) {
    const { url: text, credentialsSecretRef, caSecretRef } = broker.custom;
    const url = parseBrokerUrl(text);
    if (!url) {
      const message = 'must be a URL such as nats://host:4222, or several, comma-separated';
      return { path: 'spec.broker.custom.url', message };
    }
    const { credentialsKey, caKey } = meshSyncDefaults;
    return {
      type: 'custom',
      url,
      ...(credentialsSecretRef && {
        credentials: { name: credentialsSecretRef.name, key: credentialsSecretRef.key ?? credentialsKey },
      }),
      ...(caSecretRef && { ca: { name: caSecretRef.name, key: caSecretRef.key ?? caKey } }),
    };
  }
  return { type: 'none' };
}
