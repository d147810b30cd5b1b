// From the cells between `<` and `>` to keys.
import type { Node, Parser } from 'web-tree-sitter';
import type { Binding } from './layout.ts';
import { expandKeys, type Macros } from './macros.ts';

/** A key, and the line of the source that it begins on (0-based). */
export interface PlacedBinding {
  binding: Binding;
  line: number;
}

/** What reading cells needs besides the cells. */
export interface BindingContext {
  parser: Parser;
  macros: Macros;
  /** Keys that may still be read in this keymap: what macros stand for can be far larger than the file. */
  keysLeft: number;
}

/** Keys in the value of a property: every `&name` begins one and what follows belongs to it. */
export function readBindings(property: Node, context: BindingContext): PlacedBinding[] {
  const found: PlacedBinding[] = [];
  for (const cells of property.childrenForFieldName('value')) {
    if (cells?.type === 'reference') add(found, cells, cells.startPosition.row);
    if (cells?.type !== 'integer_cells') continue;
    for (const cell of cells.namedChildren) {
      if (context.keysLeft < found.length) break;
      if (cell !== null) readCell(found, cell, cell.startPosition.row, context);
    }
  }
  context.keysLeft -= found.length;
  return found;
}

function readCell(found: PlacedBinding[], cell: Node, line: number, context: BindingContext): void {
  const keys = isMacroUse(cell) ? expandKeys(cell.text, context.macros) : undefined;
  if (keys === undefined || !readText(found, keys, line, context)) add(found, cell, line);
}

function isMacroUse({ type }: Node): boolean {
  return type === 'identifier' || type === 'call_expression';
}

/** Reads what a macro stands for as if it were written on `line`; false when the grammar cannot. */
function readText(found: PlacedBinding[], keys: string, line: number, { parser }: BindingContext): boolean {
  const tree = parser.parse(`/{a{b=<${keys.replace(/\s+/g, ' ')}>;};};`);
  if (tree === null) return false;
  try {
    if (tree.rootNode.hasError) return false;
    const [cells] = tree.rootNode.descendantsOfType('integer_cells');
    for (const cell of cells?.namedChildren ?? []) if (cell !== null) add(found, cell, line);
    return true;
  } finally {
    tree.delete();
  }
}

function add(found: PlacedBinding[], cell: Node, line: number): void {
  if (cell.type === 'comment' || cell.isError) return;
  const text = cell.text.replace(/\s+/g, ' ');
  const last = found.at(-1);
  if (cell.type === 'reference') found.push({ binding: { behavior: text.slice(1), parameters: [] }, line });
  // Nothing to belong to: a macro from an included file, which stands for keys of its own.
  else if (last === undefined) found.push({ binding: { behavior: text, parameters: [] }, line });
  else last.binding.parameters.push(text);
}
