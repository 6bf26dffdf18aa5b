import type { FieldError } from '../schema/validate.ts';
import { brokerNames } from './contract.ts';

/**
 * Longest name of a StatefulSet whose pods Kubernetes accepts: they are labelled with the name of their revision, which
 * is the StatefulSet's with 11 characters behind it, and a label value ends at 63.
 */
const MAX_STATEFUL_SET_NAME = 52;

/** A DNS-1035 label, which names of Services are: they start with a letter and hold no dot. */
const SERVICE_NAME = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;

/** Why the children of a Broker of this name can't exist, `undefined` when they can. */
export function nameProblem(name: string): FieldError | undefined {
  const { nats } = brokerNames(name);
  const path = 'metadata.name';
  if (nats.length > MAX_STATEFUL_SET_NAME) {
    const message = `gives the StatefulSet ${nats}, which is longer than ${MAX_STATEFUL_SET_NAME} characters; use a shorter name`;
    return { path, message };
  }
  if (!SERVICE_NAME.test(nats)) {
    const message = `gives the Service ${nats}, which must start with a letter and hold only lower-case letters, digits and -`;
    return { path, message };
  }
  return undefined;
}
