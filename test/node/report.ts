import type { Table } from './scene.ts';

/** The heading of each table. */
const headings: Record<Table, [title: string, unit: string]> = {
  times: ['How long it takes', 'seconds'],
  gaps: ['How long a client receives nothing', 'milliseconds'],
  memory: ['Resident memory of a process', 'MiB'],
  cpu: ['CPU of a process', 'thousandths of a core'],
};

/** The measured values as a page of the documentation. */
export function report(driver: string, tables: Record<Table, Record<string, number>>): string {
  const sections = Object.entries(headings).map(([table, [title, unit]]) => {
    const rows = Object.entries(tables[table as Table]).map(([what, value]) => `| ${what} | ${value} |`);
    return [`## ${title}`, '', `| | ${unit} |`, '|---|---|', ...rows, ''].join('\n');
  });
  return `# Measured on real nodes

Written by \`REPORT=docs/measured.md npm run test:node\`: two nodes with kubelet and containerd on one machine with two cores, all images
on the nodes already, driven by ${driver}. A client publishes each 50 ms and subscribes to the same subject; it connects
again at once, waits two seconds for a connection, and tries the token that it had and the one in the Secret in turn. The test
fails if a Broker with one server has a gap of more than 10 s, or one with three of more than 1 s.

${sections.join('\n')}`;
}
