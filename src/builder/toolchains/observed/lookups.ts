// File names that ZMK looks for in the user's directory: `<shield>.conf`, `<board>.overlay` and so on, for the shield,
// the board and all shortened forms of their names (`corne_left`: `corne`).
import path from 'node:path';
import type { BuildRecords } from './records.ts';

const EXTENSIONS = ['conf', 'keymap', 'overlay'];

/** No real board and shield have more. */
const MAX_NAMES = 5_000;

/** The file names that any version of ZMK looks for, and more; undefined if the board or shield has an unknown form. */
export function lookedUpNames(records: BuildRecords): string[] | undefined {
  const boards = boardNames(records);
  // Only Kconfig's result shows how Zephyr resolved the board's name.
  if (!records.config.has('CONFIG_BOARD')) return undefined;
  const prefixes = new Set(boards);
  for (const key of ['SHIELD', 'CACHED_SHIELD']) {
    for (const shield of (records.cache.get(key) ?? '').split(/[ ;]+/)) addShortened(prefixes, shield);
  }
  // The directory of a shield or board contributes its name, too.
  for (const file of records.devicetree) {
    if (!file.includes('/boards/')) continue;
    addShortened(prefixes, path.basename(file).replace(/\..*$/, ''));
    for (const part of file
      .slice(file.indexOf('/boards/') + 8)
      .split('/')
      .slice(0, -1))
      prefixes.add(part);
  }
  // An empty variable drops its part of the name, but not the underscore: ZMK looks for `_<board>.conf`, too.
  prefixes.add('default').add('');
  for (const board of boards) prefixes.add(`${board}_`);
  if (prefixes.size * (boards.size + 1) * EXTENSIONS.length > MAX_NAMES) return undefined;
  const names = new Set<string>();
  for (const prefix of prefixes) {
    for (const suffix of ['', ...[...boards].map(board => `_${board}`)]) {
      for (const extension of EXTENSIONS) names.add(`${prefix}${suffix}.${extension}`);
    }
  }
  return [...names].filter(name => !/[/\0]/.test(name));
}

/** `nice_nano@2.0.0/nrf52840/zmk` as a whole, its parts, and their combinations. */
function boardNames({ cache, config }: BuildRecords): Set<string> {
  const names = new Set<string>();
  const add = (board: string | undefined) => {
    if (!board) return;
    const [, name = '', revision, qualifiers] = /^([^@/]+)(?:@([^/]*))?(?:\/(.*))?$/.exec(board) ?? [];
    const revisions = [revision, config.get('CONFIG_BOARD_REVISION')].filter(text => !!text);
    const all = [qualifiers, config.get('CONFIG_BOARD_QUALIFIERS')].filter(text => !!text);
    const underscored = (text: string) => text.replaceAll(/[^A-Za-z0-9-]+/g, '_').replace(/^_+/, '');
    names.add(name).add(underscored(board));
    for (const one of ['', ...all.map(text => underscored(text!))]) {
      for (const other of ['', ...revisions.map(text => underscored(text!))]) {
        names.add([name, one, other].filter(text => text !== '').join('_'));
        names.add([name, other, one].filter(text => text !== '').join('_'));
      }
    }
  };
  for (const key of ['BOARD', 'CACHED_BOARD', 'BOARD_ALIAS', 'BOARD_DEPRECATED']) add(cache.get(key));
  for (const key of ['CONFIG_BOARD', 'CONFIG_BOARD_TARGET']) add(config.get(key));
  const directory = cache.get('BOARD_DIR');
  if (directory) names.add(path.basename(directory));
  names.delete('');
  return names;
}

function addShortened(names: Set<string>, name: string): void {
  const pieces = name.split('_');
  for (let length = pieces.length; length > 0; length--) {
    const shortened = pieces.slice(0, length).join('_');
    if (shortened !== '') names.add(shortened);
  }
}
