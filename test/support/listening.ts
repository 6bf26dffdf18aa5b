import { type Bundles, buildBundles, type Running, start } from './built.ts';
import { image } from './image.ts';

/** The server as a process that listens on loopback. */
export interface Listening extends Running {
  port: number;
  url: string;
  /** URL of the monitoring port. */
  monitoring: string;
}

/** Starts servers of the bundle as the image does, and stops them all. */
export interface Servers {
  bundles: Bundles;
  listen: (env?: Record<string, string>) => Promise<Listening>;
  stop: () => Promise<void>;
}

export async function servers(): Promise<Servers> {
  const bundles = await buildBundles();
  const running: Running[] = [];
  return {
    bundles,
    listen: async (env = {}) => {
      const local = { HOST: '127.0.0.1', PORT: '0', MONITORING_PORT: '0' };
      const server = start(bundles.server, [], { ...image.environment, ...local, ...env }, '', image.flags);
      running.push(server);
      const [, protocol, port] = await server.written(/listening on (https?):\/\/127\.0\.0\.1:(\d+)/);
      const [, monitoring = ''] = await server.written(/metrics at (http:\/\/127\.0\.0\.1:\d+)/);
      return { ...server, port: Number(port), url: `${protocol}://127.0.0.1:${port}`, monitoring };
    },
    stop: async () => {
      for (const { child } of running) child.kill('SIGKILL');
      await bundles.remove();
    },
  };
}
