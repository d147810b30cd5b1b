// Where the grammar could not go on, in words. A tree with errors says what was made of the source in the end, which
// can be an error that spans all of it; the parser's log says at which token it first stumbled.
import type { Node, Parser, Tree } from 'web-tree-sitter';
import type { LayoutError } from './layout.ts';

const MAX_SHOWN = 30;

/** The errors of a tree that has some, at most `limit`: the first exactly, and those that begin behind it. */
export function syntaxErrors(parser: Parser, tree: Tree, text: string, limit: number): LayoutError[] {
  const first = firstError(parser, text);
  const inTree = errorsOfTree(tree.rootNode, limit);
  if (first === undefined) return inTree;
  return [first, ...inTree.filter(error => isAfter(error, first))].slice(0, limit);
}

function isAfter(a: LayoutError, b: LayoutError): boolean {
  return a.line > b.line || (a.line === b.line && a.column > b.column);
}

/** Parses once more, up to the first error. */
function firstError(parser: Parser, text: string): LayoutError | undefined {
  let place: { line: number; column: number } | undefined;
  let lookahead: string | undefined;
  let missing: string | undefined;
  let done = false;
  parser.setLogger((message, isLexing) => {
    if (isLexing || done) return;
    const [, row, column] = /^process .*row:(\d+), col:(\d+)/.exec(message) ?? [];
    if (lookahead !== undefined) {
      // What it does about the error: puts in what is missing, or something that helps nobody but itself.
      missing = /^recover_with_missing symbol:(.+), state/.exec(message)?.[1];
      done = /^(?:recover_|skip_token)/.test(message);
    } else if (row !== undefined) {
      // Columns are in bytes of UTF-16 here.
      place = { line: Number(row) + 1, column: Number(column) / 2 + 1 };
    } else {
      lookahead = /^detect_error lookahead:(.+)/s.exec(message)?.[1];
    }
  });
  try {
    parser.parse(text, null, { progressCallback: () => done })?.delete();
  } finally {
    parser.reset();
    parser.setLogger(null);
  }
  if (place === undefined || lookahead === undefined) return undefined;
  if (missing !== undefined) return { ...place, message: `'${missing}' is missing here` };
  return unexpected(text, place);
}

/** The place is where the last good token ends; what could not be read comes after the space behind it. */
function unexpected(text: string, { line, column }: { line: number; column: number }): LayoutError {
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0) + column - 1;
  const rest = text.slice(before);
  const start = before + (rest.length - rest.trimStart().length);
  const position = positionOf(text, start);
  if (start >= text.length) {
    return { line, column, message: "the file ends here, but a '{', '<' or '(' before it is still open" };
  }
  return {
    ...position,
    message: `cannot be read from here: ${shown(text.slice(start, start + MAX_SHOWN * 2))}`,
  };
}

function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

function errorsOfTree(root: Node, limit: number): LayoutError[] {
  const errors: LayoutError[] = [];
  const cursor = root.walk();
  try {
    // Only subtrees with errors are entered; without recursion, since they can be nested as deep as the file is long.
    for (;;) {
      const node = cursor.currentNode;
      const error = errorAt(node);
      if (error !== undefined) errors.push(error);
      if (errors.length >= limit) return errors;
      if (error === undefined && node.hasError && cursor.gotoFirstChild()) continue;
      while (!cursor.gotoNextSibling()) if (!cursor.gotoParent()) return errors;
    }
  } finally {
    cursor.delete();
  }
}

function errorAt(node: Node): LayoutError | undefined {
  if (!node.isMissing && !node.isError) return undefined;
  const { row, column } = node.startPosition;
  const message = node.isMissing
    ? `'${node.type}' is missing here`
    : `cannot be read from here: ${shown(node.text)}`;
  return { line: row + 1, column: column + 1, message };
}

function shown(text: string): string {
  const [line = ''] = text.trim().split(/\r?\n/);
  return line.length > MAX_SHOWN ? `${line.slice(0, MAX_SHOWN)}…` : line;
}
