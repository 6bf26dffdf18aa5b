// Draws the pictures of the dashboard from the recording: npx tsx test/monitoring/pictures/draw.ts
import { writeFile } from 'node:fs/promises';
import { pictures } from './pictures.ts';

for (const [file, svg] of await pictures()) await writeFile(file, svg);
