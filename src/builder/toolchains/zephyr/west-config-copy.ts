// Copy of a workspace's west settings for one build. West adds `zephyr.base` to a workspace that lacks it at the first
// build. That would change the workspace, so that the firmware would not be cached; in a container, where the workspace
// is read-only, west would fail.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseWestConfig } from '../../workspace/index.ts';

const SECTION = /^\[zephyr\][^\S\n]*$/m;

/**
 * Writes a workspace's settings to `file`, with the place of Zephyr that west would add.
 *
 * @param zephyr relative to the workspace
 */
export function copyWestConfig(workspace: string, zephyr: string, file: string): void {
  const settings = readFileSync(path.join(workspace, '.west/config'), 'utf8');
  const base = `base = ${zephyr}\n`;
  const complete = parseWestConfig(settings).has('zephyr.base')
    ? settings
    : !SECTION.test(settings)
      ? `${settings}\n[zephyr]\n${base}`
      : // Twice the same section is an error.
        settings.replace(SECTION, section => `${section}\n${base}`);
  writeFileSync(file, complete);
}
