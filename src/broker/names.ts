import type { FieldError } from '../schema/validate.ts';
import { brokerNames } from './contract.ts';

/**
 * Maximum length of the name of a StatefulSet: its pods are labelled with the name of their revision, which appends 11
 * characters to that of the StatefulSet, and a label value has at most 63.
 */
const MAX_STATEFUL_SET_NAME = 52;

/** A DNS-1035 label, as required for names of Services: it starts with a letter and has no dot. */
const SERVICE_NAME = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;

/** Why the names of the children of a Broker of this name are invalid, `undefined` when they are valid. */
export function nameProblem(name: string): FieldError | undefined {
  const { nats } = brokerNames(name);
  const path = 'metadata.name';
  if (nats.length > MAX_STATEFUL_SET_NAME) {
    const message = `gives the StatefulSet ${nats}, which is longer than ${MAX_STATEFUL_SET_NAME} characters; use a shorter name`;
    return { path, message };
  }
  if (!SERVICE_NAME.test(nats)) {
    const message = `gives the Service ${nats}, which must start with a letter and contain only lower-case letters, digits and -`;
    return { path, message };
  }
  return undefined;
}
