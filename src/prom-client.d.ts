/** What prom-client collects of a process, one by one: its declarations only know all of them together. */
declare module 'prom-client/lib/metrics/*.js' {
  import type { Registry } from 'prom-client';

  export default function collect(registry: Registry): void;
}
