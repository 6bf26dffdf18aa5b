import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { instructions } from '../../../../src/cli/connect/instructions.ts';
import { type Target, targetOf } from '../../../../src/cli/connect/target.ts';

const target = (spec: object): Target =>
  targetOf({
    ...{ apiVersion: 'meshery.io/v1alpha2', kind: 'Broker', spec },
    metadata: { name: 'meshery-broker', namespace: 'meshery', uid: 'uid' },
  });

it('prints how another shell connects', () => {
  expect(instructions({ target: target({}), port: 4000, kubectlFlags: [], subject: 'meshery.>' })).toBe(
    `In another shell, with the nats program of NATS:

  export NATS_URL=nats://127.0.0.1:4000
  export NATS_TOKEN="$(kubectl get secret meshery-nats-auth -n meshery -o jsonpath='{.data.token}' | base64 -d)"
  nats sub 'meshery.>'

A nats program without NATS_TOKEN in its --help takes the token from NATS_USER.
`,
  );
});

it('prints what TLS and a Secret of the user need', () => {
  const spec = {
    auth: { tokenSecretRef: { name: 'own', key: 'a.b' } },
    tls: { secretName: 'nats-tls', verify: true },
  };
  const kubectlFlags = ['--kubeconfig', "it's mine"];
  expect(instructions({ target: target(spec), port: 4000, kubectlFlags, subject: 'a' })).toBe(
    `In another shell, with the nats program of NATS:

  kubectl --kubeconfig 'it'\\''s mine' get secret meshery-nats-auth -n meshery -o jsonpath='{.data.ca\\.crt}' | base64 -d > meshery-broker-ca.crt
  export NATS_CA=$PWD/meshery-broker-ca.crt
  export NATS_CERT=client.crt NATS_KEY=client.key
  export NATS_URL=tls://meshery-nats.meshery.svc:4000
  export NATS_TOKEN="$(kubectl --kubeconfig 'it'\\''s mine' get secret own -n meshery -o jsonpath='{.data.a\\.b}' | base64 -d)"
  nats sub a

The certificate is for meshery-nats.meshery.svc: add "127.0.0.1 meshery-nats.meshery.svc" to /etc/hosts meanwhile.
The Broker accepts only clients with a certificate that ca.crt of its Secret has signed.
A nats program without NATS_TOKEN in its --help takes the token from NATS_USER.
`,
  );
});

it('gives a shell the token in its environment, and on no command line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meshery-connect-'));
  const program = (name: string, script: string) => {
    writeFileSync(join(folder, name), `#!/bin/sh\necho "${name} $*" >> ${folder}/commands\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  program('kubectl', 'printf c2VjcmV0');
  program('nats', `echo "$NATS_URL $NATS_TOKEN" > ${folder}/environment`);
  const kubectlFlags = ['--context', 'a b'];
  const text = instructions({ target: target({}), port: 4000, kubectlFlags, subject: 'meshery.>' });
  const script = text
    .split('\n')
    .filter((line) => line.startsWith('  '))
    .join('\n');
  execFileSync('sh', ['-euc', script], { env: { PATH: `${folder}:/usr/bin:/bin` } });
  expect(readFileSync(join(folder, 'environment'), 'utf8')).toBe('nats://127.0.0.1:4000 secret\n');
  expect(readFileSync(join(folder, 'commands'), 'utf8')).toBe(
    'kubectl --context a b get secret meshery-nats-auth -n meshery -o jsonpath={.data.token}\nnats sub meshery.>\n',
  );
  rmSync(folder, { recursive: true });
});
