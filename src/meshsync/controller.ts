import type { SyncContext } from '../api/context.ts';
import { resourceDefaults } from '../api/group.ts';
import { MeshSyncSpec, MeshSyncStatus } from '../api/meshsync.ts';
import { type Controller, defineController } from '../metacontroller/controller.ts';
import { meshSyncConditions } from './conditions.ts';
import { customizeMeshSync } from './customize.ts';
import { children, related } from './kinds.ts';
import { syncMeshSync } from './sync.ts';

/** The controller of MeshSyncs. */
export const meshSync: Controller<SyncContext> = defineController({
  ...resourceDefaults,
  kind: 'MeshSync',
  plural: 'meshsyncs',
  description: 'A MeshSync that publishes the state of the cluster to a broker.',
  spec: MeshSyncSpec,
  // Those that v1alpha1 of Meshery's Go operator has.
  checkedInAll: ['size', 'version', 'broker', 'watch-list'],
  status: MeshSyncStatus,
  columns: [
    { name: 'Broker', type: 'string', jsonPath: '.status.broker', description: 'The broker in use' },
    { name: 'Publishing-To', type: 'string', jsonPath: '.status.publishing-to', description: 'URL of the broker' },
    { name: 'Version', type: 'string', jsonPath: '.status.version', description: 'Tag of the running image' },
  ],
  conditions: meshSyncConditions,
  children,
  related,
  customize: customizeMeshSync,
  sync: syncMeshSync,
});
