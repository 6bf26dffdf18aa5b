import { goTools } from './tools.ts';

/** Builds the bundles and programs before the first test starts, so that no test waits for them. */
export default async function setup(): Promise<void> {
  await goTools(['nats-server', 'kustomize', 'actionlint', 'health', 'helm3', 'helm4']);
}
