import { readFileSync } from 'node:fs';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';
import { certificateProblem } from '../../src/kubernetes/certificates.ts';
import { readCertificates } from '../../src/kubernetes/pem.ts';
import { authority, issue } from '../support/certificates.ts';

const host = 'meshery-nats.meshery.svc';
const NOW = '2026-06-01T12:00:00Z';

/** Certificates made with Go 1.26, and what a handshake with crypto/tls (the last three: Verify of crypto/x509) says of them. */
const cases = Value.Parse(
  Type.Array(
    Type.Object({
      what: Type.String(),
      certificate: Type.String(),
      ca: Type.String(),
      /** The time of the handshake, unless it is `NOW`. */
      now: Type.Optional(Type.String()),
      /** Go's error, empty for a certificate that it takes. */
      go: Type.String(),
      reason: Type.Optional(Type.String()),
    }),
  ),
  JSON.parse(readFileSync('test/kubernetes/certificates.json', 'utf8')),
);

describe('a certificate', () => {
  it.each(cases.map((each) => [each.what, each.reason ?? 'taken', each] as const))(
    '%s is %s',
    (_what, _reason, each) => {
      const { certificate, ca, now = NOW, go, reason } = each;
      const problem = certificateProblem({ certificate, ca, host, now: new Date(now) });
      expect(problem?.reason).toBe(reason);
      expect(problem === undefined).toBe(go === '');
      // The same at every sync: no word of how long ago something was.
      const later = new Date(Date.parse(now) + 3_600_000);
      if (problem && problem.reason !== 'NotYetValid') {
        expect(certificateProblem({ certificate, ca, host, now: later })).toEqual(problem);
      }
    },
  );

  const said = (what: string) => {
    const found = cases.find((each) => each.what === what);
    if (!found) throw new Error(`there is no case ${what}`);
    return certificateProblem({ ...found, host, now: new Date(found.now ?? NOW) })?.message;
  };

  it.each([
    [
      'of a person, with its name in the common name only',
      `the name by which they connect is only its common name, which they do not look at. Add ${host} to its DNS names (subject alternative names).`,
    ],
    [
      'for another name',
      `it is not good for the name by which they connect. Add ${host} to its DNS names (subject alternative names).`,
    ],
    ['of a person, that expired years ago', 'it expired at 2021-01-01T00:00:00Z. Renew it.'],
    [
      'of an intermediate authority that expired',
      'certificate 2 of tls.crt expired at 2026-06-01T11:00:00Z. Renew it.',
    ],
    ['of an authority that expired', 'certificate 1 of ca.crt expired at 2026-06-01T11:00:00Z. Renew it.'],
  ])('%s is told what is wrong, and what to do', (what, message) => {
    expect(said(what)).toBe(message);
  });

  it('is taken without ca.crt as far as it goes, since nothing is known of the authorities of a system', async () => {
    const ca = await authority();
    const { certificate } = await issue(ca, host);
    const now = new Date(NOW);
    expect(certificateProblem({ certificate, ca: undefined, host, now })).toBeUndefined();
    expect(certificateProblem({ certificate, ca: undefined, host: 'other', now })?.reason).toBe('NameMissing');
    const other = (await authority()).certificate;
    expect(certificateProblem({ certificate, ca: other, host, now })?.reason).toBe('UnknownAuthority');
  });

  it('of one of very many authorities of one name takes no time without end', async () => {
    const many = await Promise.all(Array.from({ length: 60 }, () => authority('one name')));
    const { certificate } = await issue(await authority('one name'), host);
    const pem = many.map((each) => each.certificate).join('\n');
    const problem = certificateProblem({ certificate: `${certificate}\n${pem}`, ca: pem, host, now: new Date(NOW) });
    expect(problem?.reason).toBe('UnknownAuthority');
  });
});

describe('the certificates of a PEM text', () => {
  it('are all of its blocks, whatever stands between them', async () => {
    const [first, second] = [await authority(), await authority('another')];
    const text = `subject=a\n${first.certificate.trim()}\r\n${second.key}\n${second.certificate.replaceAll('\n', '\r\n')}`;
    expect(readCertificates(text)).toEqual([{ x509: expect.anything() }, { x509: expect.anything() }]);
    expect(readCertificates('')).toEqual([]);
  });

  it('are broken where they are cut off, run into each other, or hold something else', async () => {
    const { certificate } = await authority();
    const whole = certificate.trim();
    const pem = { broken: 'pem', message: expect.any(String) };
    expect(readCertificates(`${whole.slice(0, 100)}\n${whole}`)).toEqual([pem, { x509: expect.anything() }]);
    expect(readCertificates(whole + whole)).toEqual([pem]);
    const empty = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    expect(readCertificates(empty)).toEqual([{ broken: 'der', message: expect.any(String) }]);
  });
});
