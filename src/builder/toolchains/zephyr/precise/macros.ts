// The macros of a generated header, such as `devicetree_generated.h`: what differs between two versions of it, and which
// names a small edit is likely to add.

/** By name: the parameters, if there are any, and the value, as they are spelled. */
export type Macros = ReadonlyMap<string, string>;

/** A string, a character, or a comment: none of them begins inside of another. */
const LEXEMES = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

/**
 * The macros that a header defines; undefined when it has anything but definitions and comments in it, or defines a macro
 * in two ways, so that it cannot be compared macro by macro.
 */
export function parseMacros(text: string): Macros | undefined {
  const macros = new Map<string, string>();
  const plain = text
    .replaceAll('\r\n', '\n')
    .replaceAll('\\\n', ' ')
    .replaceAll(LEXEMES, found => (found[0] === '/' ? ' ' : found));
  for (const line of plain.split('\n')) {
    if (line.trim() === '') continue;
    const [, name, rest = ''] = /^\s*#\s*define\s+([A-Za-z_]\w*)((?:\(|\s).*)?$/.exec(line) ?? [];
    const value = rest.trimEnd();
    if (name === undefined || (macros.get(name) ?? value) !== value) return undefined;
    macros.set(name, value);
  }
  return macros;
}

/** How one version of a header differs from another. */
export interface MacroDifferences {
  /** Macros that have another value, or are gone. */
  changed: string[];
  added: string[];
}

export function compareMacros(before: Macros, after: Macros): MacroDifferences {
  const changed = [...before].filter(([name, value]) => after.get(name) !== value).map(([name]) => name);
  return { changed, added: [...after.keys()].filter(name => !before.has(name)) };
}

/** What one cell of a list of phandles with arguments is known by, such as `DT_N_S_keymap_S_base_P_bindings_IDX_3_PH`. */
const CELL = /^(.+_P_.+_IDX_)(\d+)_(?:PH|VAL_(.+?)(?:_EXISTS)?)$/;

const BINDINGS = /_P_(?:sensor_)?bindings_IDX_$/;

/** So many entries may be added to a list of bindings before names come up that are not likely. */
const MORE_ENTRIES = 4;

/**
 * Names that a header does not define, and that it would define if an entry of a list had more arguments, or a list of
 * bindings more entries: `&trans` that becomes `&kp A`, `&kp A` that becomes `&mt LSHIFT A`, a macro with another key.
 */
export function likelyNames(macros: Macros): string[] {
  /** Of a property: the indexes, and what arguments are called. */
  const lists = new Map<string, { indexes: Set<string>; cells: Set<string> }>();
  const everywhere = new Set<string>();
  for (const name of macros.keys()) {
    const [, list, index, cell] = CELL.exec(name) ?? [];
    if (list === undefined || index === undefined) continue;
    const known = lists.get(list) ?? { indexes: new Set(), cells: new Set() };
    lists.set(list, known);
    known.indexes.add(index);
    if (cell !== undefined) known.cells.add(cell);
    if (cell !== undefined && BINDINGS.test(list)) everywhere.add(cell);
  }
  const likely = new Set<string>();
  for (const [list, { indexes, cells }] of lists) {
    const isBindings = BINDINGS.test(list);
    // A layer of nothing but `&trans` has no arguments at all.
    const all = isBindings ? new Set([...cells, ...everywhere, 'param1', 'param2']) : cells;
    const end = Math.max(...[...indexes].map(Number)) + 1;
    const further = isBindings ? Array.from({ length: MORE_ENTRIES }, (_, index) => `${end + index}`) : [];
    for (const index of [...indexes, ...further]) {
      const names = [...all].flatMap(cell => [`_VAL_${cell}`, `_VAL_${cell}_EXISTS`]);
      for (const suffix of ['_EXISTS', '_PH', ...names]) {
        const name = `${list}${index}${suffix}`;
        if (!macros.has(name)) likely.add(name);
      }
    }
  }
  return [...likely];
}

/**
 * Where in a keymap the differences are, for a person: `keymap/base, key 0`. At most three, the rest is counted.
 *
 * @param names of macros
 */
export function placesOf(names: readonly string[]): string[] {
  const places = new Set<string>();
  for (const name of names) {
    const [, nodes, property, index] = /^DT_N_S_(.+?)_P_(.+?)(?:_IDX_(\d+).*)?$/.exec(name) ?? [];
    if (nodes === undefined || property === undefined) continue;
    const node = nodes.split('_S_');
    const isLayer = node[0] === 'keymap' && property.startsWith('bindings') && node.length === 2;
    if (isLayer) places.add(index === undefined ? node[1]! : `${node[1]}, key ${index}`);
    else places.add(node.join('/'));
  }
  // What says which key it is says where it is.
  const all = [...places].filter(place => ![...places].some(other => other.startsWith(`${place}, key `)));
  return all.length <= 3 ? all : [...all.slice(0, 3), `${all.length - 3} more`];
}
