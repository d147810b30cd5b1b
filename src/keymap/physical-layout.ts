// Physical layouts: where the keys of a keyboard are, from the `zmk,physical-layout` nodes of its devicetree.
import path from 'node:path';
import { parseDevicetree } from './devicetree/parse.ts';
import { cellsOf, type DeviceNode, isEnabled, nodesOf, stringsOf } from './devicetree/tree.ts';
import { numberOf } from './extras.ts';
import { preprocess } from './preprocessor/preprocess.ts';
import { type FoundFile, HOME, SourceFiles } from './preprocessor/source-files.ts';
import type { Token } from './preprocessor/token.ts';
import { MAX_KEYS } from './read-keymap.ts';
import { builtInHeader } from './zmk/headers.ts';

/** The place of a key. Lengths are in widths of an ordinary key, from the upper left corner. */
export interface PhysicalKey {
  x: number;
  y: number;
  width: number;
  height: number;
  /** Degrees clockwise, around the origin. */
  rotation: number;
  originX: number;
  originY: number;
}

export interface PhysicalLayout {
  /** `display-name`, else the node's name. */
  name: string;
  /** Whether the keyboard uses it unless another one is chosen. */
  isChosen: boolean;
  /** In the order of the bindings of a layer. */
  keys: PhysicalKey[];
}

export interface PhysicalLayoutOptions {
  /** Absolute path of the file; quoted includes are looked for beside it. */
  file: string;
  /** Include directories in search order. Absolute. */
  searchDirectories: readonly string[];
}

/** Width, height, x, y, rotation, and its origin. */
const ATTRIBUTES = 7;
/** ZMK counts in hundredths of a key and of a degree. */
const HUNDRED = 100;
/** In widths of a key. Nothing larger is a keyboard. */
const LARGEST = 200;

/**
 * The physical layouts of a board's or shield's devicetree source, without those of no keys. Never rejects because of
 * the source: what cannot be read is left out.
 */
export async function readPhysicalLayouts(
  source: string,
  { file, searchDirectories }: PhysicalLayoutOptions,
): Promise<PhysicalLayout[]> {
  const own: FoundFile = { name: file, text: source, isSystem: false };
  own.place = { directory: HOME, path: path.basename(file) };
  const files = new SourceFiles({ home: path.dirname(file), searchDirectories, builtIn: builtInHeader });
  const { tokens } = await preprocess(own, files);
  const { root } = parseDevicetree(tokens);
  const chosen = chosenLabel(root, tokens);
  const layouts: PhysicalLayout[] = [];
  for (const node of nodesOf(root)) {
    if (!stringsOf(node, 'compatible').includes('zmk,physical-layout') || !isEnabled(node)) continue;
    const keys = keysOf(node, tokens);
    const name = stringsOf(node, 'display-name')[0] ?? node.name;
    const isChosen = chosen !== undefined && node.labels.has(chosen);
    if (keys.length > 0) layouts.push({ name, isChosen, keys });
  }
  return layouts;
}

/**
 * The layout for layers of so many keys: the keyboard's choice if it fits, else the first that does. Undefined if none
 * does.
 */
export function physicalLayoutFor(
  layouts: readonly PhysicalLayout[],
  keys: number,
): PhysicalLayout | undefined {
  const fitting = layouts.filter(layout => layout.keys.length === keys);
  return fitting.find(({ isChosen }) => isChosen) ?? fitting[0];
}

function keysOf(node: DeviceNode, tokens: readonly Token[]): PhysicalKey[] {
  const keys: PhysicalKey[] = [];
  const cells = cellsOf(node, 'keys');
  const starts = cells.flatMap(({ kind }, index) => (kind === 'reference' ? [index] : []));
  for (const start of starts.slice(0, MAX_KEYS)) {
    const attributes = cells
      .slice(start + 1, start + 1 + ATTRIBUTES)
      .map(cell => numberOf(cell, tokens) ?? Number.NaN)
      .map(number => number / HUNDRED);
    const isKey = attributes.length === ATTRIBUTES && attributes.every(Number.isFinite);
    const [width, height, x, y, rotation, originX, originY] = attributes as [number, ...number[]] as number[];
    const isSized = width! > 0 && height! > 0;
    // A layout with holes would put legends on the wrong keys.
    if (!isKey || !isSized || [width, height, x, y].some(length => Math.abs(length!) > LARGEST)) return [];
    keys.push({
      ...{ x: x!, y: y!, width: width!, height: height! },
      ...{ rotation: rotation!, originX: originX!, originY: originY! },
    });
  }
  return keys;
}

/** The label in `zmk,physical-layout = &label;` of `/chosen`. */
function chosenLabel(root: DeviceNode, tokens: readonly Token[]): string | undefined {
  const property = root.children.get('chosen')?.properties.get('zmk,physical-layout');
  if (property === undefined) return undefined;
  const [, name] = tokens
    .slice(property.first, property.last + 1)
    .map(({ text }) => text)
    .join('')
    .match(/&(\w+)/) ?? [undefined, undefined];
  return name;
}
