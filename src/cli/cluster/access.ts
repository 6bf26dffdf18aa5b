import type { V1PolicyRule } from '@kubernetes/client-node';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { inParallel } from './answer.ts';
import { type Connection, parsed, refused } from './connection.ts';

/** A ServiceAccount, by where it is. */
export interface Account {
  namespace: string;
  name: string;
}

/** One thing that an account may do or not. */
export interface Right {
  verb: string;
  group: string;
  /** Plural name, with its subresource: `brokers/status`. */
  resource: string;
  /** Default: in the whole cluster. */
  namespace?: string;
  /** Of one object. */
  name?: string;
}

/** Reviews that are asked for at the same time. */
const PARALLEL = 10;

const Review = Type.Object({ status: Type.Object({ allowed: Type.Boolean() }) });

/**
 * The rights of some rules that a ServiceAccount has not, in the whole cluster: by SubjectAccessReviews, which need the right
 * to create those.
 */
export async function deniedRights(
  connection: Connection,
  account: Account,
  rules: readonly V1PolicyRule[],
): Promise<Right[]> {
  // One review is enough for an account that may do everything.
  if (await isAllowed(connection, account, { verb: '*', group: '*', resource: '*' })) return [];
  const rights = rightsOf(rules);
  const allowed = await inParallel(rights, PARALLEL, (right) => isAllowed(connection, account, right));
  return rights.filter((_, index) => !allowed[index]);
}

/** Every right that some rules grant, one by one. */
export function rightsOf(rules: readonly V1PolicyRule[]): Right[] {
  return rules.flatMap(({ apiGroups = [], resources = [], resourceNames, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) =>
          resourceNames ? resourceNames.map((name) => ({ verb, group, resource, name })) : [{ verb, group, resource }],
        ),
      ),
    ),
  );
}

/** Rights in words, those of a resource together: `list and watch pods, get secrets`. */
export function rightsInWords(rights: readonly Right[]): string {
  const verbs = new Map<string, string[]>();
  for (const { verb, group, resource } of rights) {
    const what = group && group !== '*' ? `${resource}.${group}` : resource === '*' ? 'all resources' : resource;
    verbs.set(what, [...(verbs.get(what) ?? []), verb]);
  }
  const phrases = [...verbs].map(([what, list]) => `${list.join(' and ')} ${what}`);
  const shown = phrases.slice(0, MOST_SHOWN).join(', ');
  return phrases.length > MOST_SHOWN ? `${shown} and ${phrases.length - MOST_SHOWN} more` : shown;
}

const MOST_SHOWN = 5;

/** The rights that whoever asks has not: by SelfSubjectAccessReviews, which everybody may create. */
export async function ownDeniedRights(connection: Connection, rights: readonly Right[]): Promise<Right[]> {
  const allowed = await inParallel(rights, PARALLEL, (right) => isAllowed(connection, undefined, right));
  return rights.filter((_, index) => !allowed[index]);
}

/** Whether an account has a right; without one, whoever asks. */
async function isAllowed(connection: Connection, account: Account | undefined, right: Right): Promise<boolean> {
  const { verb, group, namespace, name } = right;
  const [resource, subresource] = right.resource.split('/');
  const resourceAttributes = {
    ...{ verb, group, resource },
    ...(subresource && { subresource }),
    ...(namespace && { namespace }),
    ...(name && { name }),
  };
  const kind = account ? 'SubjectAccessReview' : 'SelfSubjectAccessReview';
  const review = {
    ...{ apiVersion: 'authorization.k8s.io/v1', kind },
    spec: { ...(account && subjectOf(account)), resourceAttributes },
  };
  const path = `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`;
  const { status, text } = await connection.request('POST', path, review);
  const content = parsed(text);
  if (status >= 300 || !Value.Check(Review, content)) throw refused(status, content, `POST ${path}`);
  return content.status.allowed;
}

function subjectOf({ namespace, name }: Account) {
  return {
    user: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}
