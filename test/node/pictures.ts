import { mkdir, writeFile } from 'node:fs/promises';
import { terminalPicture } from '../../generate/terminal-picture.ts';

const FOLDER = 'docs/images';

/**
 * Draws what a command has printed for the documentation, where the run writes docs/measured.md too.
 * @param command as people type it
 * @param output with the escape sequences of its colours
 */
export async function picture(name: string, command: string, output: string): Promise<void> {
  if (!process.env.REPORT) return;
  await mkdir(FOLDER, { recursive: true });
  await writeFile(`${FOLDER}/${name}.svg`, terminalPicture(command, output));
}
