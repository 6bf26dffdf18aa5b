import { expect, it } from 'vitest';
import { meshSyncStatus } from '../../../../src/cli/status/meshsync.ts';
import type { Binding } from '../../../../src/cli/status/objects.ts';

const meshSync = (spec: object = {}) => ({
  ...{ apiVersion: 'meshery.io/v1alpha2', kind: 'MeshSync' as const, spec },
  metadata: { name: 'm', namespace: 'here', uid: 'uid' },
});
const binding = (role: string, ...subjects: object[]): Binding => ({
  metadata: { name: role },
  roleRef: { name: role },
  subjects: subjects.map((subject) => ({ kind: 'ServiceAccount', name: 'm', ...subject })),
});
const roleOf = (bindings: Binding[] | undefined, spec?: object) =>
  meshSyncStatus(meshSync(spec), { isActiveUnknown: false, ...(bindings && { bindings }) }).role;

it('is that of its ServiceAccount, or of all ServiceAccounts', () => {
  const bindings = [
    binding('own', { namespace: 'elsewhere' }, { namespace: 'here' }),
    binding('own', { namespace: 'here' }),
    binding('of-others', { namespace: 'elsewhere' }, { namespace: 'here', name: 'n' }, { kind: 'User' }),
    binding('of-all', { kind: 'Group', name: 'system:serviceaccounts' }),
    binding('of-namespace', { kind: 'Group', name: 'system:serviceaccounts:here' }),
    binding('of-another', { kind: 'Group', name: 'system:serviceaccounts:elsewhere' }),
    binding('system:discovery', { kind: 'Group', name: 'system:serviceaccounts' }),
    { metadata: { name: 'x' }, roleRef: { name: 'of-nobody' } },
  ];
  expect(roleOf(bindings)).toEqual({ serviceAccount: 'here/m', clusterRoles: ['of-all', 'of-namespace', 'own'] });
});

it('is that of the ServiceAccount that the spec names', () => {
  const spec = { broker: { native: { name: 'b' } }, serviceAccountName: 'n' };
  const bindings = [binding('own', { namespace: 'here', name: 'n' }), binding('other', { namespace: 'here' })];
  expect(roleOf(bindings, spec)).toEqual({ serviceAccount: 'here/n', clusterRoles: ['own'] });
});

it('is unknown without the bindings', () => {
  expect(roleOf(undefined)).toEqual({ serviceAccount: 'here/m' });
});
