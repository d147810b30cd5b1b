// West's settings of a workspace, as a build gets them: in a copy of its own. West adds `zephyr.base` to a workspace
// that does not have it yet, when it first builds there. Then the workspace would not be what it was before, and the
// firmware not be kept; and in a container, where it cannot be written, west would fail.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseWestConfig } from '../../workspace/index.ts';

const SECTION = /^\[zephyr\][^\S\n]*$/m;

/**
 * Writes to `file` what a workspace's settings say, and where Zephyr is, as west would add it.
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
