// From the text of a `.keymap` to a layout.
import type { Node } from 'web-tree-sitter';
import { type BindingContext, type PlacedBinding, readBindings } from './bindings.ts';
import { devicetreeParser } from './grammar.ts';
import type { Layer, Layout } from './layout.ts';
import { preprocess } from './preprocess.ts';
import { syntaxErrors } from './syntax-errors.ts';

/** Characters. The largest keymaps in use have a fifth of it, and the worst of this length takes half a second. */
export const MAX_KEYMAP_LENGTH = 256 * 1024;

const MAX_ERRORS = 20;
/** In all layers together. Thirty layers of a hundred keys are many. */
export const MAX_KEYS = 20_000;
/** Of brackets: nodes in nodes, and parameters in parameters. */
const MAX_DEPTH = 100;

/**
 * The layers of a keymap: the children of every node with `compatible = "zmk,keymap"`, in order, one for each that
 * has `bindings`. Comments do not count. Of each conditional the branch counts that is compiled when nothing is
 * defined elsewhere; macros of keys that the file itself defines are replaced, and included files are not read.
 *
 * Never rejects for what is in the source: what the grammar cannot read is in `errors`, the rest in `layers`.
 */
export async function parseKeymap(source: string): Promise<Layout> {
  if (source.length > MAX_KEYMAP_LENGTH) {
    return refused(1, `the keymap has ${source.length} characters, at most ${MAX_KEYMAP_LENGTH} are allowed`);
  }
  const parser = await devicetreeParser();
  const { text, macros, errors } = preprocess(source);
  const tooDeep = lineOfDepth(text, MAX_DEPTH);
  if (tooDeep !== undefined) return refused(tooDeep, `brackets are nested deeper than ${MAX_DEPTH}`);
  const tree = parser.parse(text);
  if (tree === null) throw new Error('the devicetree parser gave nothing');
  try {
    const root = tree.rootNode;
    const context: BindingContext = { parser, macros, keysLeft: MAX_KEYS };
    const keymaps = root.descendantsOfType('node').filter(node => node !== null && isKeymap(node));
    const layers = keymaps.flatMap(keymap => readLayers(keymap!, context));
    if (context.keysLeft < 0) return refused(1, `the keymap has more than ${MAX_KEYS} keys`);
    if (root.hasError) errors.push(...syntaxErrors(parser, tree, text, MAX_ERRORS));
    if (layers.length === 0 && errors.length === 0) {
      return refused(
        1,
        'there are no layers: no node with compatible = "zmk,keymap" has children with bindings',
      );
    }
    errors.sort((a, b) => a.line - b.line || a.column - b.column);
    return { layers, errors: errors.slice(0, MAX_ERRORS) };
  } finally {
    tree.delete();
  }
}

function refused(line: number, message: string): Layout {
  return { layers: [], errors: [{ line, column: 1, message }] };
}

/** The line where brackets are nested deeper than `limit`: the parser would take seconds for far deeper ones. */
function lineOfDepth(text: string, limit: number): number | undefined {
  let depth = 0;
  for (const { 0: found, index } of text.matchAll(/"(?:\\.|[^"\\\n])*"|[({]|[)}]/g)) {
    if (found === '(' || found === '{') depth++;
    if (found === ')' || found === '}') depth = Math.max(0, depth - 1);
    if (depth > limit) return text.slice(0, index).split('\n').length;
  }
  return undefined;
}

function isKeymap(node: Node): boolean {
  const compatible = propertyOf(node, 'compatible');
  return compatible !== undefined && textsOf(compatible).includes('zmk,keymap');
}

function readLayers(keymap: Node, context: BindingContext): Layer[] {
  return keymap.namedChildren
    .filter(node => node?.type === 'node')
    .flatMap(node => {
      const layer = readLayer(node!, context);
      return layer === undefined ? [] : [layer];
    });
}

function readLayer(node: Node, context: BindingContext): Layer | undefined {
  const bindings = propertyOf(node, 'bindings');
  if (bindings === undefined) return undefined;
  const placed = readBindings(bindings, context);
  const sensors = propertyOf(node, 'sensor-bindings');
  const label = propertyOf(node, 'display-name') ?? propertyOf(node, 'label');
  const displayName = label && textsOf(label)[0];
  return {
    name: node.childForFieldName('name')?.text ?? '',
    ...(displayName !== undefined && { displayName }),
    bindings: placed.map(({ binding }) => binding),
    sensorBindings: sensors ? readBindings(sensors, context).map(({ binding }) => binding) : [],
    rows: rowsOf(placed),
  };
}

/** The property of this name; the last, as for the devicetree compiler. */
function propertyOf(node: Node, name: string): Node | undefined {
  const properties = node.namedChildren.filter(child => child?.type === 'property');
  return properties.findLast(property => property!.childForFieldName('name')?.text === name) ?? undefined;
}

function textsOf(property: Node): string[] {
  return property
    .childrenForFieldName('value')
    .filter(value => value?.type === 'string_literal')
    .map(value => value!.text.slice(1, -1).replace(/\\(.)/gs, '$1'));
}

function rowsOf(placed: readonly PlacedBinding[]): number[] {
  const counts = new Map<number, number>();
  for (const { line } of placed) counts.set(line, (counts.get(line) ?? 0) + 1);
  return [...counts.values()];
}
