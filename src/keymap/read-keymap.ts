// Keymap reader. Preprocesses and parses the text as a devicetree, and reads the layers of its keymap node as ZMK
// does.
import path from 'node:path';
import { type BindingContext, bindingOf, checkNumbers, type Key, type Keys, readKeys } from './bindings.ts';
import { type Devicetree, parseDevicetree } from './devicetree/parse.ts';
import { type DeviceNode, isEnabled, nodesOf, type Property, stringsOf } from './devicetree/tree.ts';
import { isCombo, isMacro, readExtras } from './extras.ts';
import type { Binding, Layer, Layout, LayoutError } from './layout.ts';
import { NameExplainer } from './name-explainer.ts';
import { type Preprocessed, preprocess } from './preprocessor/preprocess.ts';
import { type FileLookup, type FoundFile, HOME, SourceFiles } from './preprocessor/source-files.ts';
import { type Place, type Problem, usedAt, writtenAt } from './preprocessor/token.ts';
import { rowsOf } from './rows.ts';
import { builtInHeader } from './zmk/headers.ts';

/** In characters, without includes. The largest keymap in use has a fifth of it. */
export const MAX_KEYMAP_LENGTH = 256 * 1024;
/** Keys in all layers together. Thirty layers of a hundred keys would be many. */
export const MAX_KEYS = 20_000;
const MAX_ERRORS = 20;
/** Properties that use only macros of the keymap itself, not of the keyboard. */
const OF_NUMBERS = /^(?:hold-trigger-)?key-positions$|^(?:if-|then-)?layers?$/;

/** Options for {@link parseKeymap}: the place of the keymap, and of its includes. */
export interface KeymapOptions {
  /**
   * Absolute path of the keymap; quoted includes are looked for beside it. Default: the keymap is not in a file.
   */
  file?: string;
  /** Include directories in search order. Absolute. Default: none. */
  searchDirectories?: readonly string[];
  /** Search directories with the author's own files. Default: none. */
  ownDirectories?: readonly string[];
  /**
   * Whether the search directories contain ZMK and Zephyr. Default: false; a built-in table of keys replaces their
   * headers then.
   */
  hasZmk?: boolean;
}

/** A layout, and its dependencies besides the keymap's own text. */
export interface KeymapReading {
  layout: Layout;
  /** All files that were read, and all names that were not found. */
  lookups: FileLookup[];
}

/**
 * Parses a keymap into a layout. Never rejects because of the source: mistakes are in `errors`, and readable parts
 * in `layers`.
 */
export async function parseKeymap(source: string, options: KeymapOptions = {}): Promise<Layout> {
  return (await readKeymap(source, options)).layout;
}

/** Like {@link parseKeymap}, and also returns the dependencies of the layout. */
export async function readKeymap(
  source: string,
  { file, searchDirectories = [], ownDirectories = [], hasZmk = false }: KeymapOptions = {},
): Promise<KeymapReading> {
  if (source.length > MAX_KEYMAP_LENGTH) {
    const message = `the keymap has ${source.length} characters, but at most ${MAX_KEYMAP_LENGTH} are allowed`;
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
    layout: {
      ...{ layers, errors: reader.errors(layers), ...(isIncomplete && { isIncomplete }) },
      ...reader.extras(),
    },
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
  /** ZMK headers that are not included, with the first name that needs each. */
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

  /** Reports undefined names in the place of strings, such as a `status`. */
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

  /** Checks combos, macros and hold-taps: their bindings, key positions and layer numbers. */
  #checkOthers(): void {
    for (const node of nodesOf(this.#tree.root)) {
      for (const property of node.properties.values()) {
        if (property.name === 'bindings' && (isCombo(node) || isMacro(node)))
          readKeys(property, this.#context);
        if (OF_NUMBERS.test(property.name)) checkNumbers(property, this.#context);
      }
    }
  }

  extras(): Pick<Layout, 'combos' | 'macros' | 'conditionalLayers'> {
    return readExtras(this.#tree.root, { ...this.#context, complain: () => {}, lacks: () => {} });
  }

  /** All mistakes in order; those in the keymap itself come first. */
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
    // A missing file may include the header.
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
      // A missing file is reported once per name.
      const key = / not found: /.test(message) ? message : JSON.stringify([file, line, column, message]);
      return !seen.has(key) && seen.add(key);
    });
    return distinct.slice(0, MAX_ERRORS);
  }
}
