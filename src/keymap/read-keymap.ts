// The reader of keymaps: the text is preprocessed and parsed as a devicetree, and the layers are those of its keymap
// node, as for ZMK.
import path from 'node:path';
import { type BindingContext, bindingOf, checkNumbers, type Key, type Keys, readKeys } from './bindings.ts';
import { type Devicetree, parseDevicetree } from './devicetree/parse.ts';
import { type DeviceNode, isEnabled, nodesOf, type Property, stringsOf } from './devicetree/tree.ts';
import type { Binding, Layer, Layout, LayoutError } from './layout.ts';
import { NameExplainer } from './name-explainer.ts';
import { type Preprocessed, preprocess } from './preprocessor/preprocess.ts';
import { type FileLookup, type FoundFile, HOME, SourceFiles } from './preprocessor/source-files.ts';
import { type Place, type Problem, usedAt, writtenAt } from './preprocessor/token.ts';
import { rowsOf } from './rows.ts';
import { builtInHeader } from './zmk/headers.ts';

/** Characters of the keymap itself. The largest in use has a fifth of it. */
export const MAX_KEYMAP_LENGTH = 256 * 1024;
/** Keys in all layers together. Thirty layers of a hundred keys are many. */
export const MAX_KEYS = 20_000;
const MAX_ERRORS = 20;
/** Properties in which only the keymap's own macros are used, and none of the keyboard's. */
const OF_NUMBERS = /^(?:hold-trigger-)?key-positions$|^(?:if-|then-)?layers?$/;

/** Where a keymap is, and where what it includes is looked for. */
export interface KeymapOptions {
  /** The keymap's path: includes in quotes are looked for beside it. Absolute. Default: it is not in a file. */
  file?: string;
  /** Directories of includes, in the order in which they are searched. Absolute. Default: none. */
  searchDirectories?: readonly string[];
  /** Those of them that are the author's own. Default: none. */
  ownDirectories?: readonly string[];
  /**
   * Whether ZMK and Zephyr are in the search directories. Default: false; then what their headers say about keys is
   * taken from a table.
   */
  hasZmk?: boolean;
}

/** A layout, and what it depends on besides the keymap's own text. */
export interface KeymapReading {
  layout: Layout;
  /** All files that were read, and all names that were looked for in vain. */
  lookups: FileLookup[];
}

/** The layout of a keymap. Never rejects for what is in the source: that is in `errors`, the rest in `layers`. */
export async function parseKeymap(source: string, options: KeymapOptions = {}): Promise<Layout> {
  return (await readKeymap(source, options)).layout;
}

/** Like {@link parseKeymap}, and says what the layout depends on. */
export async function readKeymap(
  source: string,
  { file, searchDirectories = [], ownDirectories = [], hasZmk = false }: KeymapOptions = {},
): Promise<KeymapReading> {
  if (source.length > MAX_KEYMAP_LENGTH) {
    const message = `the keymap has ${source.length} characters, at most ${MAX_KEYMAP_LENGTH} are allowed`;
    return { layout: { layers: [], errors: [{ line: 1, column: 1, message }] }, lookups: [] };
  }
  const keymap: FoundFile = { name: file ?? '', text: source, isSystem: false };
  if (file !== undefined) keymap.place = { directory: HOME, path: path.basename(file) };
  const home = file && path.dirname(file);
  const files = new SourceFiles({
    ...{ home, searchDirectories, ownDirectories },
    ...(!hasZmk && { builtIn: builtInHeader }),
  });
  const preprocessed = await preprocess(keymap, files);
  const tree = parseDevicetree(preprocessed.tokens);
  const reader = new LayerReader(keymap, preprocessed, tree, hasZmk);
  const layers = reader.layers();
  const isIncomplete = preprocessed.missing.length > 0 || preprocessed.hasStopped || tree.isIncomplete;
  return {
    layout: { layers, errors: reader.errors(layers), ...(isIncomplete && { isIncomplete }) },
    lookups: files.lookups(),
  };
}

class LayerReader {
  readonly #keymap: FoundFile;
  readonly #preprocessed: Preprocessed;
  readonly #tree: Devicetree;
  readonly #hasZmk: boolean;
  readonly #problems: Problem[] = [];
  readonly #context: BindingContext;
  /** The headers of ZMK's whose include is lacking, and the first name that needs each. */
  readonly #lacking = new Map<string, { place: Place; name: string }>();

  constructor(keymap: FoundFile, preprocessed: Preprocessed, tree: Devicetree, hasZmk: boolean) {
    this.#keymap = keymap;
    this.#preprocessed = preprocessed;
    this.#tree = tree;
    this.#hasZmk = hasZmk;
    this.#context = {
      tokens: preprocessed.tokens,
      labels: tree.labels,
      macros: preprocessed.macros,
      isComplete: preprocessed.missing.length === 0,
      names: new NameExplainer(preprocessed, hasZmk),
      complain: (place, message) => this.#problems.push({ place, message }),
      lacks: (header, place, name) => {
        if (!this.#lacking.has(header)) this.#lacking.set(header, { place, name });
      },
    };
  }

  layers(): Layer[] {
    const enabled = [...nodesOf(this.#tree.root)].filter(
      node => stringsOf(node, 'compatible').includes('zmk,keymap') && isEnabled(node),
    );
    const [keymap, ...others] = enabled;
    for (const { place, name } of others) {
      const message = `ZMK reads only the first node with compatible = "zmk,keymap": '${name}' is not used`;
      this.#context.complain(place, message);
    }
    const layers: Layer[] = [];
    let left = MAX_KEYS;
    for (const node of keymap?.children.values() ?? []) {
      this.#checkStrings(node);
      const bindings = node.properties.get('bindings');
      if (bindings === undefined || !isEnabled(node)) continue;
      const layer = this.#layer(node, bindings);
      left -= layer.bindings.length;
      if (left < 0) {
        this.#context.complain(keymap!.place, `the keymap has more than ${MAX_KEYS} keys`);
        return [];
      }
      layers.push(layer);
    }
    this.#checkOthers();
    return layers;
  }

  #layer(node: DeviceNode, property: Property): Layer {
    const { keys, unreadable } = readKeys(property, this.#context);
    const sensorBindings = node.properties.get('sensor-bindings');
    const sensors: Keys = sensorBindings ? readKeys(sensorBindings, this.#context) : { keys: [] };
    const displayName = stringsOf(node, 'display-name')[0] ?? stringsOf(node, 'label')[0];
    return {
      name: node.name,
      ...(displayName !== undefined && { displayName }),
      bindings: this.#bindings(keys),
      sensorBindings: this.#bindings(sensors.keys),
      rows: rowsOf(keys.map(({ start }) => start)),
      ...(unreadable !== undefined && { unreadable }),
      ...(sensors.unreadable !== undefined && { unreadableSensors: sensors.unreadable }),
    };
  }

  /** Names in the place of strings, such as a `status`, that no macro explains. */
  #checkStrings(node: DeviceNode): void {
    for (const name of ['display-name', 'label', 'status']) {
      for (const value of node.properties.get(name)?.values ?? []) {
        if (value.kind !== 'unknown') continue;
        const token = this.#context.tokens[value.cell.first]!;
        this.#context.complain(writtenAt(token), this.#context.names.explain(value.cell.text, false).message);
      }
    }
  }

  #bindings(keys: readonly Key[]): Binding[] {
    return keys.map(key => bindingOf(key, this.#context));
  }

  /** Mistakes in combos, macros and hold-taps: in their keys, and where they name positions and layers. */
  #checkOthers(): void {
    for (const node of nodesOf(this.#tree.root)) {
      const isCombo =
        node.parent !== undefined && stringsOf(node.parent, 'compatible').includes('zmk,combos');
      const isMacro = stringsOf(node, 'compatible').some(name => name.startsWith('zmk,behavior-macro'));
      for (const property of node.properties.values()) {
        if (property.name === 'bindings' && (isCombo || isMacro)) readKeys(property, this.#context);
        if (OF_NUMBERS.test(property.name)) checkNumbers(property, this.#context);
      }
    }
  }

  /** All that is wrong, in order: first what is in the keymap itself. */
  errors(layers: readonly Layer[]): LayoutError[] {
    const { missing, doubtful, macros, problems } = this.#preprocessed;
    const where = this.#hasZmk ? '' : ', and there is no west workspace to look in';
    const all: Problem[] = [
      ...missing.map(({ name, place }) => ({ place, message: `${name} was not found${where}` })),
      ...problems,
      ...this.#tree.problems,
      ...this.#problems,
      ...this.#tree.unknown.map(({ name, token }) => ({
        place: usedAt(token),
        message: this.#context.names.explain(name, false).message,
      })),
    ];
    // With a file missing, that may be what includes the header.
    if (missing.length === 0) {
      for (const [header, { place, name }] of this.#lacking) {
        all.push({ place, message: `'${name}' is defined in <${header}>, which is not included` });
      }
    }
    for (const [name, place] of doubtful) {
      if (macros.has(name) || place.file.isSystem) continue;
      const file = missing[0]!.name;
      const message = `'${name}' may be defined in a file that was not found: ${file}. Here it counts as not defined`;
      all.push({ place, message });
    }
    if (layers.length === 0 && all.length === 0) {
      const message =
        'there are no layers: no node with compatible = "zmk,keymap" has children with bindings';
      all.push({ place: { file: this.#keymap, line: 1, column: 1 }, message });
    }
    return this.#sorted(all);
  }

  #sorted(problems: readonly Problem[]): LayoutError[] {
    const own = this.#keymap;
    const rank = ({ place }: Problem) => (place.file.name === own.name ? '' : place.file.name);
    const found = problems.toSorted(
      (a, b) =>
        rank(a).localeCompare(rank(b)) || a.place.line - b.place.line || a.place.column - b.place.column,
    );
    const errors = found.map(({ place: { file, line, column }, message }): LayoutError => {
      const elsewhere = file.name === own.name ? undefined : file.name;
      return { ...(elsewhere !== undefined && { file: elsewhere }), line, column, message };
    });
    const seen = new Set<string>();
    const distinct = errors.filter(({ file, line, column, message }) => {
      // That a file lacks is said once for each name.
      const key = / not found: /.test(message) ? message : JSON.stringify([file, line, column, message]);
      return !seen.has(key) && seen.add(key);
    });
    return distinct.slice(0, MAX_ERRORS);
  }
}
