// Unused keymaps: those that no target was built with, mostly because their names differ slightly from what ZMK looks
// for.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { closestMatch } from '../../config/closest-match.ts';
import type { Target } from '../matrix/target.ts';

export interface UnusedKeymapsQuery {
  /** Absolute. */
  configDirectory: string;
  /** The directory of the keymaps, relative to it. */
  configPath: string;
  targets: readonly Target[];
  /** Every file that a target was built from: relative to the config directory, with `/`. */
  read: ReadonlySet<string>;
}

const EXTENSION = '.keymap';

/** The warnings, one sentence each: one for each keymap with a name close to a target's, and one for all others. */
export async function unusedKeymaps({
  configDirectory,
  configPath,
  targets,
  read,
}: UnusedKeymapsQuery): Promise<string[]> {
  const names = await readdir(path.join(configDirectory, configPath)).catch((): string[] => []);
  const place = (name: string) => path.posix.join(configPath.replaceAll(path.sep, '/'), name);
  const unused = names.filter(name => name.endsWith(EXTENSION) && !read.has(place(name))).sort();
  // Only names that a target would use: if `corne.keymap` exists, `corne_left.keymap` is not looked for.
  const wanted = targets.flatMap(target => {
    const tried = keymapNames(target);
    const taken = tried.findIndex(name => names.includes(name + EXTENSION));
    return taken < 0 ? tried : tried.slice(0, taken);
  });
  const told: string[] = [];
  const others: string[] = [];
  for (const name of unused) {
    const meant = closestMatch(path.basename(name, EXTENSION), wanted);
    if (meant === undefined) others.push(place(name));
    else told.push(`${place(name)} is not used by any target. Did you mean '${meant}${EXTENSION}'?`);
  }
  const [first, ...more] = others;
  if (first !== undefined) {
    const also = more.length === 0 ? '' : more.length === 1 ? ` and ${more[0]}` : ` and ${more.length} more`;
    told.push(`${first}${also} ${more.length === 0 ? 'is' : 'are'} not used by any target.`);
  }
  return told;
}

/**
 * The names, without extension, that ZMK tries for a target's keymap, as far as the target determines them: the
 * prefixes of its shields, in order, then the shields themselves, then the board.
 */
function keymapNames({ board, shield = '' }: Target): string[] {
  const shields = shield.split(' ').filter(name => name !== '');
  const beginnings = (name: string) => {
    const pieces = name.split('_');
    return pieces.slice(1).map((_, index) => pieces.slice(0, pieces.length - 1 - index).join('_'));
  };
  return [...shields.flatMap(beginnings), ...shields, board.replace(/[@/].*$/, '')];
}
