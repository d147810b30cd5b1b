// Physical layouts of the keyboard that a keymap is for, from its shield or board in the config or the workspace.
import path from 'node:path';
import { escapePath, glob } from 'tinyglobby';
import { type PhysicalLayout, readPhysicalLayouts } from '../../keymap/index.ts';
import { readTextFile } from '../../system/text-file.ts';
import { findSearchPath, type SearchPathOptions } from './search-path.ts';

/** In the order in which they are tried: the files of a half include those of both. */
const ENDINGS = [
  '_left.overlay',
  '.overlay',
  '_left.dts',
  '_lh.dts',
  '.dts',
  '_right.overlay',
  '.dtsi',
  '-layouts.dtsi',
];
const MAX_SOURCE = 1024 * 1024;
/** `boards/shields/corne/corne.overlay`, `boards/arm/planck/planck_rev6.dts`. */
const DEEPEST = 4;

/**
 * The physical layouts for a keymap, which is named after its keyboard as ZMK wants it. Empty if neither the config nor
 * the workspace has any.
 *
 * @param keymap absolute path
 */
export async function findPhysicalLayouts(
  keymap: string,
  options: SearchPathOptions = {},
): Promise<PhysicalLayout[]> {
  const { directories, boards } = await findSearchPath(keymap, options);
  const name = path.basename(keymap, '.keymap');
  const files = ENDINGS.map(ending => `${name}${ending}`);
  // A keymap that comes with its shield lies beside it.
  for (const root of [path.dirname(keymap), ...boards]) {
    const isBeside = root === path.dirname(keymap);
    const found = await glob(
      files.map(file => `${isBeside ? '' : 'boards/**/'}${escapePath(file)}`),
      { cwd: root, deep: DEEPEST, absolute: true, followSymbolicLinks: false },
    );
    const rank = (file: string) => files.indexOf(path.basename(file));
    for (const file of found.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))) {
      const source = await readTextFile(file, MAX_SOURCE).catch(() => '');
      const layouts = await readPhysicalLayouts(source, { file, searchDirectories: directories });
      if (layouts.length > 0) return layouts;
    }
  }
  return [];
}
