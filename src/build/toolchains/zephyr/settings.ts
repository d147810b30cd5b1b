// West's settings of a workspace, as a build gets them: in a copy of its own. West adds `zephyr.base` to a workspace
// that does not have it yet, when it first builds there. Then the workspace would not be what it was before, and the
// firmware not be kept; and in a container, where it cannot be written, west would fail.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Where Zephyr is when nobody says otherwise. */
const USUAL = 'zephyr';

/** Where Zephyr is in a workspace, relative to it: where west says. */
export function zephyrOf(workspace: string): string {
  const base = baseIn(read(workspace));
  return base !== undefined && existsSync(path.join(workspace, base)) ? base : USUAL;
}

/** Writes to `file` what a workspace's settings say, and where Zephyr is, as west would add it. */
export function copySettings(workspace: string, file: string): void {
  const settings = read(workspace);
  const base = `base = ${zephyrOf(workspace)}\n`;
  const complete =
    baseIn(settings) !== undefined
      ? settings
      : !SECTION.test(settings)
        ? `${settings}\n[zephyr]\n${base}`
        : // Twice the same section is an error.
          settings.replace(SECTION, section => `${section}\n${base}`);
  writeFileSync(file, complete);
}

const SECTION = /^\[zephyr\][^\S\n]*$/m;

function baseIn(settings: string): string | undefined {
  const section = /^\[zephyr\]\s*$([^[]*)/m.exec(settings)?.[1] ?? '';
  return /^base\s*[=:]\s*(.*?)\s*$/m.exec(section)?.[1];
}

function read(workspace: string): string {
  return readFileSync(path.join(workspace, '.west/config'), 'utf8');
}
