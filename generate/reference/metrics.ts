import { readFileSync } from 'node:fs';
import type { MetricObject } from 'prom-client';
import { parse } from 'yaml';
import type { Controller } from '../../src/metacontroller/controller.ts';
import { Metrics } from '../../src/server/metrics.ts';
import { code, item, prose, title } from './markdown.ts';

const RULES = 'manifests/monitoring/prometheus-rule.yaml';
const STATE_METRICS = 'manifests/monitoring/kube-state-metrics/config.yaml';

/** Labels that kube-state-metrics gives to each metric of a custom resource. */
const KIND_LABELS = ['customresource_group', 'customresource_version', 'customresource_kind'];

/** The page of metrics, alerts and routes. */
export function metricsPage(list: readonly Controller[]): string {
  return `${title(`src/server/metrics.ts and ${RULES}`, 'Metrics and alerts')}
What the operator and kube-state-metrics report, and the alerts that are made of it. [Monitoring](../monitoring.md) sets them up.

## Metrics of the operator

\`GET /metrics\` on port \`monitoring\` (8081), in the text format of Prometheus. None of them has a label for each resource: they stay as many
as they are, however many Brokers there are.

${new Metrics().registry.getMetricsAsArray().map(ownMetric).join('\n')}

Besides these, \`process_*\` and \`nodejs_*\` are the default metrics of prom-client: CPU, memory, file descriptors, the event loop and garbage
collection of the process.

## Metrics of each resource

kube-state-metrics reports them of every Broker and MeshSync, with the configuration in \`manifests/monitoring/kube-state-metrics\`. All of
them have the labels ${[...resourceLabels(), ...KIND_LABELS].map(code).join(', ')}.

${stateMetrics().join('\n')}

## Alerts

Of \`manifests/monitoring\`, and of the Helm chart with the value \`monitoring.enabled\`. Each has a runbook, to which its annotation
\`runbook_url\` leads.

${alerts().join('\n')}
## Routes

The hooks are on port \`hooks\` (8080), the health and the metrics on port \`monitoring\` (8081); health is on both.

${routes(list)
  .map(([route, text]) => item({ name: route, facts: [], text }))
  .join('\n')}

An invalid request gets a status of 400 to 499 and a body such as
\`{"statusCode":400,"error":"Bad Request","message":"…","path":"/parent/kind"}\`, where \`path\` leads to the field. After 401, send a token; after
429, try again after the seconds in the header \`Retry-After\`. [openapi.json](../api/openapi.json) describes the hooks with recorded examples.

## Log

The operator writes JSON to standard output: one line for each condition of a resource that changes, with \`kind\`, \`namespace\`, \`name\`,
\`condition\`, \`from\`, \`to\` and \`reason\`. With \`LOG_LEVEL=debug\`, it writes a line for each sync too. No credential is ever logged.
`;
}

/** The routes of both ports, and what they answer. */
export function routes(list: readonly Controller[]): [route: string, text: string][] {
  return [
    ...list.flatMap(({ name, kind }): [string, string][] => [
      [`POST /${name}/sync`, `Desired children and status of a ${kind}, for Metacontroller (hook version v2).`],
      [`POST /${name}/customize`, `Rules for the related objects of a ${kind}, for Metacontroller.`],
    ]),
    ['GET /livez', '200 while the process serves. On both ports.'],
    ['GET /readyz', '200 while the process serves, 503 from the beginning of its shutdown. On both ports.'],
    ['GET /', 'Name, version and hooks, as JSON.'],
    ['GET /metrics', 'Metrics in the text format of Prometheus. On port `monitoring`.'],
  ];
}

function ownMetric(metric: MetricObject): string {
  const { name, help, type, labelNames } = metric as MetricObject & { labelNames: string[] };
  return item({ name, facts: [String(type), labelsText(labelNames)], text: prose(help) });
}

function labelsText(labels: string[]): string | false {
  return labels.length > 0 && `labels: ${labels.map(code).join(', ')}`;
}

interface StateMetric {
  name: string;
  help: string;
  each: { type: string } & Record<string, { labelsFromPath?: object } | undefined>;
}
interface StateResource {
  groupVersionKind: { kind: string };
  metricNamePrefix: string;
  labelsFromPath: object;
  metrics: StateMetric[];
}

function stateResources(): StateResource[] {
  return parse(readFileSync(STATE_METRICS, 'utf8')).spec.resources;
}

function resourceLabels(): string[] {
  return [...new Set(stateResources().flatMap(({ labelsFromPath }) => Object.keys(labelsFromPath)))];
}

/** The metrics of all kinds; each once, since they have the same prefix. */
function stateMetrics(): string[] {
  const found = new Map<string, { metric: StateMetric; kinds: string[] }>();
  for (const { groupVersionKind, metricNamePrefix, metrics } of stateResources()) {
    for (const metric of metrics) {
      const name = `${metricNamePrefix}_${metric.name}`;
      const kinds = [...(found.get(name)?.kinds ?? []), groupVersionKind.kind];
      found.set(name, { metric, kinds });
    }
  }
  return [...found].map(([name, { metric, kinds }]) => {
    const type = metric.each.type.toLowerCase();
    const labels = Object.keys(metric.each[type]?.labelsFromPath ?? {});
    return item({ name, facts: [type, kinds.join(', '), labelsText(labels)], text: prose(metric.help) });
  });
}

interface Alert {
  alert: string;
  expr: string;
  for: string;
  labels: { severity: string };
  annotations: { summary: string };
}

function alerts(): string[] {
  const groups: { rules: Alert[] }[] = parse(readFileSync(RULES, 'utf8')).spec.groups;
  return groups
    .flatMap(({ rules }) => rules)
    .map(
      ({ alert, expr, labels, annotations, ...rest }) => `### ${alert}

**${labels.severity}** · after ${rest.for} · [runbook](../runbooks/${alert}.md)\\
${summaryOf(annotations.summary)}.

\`\`\`text
${expr}
\`\`\`
`,
    );
}

/** A summary with the names of labels instead of their values. */
function summaryOf(template: string): string {
  const parts = template.split(/\{\{ \$labels\.(\w+) \}\}/);
  return parts.map((part, index) => (index % 2 === 1 ? code(part) : prose(part))).join('');
}
