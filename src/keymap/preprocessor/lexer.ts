// Lexer of preprocessing tokens, after GCC for `assembler-with-cpp`: a backslash at a line end joins lines, a
// comment counts as a space, and an unclosed quote takes the rest of its line.
import type { SourceFile, Token, TokenKind } from './token.ts';

/** A lexical error. */
export interface LexicalError {
  message: string;
  line: number;
  column: number;
}

/** Patterns of each token kind, tried in this order. */
const PATTERNS: readonly [TokenKind, RegExp][] = [
  ['name', /[A-Za-z_]\w*/y],
  ['punctuator', /\.\.\.|##|<<|>>|<=|>=|==|!=|&&|\|\||(?!\.\d)[!#-&(-/:-@[-^`{-~]/y],
  ['number', /\.?\d(?:[eEpP][+-]|[\w.])*/y],
  ['string', /"(?:\\.|[^"\\\n])*"/y],
  ['character', /'(?:\\.|[^'\\\n])*'/y],
  // A lone quote, or text that is not ASCII.
  ['other', /["'][^\n]*|[\u0080-\u{10ffff}]+/uy],
];
const SPACE = /[ \t\f\v\r]+|^\uFEFF|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y;

/**
 * The tokens of each nonempty line. A backslash or a comment joins a line to the next. Errors go to `onError`, and
 * the lexer continues.
 */
export function readLines(file: SourceFile, onError: (error: LexicalError) => void = () => {}): Token[][] {
  const { text, positionOf } = joinLines(file.text);
  const lines: Token[][] = [];
  let line: Token[] = [];
  let spaceBefore = true;
  const endLine = (): void => {
    if (line.length > 0) lines.push(line);
    line = [];
    spaceBefore = true;
  };
  for (let at = 0; at < text.length; ) {
    if (text[at] === '\n') {
      endLine();
      at++;
      continue;
    }
    SPACE.lastIndex = at;
    const space = SPACE.exec(text)?.[0];
    if (space !== undefined) {
      if (space.startsWith('/*') && (space.length < 4 || !space.endsWith('*/'))) {
        onError({
          message: "the comment that begins here is not closed: '*/' is missing",
          ...positionOf(at),
        });
      }
      spaceBefore = true;
      at += space.length;
      continue;
    }
    const [kind, end] = tokenAt(text, at);
    const place = { file, ...positionOf(at) };
    line.push({ kind, text: text.slice(at, end), spaceBefore, place });
    spaceBefore = false;
    at = end;
  }
  endLine();
  return lines;
}

/** The kind of the token at `at`, and the offset where it ends. */
function tokenAt(text: string, at: number): [TokenKind, end: number] {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    if (pattern.test(text)) return [kind, pattern.lastIndex];
  }
  return ['other', at + 1];
}

/** Splits a text, such as a result of `##`, into tokens. All get the place of `like`. */
export function readTokens(text: string, like: Token): Token[] {
  const lines = readLines({ ...like.place.file, text });
  return lines.flat().map(token => ({ ...token, place: like.place }));
}

/**
 * The text with joined lines, and the source offset of each character. Offsets must be queried in ascending order.
 */
function joinLines(source: string): {
  text: string;
  positionOf: (offset: number) => { line: number; column: number };
} {
  let text = '';
  let sourceAt = 0;
  // For each part between joins: its offset in the text, and how many characters were removed before it.
  const parts: { begin: number; removed: number }[] = [];
  for (const { index, 0: joint } of [...source.matchAll(/\\[ \t]*\r?\n|$/g)]) {
    parts.push({ begin: text.length, removed: sourceAt - text.length });
    text += source.slice(sourceAt, index);
    sourceAt = index + joint.length;
  }
  let part = 0;
  let line = 1;
  let lineBegin = 0;
  let lineEnd = source.indexOf('\n');
  const positionOf = (offset: number) => {
    while (part + 1 < parts.length && parts[part + 1]!.begin <= offset) part++;
    const at = offset + parts[part]!.removed;
    while (lineEnd >= 0 && lineEnd < at) {
      line++;
      lineBegin = lineEnd + 1;
      lineEnd = source.indexOf('\n', lineBegin);
    }
    return { line, column: at - lineBegin + 1 };
  };
  return { text, positionOf };
}
