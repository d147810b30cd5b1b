// The scanner of preprocessed devicetree source, which notes what is wrong in it and where.
import { type Place, type Problem, usedAt, usedUntil } from '../preprocessor/token.ts';
import type { SourceText } from './source-text.ts';

/** There is no point in reading on; a problem says why. */
export class StopError extends Error {}

const MAX_PROBLEMS = 20;
const MAX_SHOWN = 30;
const SPACE = /\s+/y;
const LABEL = /([A-Za-z_]\w*)\s*:/y;

/** `&label`, or `&{/a/path}`. */
export const REFERENCE = /&(?:([A-Za-z_]\w*)|\{([^}]*)\})/y;
export const IDENTIFIER = /[A-Za-z_]\w*/y;

export class Scanner {
  readonly source: SourceText;
  readonly text: string;
  readonly problems: Problem[] = [];
  /** How far it is. */
  at = 0;
  /** Whether there are statements that could not be read. */
  hasSkipped = false;
  readonly #start: Place;

  constructor(source: SourceText) {
    this.source = source;
    this.text = source.text;
    const nothing = { file: { name: '', text: '', isSystem: false }, line: 1, column: 1 };
    this.#start = source.tokens[0]?.place ?? nothing;
  }

  /** Whether nothing but space follows. */
  isEnd(): boolean {
    this.skipSpace();
    return this.at >= this.text.length;
  }

  skipSpace(): void {
    SPACE.lastIndex = this.at;
    this.at += SPACE.exec(this.text)?.[0].length ?? 0;
  }

  /** Goes over what a sticky pattern matches here, behind space; undefined when it does not. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    this.skipSpace();
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) return undefined;
    this.at += found[0].length;
    return found;
  }

  /** Goes over a character, behind space; false when there is another. */
  take(character: string): boolean {
    this.skipSpace();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  /** Goes over `label:`, any number of times. */
  takeLabels(): string[] {
    const labels: string[] = [];
    for (let found = this.match(LABEL); found !== undefined; found = this.match(LABEL)) {
      labels.push(found[1]!);
    }
    return labels;
  }

  /**
   * Goes behind the bracket that closes the one before. Between `<` and `>` it must be in the same statement; the
   * arguments of a macro that nothing explains may be anything.
   */
  skipBrackets(where: 'cells' | 'arguments'): void {
    const open = this.at - 1;
    const message = "the bracket that opens here is not closed: ')' is missing";
    let depth = 1;
    const bracket = /[()]|[;{}]|"(?:\\.|[^"\\])*"/g;
    bracket.lastIndex = this.at;
    for (let found = bracket.exec(this.text); found !== null; found = bracket.exec(this.text)) {
      if (found[0] === '(') depth++;
      if (found[0] === ')' && --depth === 0) {
        this.at = found.index + 1;
        return;
      }
      if (where === 'cells' && /[;{}]/.test(found[0])) {
        this.complain(this.placeOf(open), message);
        const end = this.text.lastIndexOf('>', found.index);
        this.at = end > open ? end : found.index;
        return;
      }
    }
    this.stop(this.placeOf(open), message);
  }

  /** Goes behind the next such character. */
  skipTo(character: string): void {
    const end = this.text.indexOf(character, this.at);
    if (end < 0) this.stop(this.placeOf(this.at - 1), `'${character}' is missing behind this`);
    this.at = end + 1;
  }

  /** Goes behind the next semicolon, or to the bracket that ends the node. */
  skipStatement(): void {
    let depth = 0;
    const part = /[{};]|"(?:\\.|[^"\\])*"/g;
    part.lastIndex = this.at;
    for (let found = part.exec(this.text); found !== null; found = part.exec(this.text)) {
      this.at = found.index + found[0].length;
      if (found[0] === '{') depth++;
      if (found[0] === ';' && depth === 0) return;
      if (found[0] === '}' && depth-- === 0) {
        this.at--;
        return;
      }
    }
    this.at = this.text.length;
  }

  /** Says that this cannot be read, and goes on behind it. */
  skipUnreadable(): void {
    this.hasSkipped = true;
    this.unexpected();
    const start = this.at;
    this.skipStatement();
    // A bracket that ends nothing.
    if (this.at === start) this.at++;
  }

  /** Says that this cannot be read. */
  unexpected(): void {
    this.skipSpace();
    if (this.at >= this.text.length) {
      this.stop(this.endOfLast(), "the file ends here, but a '{', '<' or '=' before it is still open");
    }
    const place = this.placeOf(this.at);
    const line = place.file.text.split('\n', place.line)[place.line - 1] ?? '';
    const rest = line.slice(place.column - 1).trim();
    const shown = rest.length > MAX_SHOWN ? `${rest.slice(0, MAX_SHOWN)}…` : rest;
    this.complain(place, `cannot be read from here: ${shown}`);
  }

  /** Says that a character is missing where the last good token ends. */
  missing(character: string): void {
    const before = this.text.slice(0, this.at).trimEnd().length;
    const token = this.source.tokens[this.source.indexAt(Math.max(0, before - 1))]!;
    this.complain(usedUntil(token), `'${character}' is missing here`);
  }

  /** The place in a file that the text at `offset` comes from. */
  placeOf(offset: number): Place {
    const token = this.source.tokens[this.source.indexAt(offset)];
    return token === undefined ? this.#start : usedAt(token);
  }

  /** Where the last token ends. */
  endOfLast(): Place {
    const last = this.source.tokens.at(-1);
    return last === undefined ? this.#start : usedUntil(last);
  }

  /** Notes what is wrong. Throws {@link StopError} when there is too much of it. */
  complain(place: Place, message: string): void {
    this.problems.push({ place, message });
    if (this.problems.length >= MAX_PROBLEMS) throw new StopError();
  }

  /** Notes what is wrong, and ends the reading. */
  stop(place: Place, message: string): never {
    this.hasSkipped = true;
    this.problems.push({ place, message });
    throw new StopError();
  }
}
