import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DefaultTheme } from 'vitepress';

const RUNBOOKS = join(import.meta.dirname, '../runbooks');

/** One page per alert, by its name. */
const runbooks = existsSync(RUNBOOKS) ? readdirSync(RUNBOOKS).map((file) => file.replace('.md', '')) : [];

/** All pages, by who reads them. test/site tells which page is missing. */
export const sidebar: DefaultTheme.SidebarItem[] = [
  group('Start', {
    Install: 'install',
    Broker: 'broker',
    MeshSync: 'meshsync',
    'Meshery Server': 'meshery-server',
    'The command line': 'command-line',
    'From the Go operator': 'migrate',
    'Compared with others': 'comparison',
  }),
  group('Run', {
    Production: 'production',
    'NATS beyond the defaults': 'nats',
    Security: 'security',
    Monitoring: 'monitoring',
    Upgrade: 'upgrade',
    'What a change costs': 'operations',
    GitOps: 'gitops',
    OpenShift: 'openshift',
    'Air-gapped': 'air-gapped',
    Troubleshooting: 'troubleshooting',
  }),
  {
    ...group('Runbooks', Object.fromEntries(runbooks.sort().map((alert) => [alert, `runbooks/${alert}`]))),
    collapsed: true,
  },
  group('Reference', {
    Fields: 'reference/fields',
    'Conditions and reasons': 'reference/conditions',
    Environment: 'reference/environment',
    'Metrics and alerts': 'reference/metrics',
    'Command line': 'reference/command-line',
    'Chart values': 'reference/chart-values',
  }),
  group('Project', {
    Architecture: 'architecture',
    Decisions: 'decisions',
    Contributing: 'contributing',
    Performance: 'performance',
    'Measured on nodes': 'measured',
    Soak: 'soak',
    Releases: 'release',
  }),
];

/** @param pages path of each page below docs/, without `.md`, by what the sidebar calls it */
function group(text: string, pages: Record<string, string>): DefaultTheme.SidebarItem {
  return { text, items: Object.entries(pages).map(([text, page]) => ({ text, link: `/${page}` })) };
}
