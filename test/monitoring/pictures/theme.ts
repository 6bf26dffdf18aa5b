/** Colors of a picture, as in Grafana. */
export interface Theme {
  page: string;
  panel: string;
  border: string;
  grid: string;
  text: string;
  faint: string;
  /** Of the series of a graph, in their order. */
  series: string[];
  /** By their names in a dashboard. */
  named: Record<string, string>;
}

/** The themes by name. */
export const THEMES: Record<'light' | 'dark', Theme> = {
  light: {
    ...{ page: '#f4f5f5', panel: '#ffffff', border: '#d8d9da', grid: '#e6e7e8', text: '#24292e', faint: '#5a6068' },
    series: ['#37872d', '#b58900', '#1f60c4', '#e0570a', '#c4162a', '#8f3bb8', '#0d7d87', '#6b5b4b'],
    named: { green: '#37872d', orange: '#c85a00', blue: '#1f60c4' },
  },
  dark: {
    ...{ page: '#111217', panel: '#181b1f', border: '#2c3036', grid: '#2a2d33', text: '#d8d9da', faint: '#a0a4aa' },
    series: ['#73bf69', '#f2cc0c', '#8ab8ff', '#ff9830', '#f2495c', '#ca95e5', '#6ed0e0', '#c7b299'],
    named: { green: '#73bf69', orange: '#ff9830', blue: '#8ab8ff' },
  },
};
