// Devicetree source as one text of preprocessed tokens. Needed because a devicetree name, such as `#binding-cells`,
// is several C tokens.
import type { Token } from '../preprocessor/token.ts';

const WORD = /\w$/;
const WORD_START = /^\w/;

/** The text as GCC would print it, in one line, with the token of each offset. */
export class SourceText {
  readonly text: string;
  readonly tokens: readonly Token[];
  /** Offset of each token. */
  readonly #starts: number[] = [];

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
    let length = 0;
    const parts: string[] = [];
    for (const [index, token] of tokens.entries()) {
      const before = tokens[index - 1];
      if (before !== undefined && (token.spaceBefore || wouldJoin(before, token))) {
        parts.push(' ');
        length++;
      }
      this.#starts.push(length);
      parts.push(token.text);
      length += token.text.length;
    }
    this.text = parts.join('');
  }

  /** The index of the token at `offset`, or of the token before it. */
  indexAt(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Whether two tokens that are apart in the source would merge: GCC prints a space between them. */
function wouldJoin(before: Token, token: Token): boolean {
  return WORD.test(before.text) && WORD_START.test(token.text) && !isBeside(before, token);
}

/** Whether only a macro's name or brackets can be between two tokens in their source. */
function isBeside(before: Token, token: Token): boolean {
  const [a, b] = [before.origin, token.origin];
  if (a === undefined || b === undefined) return a === b;
  if (a.invocation !== b.invocation) return false;
  if (a.argument === undefined || b.argument === undefined) return a.argument === b.argument;
  return before.place === token.place && isBeside(a.argument, b.argument);
}
