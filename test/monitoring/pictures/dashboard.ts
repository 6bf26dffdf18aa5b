import { readFile } from 'node:fs/promises';

/** A query of a panel. */
export interface Target {
  expr: string;
  legendFormat: string;
  /** Its present values, not those over time. */
  instant?: boolean;
}

/** What a pattern of names changes about the fields of a panel. */
interface Override {
  matcher: { id: 'byRegexp'; options: string };
  properties: { id: 'color'; value: { mode: 'fixed'; fixedColor: string } }[];
}

/** Leaves columns out, and renames and orders the others. */
export interface Organize {
  id: 'organize';
  options: {
    excludeByName: Record<string, boolean>;
    indexByName: Record<string, number>;
    renameByName: Record<string, string>;
  };
}

/** A panel, with the fields that a picture is drawn from. */
export interface Panel {
  type: 'stat' | 'table' | 'timeseries';
  title: string;
  /** In columns of 24, and in rows. */
  gridPos: { x: number; y: number; w: number; h: number };
  targets: Target[];
  fieldConfig: {
    defaults: { unit?: string; min?: number; color?: { fixedColor?: string } };
    overrides: Override[];
  };
  options: { sortBy?: { displayName: string; desc: boolean }[] };
  transformations?: Organize[];
}

/** The Grafana dashboard of the manifests. */
export interface Dashboard {
  title: string;
  panels: Panel[];
}

/** Reads the dashboard of the manifests. */
export async function readDashboard(): Promise<Dashboard> {
  return JSON.parse(await readFile('manifests/monitoring/dashboard.json', 'utf8'));
}
