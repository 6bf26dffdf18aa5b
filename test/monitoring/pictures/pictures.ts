import { readDashboard } from './dashboard.ts';
import { drawDashboard } from './picture.ts';
import { readRecording } from './recording.ts';
import { THEMES } from './theme.ts';

/** The pictures of the dashboard by path, drawn from the recording. */
export async function pictures(): Promise<[path: string, svg: string][]> {
  const [dashboard, recording] = [await readDashboard(), await readRecording()];
  const drawn = Object.entries(THEMES).map(async ([name, theme]): Promise<[string, string]> => {
    return [`docs/images/dashboard-${name}.svg`, await drawDashboard(dashboard, recording, theme)];
  });
  return Promise.all(drawn);
}
