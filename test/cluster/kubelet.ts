import { once } from 'node:events';
import { createServer } from 'node:https';
import { networkInterfaces } from 'node:os';
import { authority, issue } from '../support/certificates.ts';
import type { Kubernetes } from './kubernetes.ts';

/** An address of this machine that pods and nodes could have too: the API server proxies to no loopback address. */
export const ADDRESS = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address;

/** What answers to the API server as kubelet does. */
interface Kubelet {
  /** Makes it the kubelet of a simulated node. */
  plays: (node: string) => Promise<void>;
  stop: () => Promise<void>;
}

/**
 * Starts what answers to the API server as the kubelet of simulated nodes does, for the logs of containers.
 * @param log gives the log for the path of a request
 */
export async function startKubelet(kubernetes: Kubernetes, log: (path: string) => string): Promise<Kubelet> {
  const { key, certificate } = await issue(await authority(), 'node');
  const server = createServer({ key, cert: certificate }, ({ url = '' }, response) => response.end(log(url)));
  await once(server.listen(0, ADDRESS), 'listening');
  const address = server.address();
  const Port = typeof address === 'object' ? address?.port : undefined;
  return {
    plays: async (node: string) => {
      const status = {
        addresses: [{ type: 'InternalIP', address: ADDRESS }],
        daemonEndpoints: { kubeletEndpoint: { Port } },
      };
      const patch = { 'content-type': 'application/merge-patch+json' };
      await kubernetes.request('PATCH', `/api/v1/nodes/${node}/status`, { status }, patch);
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
