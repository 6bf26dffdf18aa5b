import { readCertificates } from '../../../kubernetes/certificates.ts';
import { decode, TLS_KEYS } from '../../../kubernetes/secrets.ts';
import { timestamp } from '../../../metacontroller/conditions.ts';
import { LAST_APPLIED } from '../../../metacontroller/reapply.ts';
import { KUBECTL_LAST_APPLIED, objectInWords, type Resource } from '../../cluster/objects.ts';
import type { Facts } from '../facts.ts';
import { check, type Finding } from '../finding.ts';
import type { Secret } from '../objects.ts';
import { conditionOf } from '../resource.ts';

const SOON_DAYS = 30;
const DAY_MS = 24 * 3_600_000;

/** What the conditions of the resources tell; nothing if these may not be listed, which their own check says. */
function fromConditions(resources: Facts['resources'], findings: (resource: Resource) => Finding[]): Finding[] {
  return 'value' in resources ? resources.value.flatMap(findings) : [];
}

/** Whether the certificates of the Brokers and of the hooks are valid for the next thirty days, and clients accept those of the Brokers. */
export function certificates({ secrets, resources, now }: Pick<Facts, 'secrets' | 'resources' | 'now'>): Finding[] {
  const { ok, judge } = check('certificates');
  const refusals = fromConditions(resources, refused);
  // Who may not read Secrets learns it from the conditions.
  if ('missing' in secrets && refusals.length > 0) return refusals;
  return judge(secrets, (found) => {
    const all = [...found].flatMap(([name, secret]) => datesIn(name, secret));
    const findings = [...refusals, ...all.flatMap(({ what, end }) => expiry(what, end, now))];
    if (findings.length > 0) return findings;
    return [ok(all.length === 0 ? 'none is used' : `${all.length} are valid for ${SOON_DAYS} days or longer`)];
  });
}

/** A certificate that clients refuse for another reason than its end, which has a finding of its own. */
function refused(resource: Resource): Finding[] {
  const { error } = check('certificates');
  const condition = conditionOf(resource, 'CertificateCoversService');
  if (condition?.status !== 'False' || condition.reason === 'Expired') return [];
  const remedy = 'put one that clients accept into its Secret; docs/broker.md#certificates has one for cert-manager';
  return [error(`${objectInWords(resource)}, ${condition.reason}: ${condition.message}`, { remedy })];
}

/** When the certificates of a Secret end. */
function datesIn(name: string, { data = {} }: Secret): { what: string; end: Date }[] {
  return [TLS_KEYS.certificate, TLS_KEYS.ca].flatMap((key) =>
    readCertificates(decode(data[key])).flatMap((certificate) =>
      certificate instanceof Error ? [] : [{ what: `${key} of Secret ${name}`, end: new Date(certificate.validTo) }],
    ),
  );
}

function expiry(what: string, end: Date, now: Date): Finding[] {
  const { warning, error } = check('certificates');
  const left = end.getTime() - now.getTime();
  const remedy = 'renew it in the Secret; if it is the CA of the hooks, restart Metacontroller afterwards';
  if (left <= 0) return [error(`a certificate in ${what} expired at ${timestamp(end)}`, { remedy })];
  if (left > SOON_DAYS * DAY_MS) return [];
  return [
    warning(`a certificate in ${what} expires in ${Math.floor(left / DAY_MS)} days, at ${timestamp(end)}`, { remedy }),
  ];
}

/** Annotations in which a client copies what it has applied. */
const COPIES = [LAST_APPLIED, KUBECTL_LAST_APPLIED];

/** Whether no Secret has a copy of its values in an annotation. */
export function credentials({ secrets, resources }: Pick<Facts, 'secrets' | 'resources'>): Finding[] {
  const { ok, error, judge } = check('credentials');
  // Who may not read Secrets learns it from the conditions.
  const conditions = 'missing' in secrets ? fromConditions(resources, exposed) : [];
  if (conditions.length > 0) return conditions;
  return judge(secrets, (found) => {
    const findings = [...found].flatMap(([name, { metadata }]) =>
      COPIES.filter((annotation) => metadata.annotations?.[annotation] !== undefined).map((annotation) =>
        error(`annotation ${annotation} of Secret ${name} has a copy of its values`, {
          remedy: remedyOf(annotation, name),
        }),
      ),
    );
    return findings.length > 0 ? findings : [ok('no Secret has a copy of its values in an annotation')];
  });
}

function exposed(resource: Resource): Finding[] {
  const { error } = check('credentials');
  const condition = conditionOf(resource, 'CredentialsExposed');
  return condition?.status === 'True'
    ? [error(`${objectInWords(resource)}: ${condition.message}`, { remedy: remedyOf(LAST_APPLIED, '') })]
    : [];
}

function remedyOf(annotation: string, secret: string): string {
  if (annotation === LAST_APPLIED) {
    return 'run Metacontroller with --apply-strategy=server-side-apply, which removes it, as metacontroller/install describes; then replace the credentials';
  }
  const [namespace, name] = secret.split('/');
  return `kubectl annotate secret ${name} --namespace ${namespace} ${annotation}-, apply it with --server-side from then on, and replace the credentials`;
}
