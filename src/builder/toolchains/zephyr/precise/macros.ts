// Macros of a generated header, such as `devicetree_generated.h`: the differences between two versions of it, and the names
// that a small edit is likely to add.

/** By name: the parameters, if any, and the value, as written. */
export type Macros = ReadonlyMap<string, string>;

/** A string, a character, or a comment: none of them begins inside another. */
const LEXEMES = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

/**
 * The macros that a header defines; undefined if it has more than definitions and comments, or defines a macro in two
 * ways, so that it cannot be compared macro by macro.
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

/** The differences between two versions of a header. */
export interface MacroDifferences {
  /** Macros that have another value, or were removed. */
  changed: string[];
  added: string[];
  /**
   * Whether a macro has parameters in only one of them. GCC does not report the name of a macro with parameters as used
   * if no arguments follow, so any object may depend on that.
   */
  isReshaped: boolean;
}

export function compareMacros(before: Macros, after: Macros): MacroDifferences {
  const changed = [...before].filter(([name, value]) => after.get(name) !== value).map(([name]) => name);
  const added = [...after.keys()].filter(name => !before.has(name));
  const hasParameters = (value = '') => value.startsWith('(');
  const isReshaped = changed.some(
    name => after.has(name) && hasParameters(before.get(name)) !== hasParameters(after.get(name)),
  );
  return { changed, added, isReshaped };
}

/** Names of one cell of a list of phandles with arguments, such as `DT_N_S_keymap_S_base_P_bindings_IDX_3_PH`. */
const CELL = /^(.+_P_.+_IDX_)(\d+)_(?:PH|VAL_(.+?)(?:_EXISTS)?)$/;

const BINDINGS = /_P_(?:sensor_)?bindings_IDX_$/;

/** Number of entries that may be added to a list of bindings before unlikely names appear. */
const MORE_ENTRIES = 4;

/**
 * Names that a header does not define, but would define if an entry of a list had more arguments, or a list of bindings
 * had more entries: `&trans` that becomes `&kp A`, `&kp A` that becomes `&mt LSHIFT A`, a macro with another key.
 */
export function likelyNames(macros: Macros): string[] {
  /** The indexes and the names of arguments of a property. */
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
    // A layer with only `&trans` has no arguments.
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
 * The places of the differences in a keymap, for messages: `keymap/base, key 0`. At most three; the rest is counted.
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
  // The number of the key is its place.
  const all = [...places].filter(place => ![...places].some(other => other.startsWith(`${place}, key `)));
  return all.length <= 3 ? all : [...all.slice(0, 3), `${all.length - 3} more`];
}
