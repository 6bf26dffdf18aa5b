import { BrokerSpec, BrokerStatus } from '../api/broker.ts';
import type { SyncContext } from '../api/context.ts';
import { resourceDefaults } from '../api/group.ts';
import { type Controller, defineController } from '../metacontroller/controller.ts';
import { brokerConditions } from './conditions.ts';
import { customizeBroker } from './customize.ts';
import { children, related } from './kinds.ts';
import { syncBroker } from './sync.ts';

/** The controller of Brokers. */
export const broker: Controller<SyncContext> = defineController({
  ...resourceDefaults,
  kind: 'Broker',
  plural: 'brokers',
  shortNames: ['br'],
  description: 'A NATS broker that streams what happens in the cluster to Meshery Server.',
  spec: BrokerSpec,
  // Those that v1alpha1 of Meshery's Go operator has.
  checkedInAll: ['size', 'version', 'service'],
  status: BrokerStatus,
  columns: [
    { name: 'Size', type: 'integer', jsonPath: '.spec.size', description: 'Desired number of NATS servers' },
    {
      name: 'Internal',
      type: 'string',
      jsonPath: '.status.endpoint.internal',
      description: 'Endpoint inside the cluster',
    },
    {
      name: 'External',
      type: 'string',
      jsonPath: '.status.endpoint.external',
      description: 'Endpoint outside the cluster',
    },
    { name: 'Version', type: 'string', jsonPath: '.status.version', description: 'Tag of the running image' },
  ],
  conditions: brokerConditions,
  children,
  related,
  customize: customizeBroker,
  sync: syncBroker,
});
