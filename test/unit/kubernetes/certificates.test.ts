import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';
import {
  certificateProblem,
  expiresSoon,
  notForClients,
  readCertificates,
} from '../../../src/kubernetes/certificates.ts';
import { authority, issue } from '../../support/certificates.ts';

const host = 'meshery-nats.meshery.svc';
const NOW = '2026-06-01T12:00:00Z';

/** Certificates generated with Go 1.26, and the result of a handshake with crypto/tls (the last three: Verify of crypto/x509). */
const cases = Value.Parse(
  Type.Array(
    Type.Object({
      what: Type.String(),
      certificate: Type.String(),
      ca: Type.String(),
      /** The time of the handshake, unless it is `NOW`. */
      now: Type.Optional(Type.String()),
      /** The error of Go, empty for a valid certificate. */
      go: Type.String(),
      reason: Type.Optional(Type.String()),
    }),
  ),
  JSON.parse(readFileSync('test/unit/kubernetes/certificates.json', 'utf8')),
);

/** The problem that the check reports for certificates in PEM. */
function problemOf({ certificate, ca = '', now }: { certificate: string; ca?: string; now: Date }, name = host) {
  const read = (pem: string) => readCertificates(pem).flatMap((each) => (each instanceof Error ? [] : each));
  const use = { chain: read(certificate), authorities: read(ca) };
  return certificateProblem({ ...use, host: name, now });
}

describe('a certificate', () => {
  it.each(cases.map((each) => [each.what, each.reason ?? 'accepted', each] as const))(
    '%s is %s',
    (_what, _reason, each) => {
      const { certificate, ca, now = NOW, go, reason } = each;
      const problem = problemOf({ certificate, ca, now: new Date(now) });
      expect(problem?.reason).toBe(reason);
      expect(problem === undefined).toBe(go === '');
      // The message is the same at every sync: it has no relative time.
      const later = new Date(Date.parse(now) + 3_600_000);
      if (problem && problem.reason !== 'NotYetValid') {
        expect(problemOf({ certificate, ca, now: later })).toEqual(problem);
      }
    },
  );

  const messageOf = (what: string) => {
    const found = cases.find((each) => each.what === what);
    if (!found) throw new Error(`there is no case ${what}`);
    return problemOf({ certificate: found.certificate, ca: found.ca, now: new Date(found.now ?? NOW) })?.message;
  };

  it.each([
    [
      'of a person, with its name in the common name only',
      `the name by which they connect is only its common name, which they ignore. Add ${host} to its DNS names (subject alternative names).`,
    ],
    [
      'for another name',
      `it is not valid for the name by which they connect. Add ${host} to its DNS names (subject alternative names).`,
    ],
    ['of a person, that expired years ago', 'it expired at 2021-01-01T00:00:00Z. Renew it.'],
    [
      'of an intermediate authority that expired',
      'its intermediate CA in tls.crt expired at 2026-06-01T11:00:00Z. Renew it.',
    ],
    ['of an authority that expired', 'its CA in ca.crt expired at 2026-06-01T11:00:00Z. Renew it.'],
  ])('the message for one %s names the problem and the fix', (what, message) => {
    expect(messageOf(what)).toBe(message);
  });

  it('of an authority that expires soon is reported before, with the date', () => {
    const found = cases.find(({ what }) => what === 'of an authority that expired');
    const read = (pem = '') => readCertificates(pem).flatMap((each) => (each instanceof Error ? [] : each));
    const use = { chain: read(found?.certificate), authorities: read(found?.ca), host };
    const soon = (now: string) => expiresSoon({ ...use, now: new Date(now) });
    expect(soon('2026-05-02T10:00:00Z')).toBeUndefined();
    expect(soon('2026-05-02T12:00:00Z')).toBe('its CA in ca.crt expires at 2026-06-01T11:00:00Z. Renew it.');
  });

  it('is checked without its authority when there is no ca.crt, because the public authorities of a system are unknown', async () => {
    const ca = await authority();
    const { certificate } = await issue(ca, host);
    const now = new Date(NOW);
    expect(problemOf({ certificate, now })).toBeUndefined();
    expect(problemOf({ certificate, now }, 'other')?.reason).toBe('NameMissing');
    const other = (await authority()).certificate;
    expect(problemOf({ certificate, ca: other, now })?.reason).toBe('UnknownAuthority');
  });

  it('is checked in bounded time when very many authorities have the same name', async () => {
    const many = await Promise.all(Array.from({ length: 60 }, () => authority('one name')));
    const { certificate } = await issue(await authority('one name'), host);
    const pem = many.map((each) => each.certificate).join('\n');
    const problem = problemOf({ certificate: `${certificate}\n${pem}`, ca: pem, now: new Date(NOW) });
    expect(problem?.reason).toBe('UnknownAuthority');
  });
});

describe('a certificate of a client', () => {
  const usage = (...keyUsage: string[]) => notForClients([{ keyUsage } as unknown as X509Certificate]);

  it('is refused by servers when its extended key usage lacks client auth', () => {
    expect(usage('1.3.6.1.5.5.7.3.1')?.message).toContain('lacks client auth');
    for (const accepted of [[], ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'], ['2.5.29.37.0']]) {
      expect(usage(...accepted)).toBeUndefined();
    }
  });
});

describe('the certificates of a PEM text', () => {
  it('are all of its blocks, whatever text is between them', async () => {
    const [first, second] = [await authority(), await authority('another')];
    const text = `subject=a\n${first.certificate.trim()}\r\n${second.key}\n${second.certificate.replaceAll('\n', '\r\n')}`;
    expect(readCertificates(text)).toMatchObject([{ subject: 'CN=an authority' }, { subject: 'CN=another' }]);
    expect(readCertificates('')).toEqual([]);
  });

  it('are errors where a block is cut off, runs into the next one, or contains no certificate', async () => {
    const { certificate } = await authority();
    const whole = certificate.trim();
    const empty = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const isError = (text: string) => readCertificates(text).map((each) => each instanceof Error);
    expect(isError(`${whole.slice(0, 100)}\n${whole}`)).toEqual([true, false]);
    expect(isError(whole + whole)).toEqual([true]);
    // The month of a date becomes the 13th: a UTCTime is tag 0x17, length 13, then YYMMDDhhmmssZ.
    const der = Buffer.from(whole.replace(/-----.*-----|\s/g, ''), 'base64');
    der.write('13', der.indexOf(Buffer.from([0x17, 13])) + 4);
    expect(isError(`-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`)).toEqual([
      true,
    ]);
    expect(isError(`${whole}\n${empty}`)).toEqual([false, true]);
  });
});
