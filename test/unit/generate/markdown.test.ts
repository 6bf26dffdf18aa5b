import { expect, it } from 'vitest';
import { anchor, code, item, paragraph, prose } from '../../../generate/reference/markdown.ts';

it.each([
  // Fields, files, variables, options, placeholders, URLs, JSON and commands look like code.
  ['Secret with tls.crt and tls.key.', 'Secret with `tls.crt` and `tls.key`.'],
  ['as in spec.broker.native[0].name', 'as in `spec.broker.native`\\[0\\].name'],
  ['unless exposeMonitor is true', 'unless `exposeMonitor` is true'],
  ['pulled from IMAGE_REGISTRY, if set', 'pulled from `IMAGE_REGISTRY`, if set'],
  ['Secret <service>-auth, of <service>.<namespace>.svc.', 'Secret `<service>-auth`, of `<service>.<namespace>.svc`.'],
  ['*.<service>-headless.<namespace>.svc', '`*.<service>-headless.<namespace>.svc`'],
  ['as nats://host:port', 'as `nats://host:port`'],
  ['TLS (wss://). Without', 'TLS (`wss://`). Without'],
  ['a JSON object: {"team":"payments"}. A', 'a JSON object: `{"team":"payments"}`. A'],
  ['by which it is selected: {release: stack}.', 'by which it is selected: `{release: stack}`.'],
  [
    'connect: kubectl exec -it deployment/<x>-box -- nats sub ">". Whoever',
    'connect: `kubectl exec -it deployment/<x>-box -- nats sub ">"`. Whoever',
  ],
  ['Its spec: kubectl explain broker.spec. A field', 'Its spec: `kubectl explain broker.spec`. A field'],
  ['how long --watch goes on', 'how long `--watch` goes on'],
  ['else ~/.kube/config', 'else `~/.kube/config`'],
  // Names in Kubernetes' case, sentences and numbers do not.
  [
    'StorageClass of the NetworkPolicy. MeshSync 1.0.3 ends. JetStream',
    'StorageClass of the NetworkPolicy. MeshSync 1.0.3 ends. JetStream',
  ],
  // Nothing else is markup, neither for GitHub nor for the site.
  ['letters and .-_~', 'letters and .-\\_\\~'],
  ['the wildcards * and >', 'the wildcards \\* and \\>'],
  ['Syncs of {{ $labels }} <b>', 'Syncs of \\{\\{ $labels \\}\\} `<b>`'],
])('%s', (text, markdown) => {
  expect(prose(text)).toBe(markdown);
});

it('code with a backtick is fenced by two', () => {
  expect([code('a'), code('a`b')]).toEqual(['`a`', '`` a`b ``']);
});

it('an entry has its facts on the first line, and only those that there are', () => {
  const entry = { name: 'spec.size', facts: ['integer', false as const, undefined, 'since 1.0'], text: 'Number.' };
  expect(item(entry)).toBe('- **`spec.size`** *integer · since 1.0*\\\n  Number.');
  expect(paragraph(entry)).toBe('**`spec.size`** *integer · since 1.0*\\\nNumber.');
  expect(item({ name: 'spec.size', facts: [] })).toBe('- **`spec.size`**');
});

it('an anchor is that of GitHub', () => {
  expect(anchor('MeshSync watch-list')).toBe('meshsync-watch-list');
});
