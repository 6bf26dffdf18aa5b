import { describe, expect, it } from 'vitest';
import { broker } from '../../../src/broker/controller.ts';
import { controllers } from '../../../src/controllers.ts';
import { metacontrollerRules } from '../../../src/metacontroller/rbac.ts';

const verbsOf = (resource: string, list = controllers) =>
  metacontrollerRules(list).flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups?.includes('apps') && resources?.includes(resource) ? [verbs] : [],
  );

describe('the rules of Metacontroller', () => {
  it('let it watch Deployments, since that of the hooks is a related object', () => {
    const children = broker.children.filter(({ resource }) => resource !== 'deployments');
    expect(verbsOf('deployments', [{ ...broker, children }])).toEqual([['list', 'watch']]);
  });

  it('have one entry for a kind that is a child as well', () => {
    expect(verbsOf('deployments')).toEqual([['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']]);
  });
});
