import { TypeCompiler } from '@sinclair/typebox/compiler';
import ipaddr from 'ipaddr.js';
import { BrokerSpec, brokerDefaults } from '../api/broker.ts';
import { type FieldError, validate } from '../api/validate.ts';
import { imageTag } from '../kubernetes/images.ts';
import type { Parent } from '../metacontroller/envelope.ts';
import { type BrokerNames, brokerNames, nameProblem } from './names.ts';

/** A Broker's spec with nothing left open: what the children are made from. */
export interface Broker {
  name: string;
  namespace: string;
  names: BrokerNames;
  size: number;
  /** Tag of the nats image. */
  tag: string;
  service: {
    type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
    annotations: Record<string, string>;
    loadBalancerClass?: string;
    loadBalancerSourceRanges: string[];
    externalEndpointOverride?: string;
  };
}

const check = TypeCompiler.Compile(BrokerSpec);

/**
 * Resolves a parent's spec. An empty string, list or object counts as absent, as Go clients write them.
 * @returns the resolved broker, or the first field that can't be worked with
 */
export function resolveBroker(parent: Parent): Broker | FieldError {
  const checked = validate(check, parent.spec ?? {}, 'spec');
  if ('error' in checked) return checked.error;
  const spec = checked.value;
  const { name, namespace } = parent.metadata;
  const problem = nameProblem(name) ?? serviceProblem(spec);
  if (problem) return problem;

  const { service = {} } = spec;
  const type = service.type ?? brokerDefaults.serviceType;
  return {
    name,
    namespace,
    names: brokerNames(name),
    size: spec.size ?? brokerDefaults.size,
    tag: imageTag(spec.version || brokerDefaults.version),
    service: {
      type,
      annotations: service.annotations ?? {},
      ...(type === 'LoadBalancer' && service.loadBalancerClass && { loadBalancerClass: service.loadBalancerClass }),
      loadBalancerSourceRanges: type === 'LoadBalancer' ? (service.loadBalancerSourceRanges ?? []) : [],
      ...(service.externalEndpointOverride && { externalEndpointOverride: service.externalEndpointOverride }),
    },
  };
}

const LABEL_PART = '[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';
const ANNOTATION_KEY = new RegExp(
  `^(?=[^/]{1,253}/|[^/]+$)([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?${LABEL_PART}$`,
);

/** Rules that a JSON schema can't express. The first repeats the CRD's CEL rules, for CRDs older than they are. */
function serviceProblem({ service = {} }: BrokerSpec): FieldError | undefined {
  const outside = service.type && service.type !== 'LoadBalancer';
  if (outside && service.loadBalancerClass) {
    return { path: 'spec.service.loadBalancerClass', message: 'is only valid when service type is LoadBalancer' };
  }
  if (outside && service.loadBalancerSourceRanges?.length) {
    return {
      path: 'spec.service.loadBalancerSourceRanges',
      message: 'is only valid when service type is LoadBalancer',
    };
  }
  const range = service.loadBalancerSourceRanges?.findIndex((cidr) => !isCidr(cidr)) ?? -1;
  if (range >= 0) {
    return {
      path: `spec.service.loadBalancerSourceRanges[${range}]`,
      message: 'must be an address range in CIDR notation, with no bits set behind the prefix',
    };
  }
  for (const key of Object.keys(service.annotations ?? {})) {
    const path = `spec.service.annotations[${JSON.stringify(key)}]`;
    if (!ANNOTATION_KEY.test(key)) return { path, message: 'must be a valid name of an annotation' };
    if (key.startsWith('metacontroller.k8s.io/')) return { path, message: 'is reserved for Metacontroller' };
  }
  return undefined;
}

/**
 * Whether Kubernetes takes a text for an address range: in its plain notation, with no bits set behind the prefix. A
 * Service with another one is refused on every sync.
 */
function isCidr(text: string): boolean {
  if (!ipaddr.isValidCIDR(text)) return false;
  const [address, prefix] = ipaddr.parseCIDR(text);
  if (address instanceof ipaddr.IPv4) return `${ipaddr.IPv4.networkAddressFromCIDR(text)}/${prefix}` === text;
  return (
    !address.isIPv4MappedAddress() &&
    `${ipaddr.IPv6.networkAddressFromCIDR(text)}` === `${address}` &&
    text.endsWith(`/${prefix}`)
  );
}
