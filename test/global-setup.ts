import { goTools } from './tools.ts';

/** Builds what the tests run before the first of them starts, so that none of them waits for it. */
export default async function setup(): Promise<void> {
  await goTools(['nats-server', 'kustomize']);
}
