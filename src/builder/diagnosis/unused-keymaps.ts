// Keymaps that no target was built with, mostly because their names are not quite those that ZMK looks for.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { closestMatch } from '../../config/closest-match.ts';
import type { Target } from '../matrix/target.ts';

export interface UnusedKeymapsQuery {
  /** Absolute. */
  configDirectory: string;
  /** Where the keymaps are, relative to it. */
  configPath: string;
  targets: readonly Target[];
  /** Every file that a target was built from: relative to the config directory, with `/`. */
  read: ReadonlySet<string>;
}

const EXTENSION = '.keymap';

/** What there is to say, one sentence each: of each keymap that is nearly called as a target's would be, and of all others. */
export async function unusedKeymaps({
  configDirectory,
  configPath,
  targets,
  read,
}: UnusedKeymapsQuery): Promise<string[]> {
  const names = await readdir(path.join(configDirectory, configPath)).catch((): string[] => []);
  const place = (name: string) => path.posix.join(configPath.replaceAll(path.sep, '/'), name);
  const unused = names.filter(name => name.endsWith(EXTENSION) && !read.has(place(name))).sort();
  // Only names that a target would take: with `corne.keymap` there, `corne_left.keymap` is not looked at.
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
    else told.push(`${place(name)} is used by no target. Did you mean '${meant}${EXTENSION}'?`);
  }
  const [first, ...more] = others;
  if (first !== undefined) {
    const also = more.length === 0 ? '' : more.length === 1 ? ` and ${more[0]}` : ` and ${more.length} more`;
    told.push(`${first}${also} ${more.length === 0 ? 'is' : 'are'} used by no target.`);
  }
  return told;
}

/**
 * The names, without extension, that ZMK tries for a target's keymap, as far as the target tells them: those that its
 * shields begin with, in the order of the shields, then the shields themselves, then the board.
 */
function keymapNames({ board, shield = '' }: Target): string[] {
  const shields = shield.split(' ').filter(name => name !== '');
  const beginnings = (name: string) => {
    const pieces = name.split('_');
    return pieces.slice(1).map((_, index) => pieces.slice(0, pieces.length - 1 - index).join('_'));
  };
  return [...shields.flatMap(beginnings), ...shields, board.replace(/[@/].*$/, '')];
}
