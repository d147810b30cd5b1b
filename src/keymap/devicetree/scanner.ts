// Scanner of preprocessed devicetree source. Collects problems with their places.
import { type Place, type Problem, usedAt, usedUntil } from '../preprocessor/token.ts';
import type { SourceText } from './source-text.ts';

/** Ends the scan early. A problem already states the reason. */
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
  /** Current offset in the text. */
  at = 0;
  /** Whether statements were skipped because they could not be read. */
  hasSkipped = false;
  readonly #start: Place;

  constructor(source: SourceText) {
    this.source = source;
    this.text = source.text;
    const nothing = { file: { name: '', text: '', isSystem: false }, line: 1, column: 1 };
    this.#start = source.tokens[0]?.place ?? nothing;
  }

  /** Whether only white space follows. */
  isEnd(): boolean {
    this.skipSpace();
    return this.at >= this.text.length;
  }

  skipSpace(): void {
    SPACE.lastIndex = this.at;
    this.at += SPACE.exec(this.text)?.[0].length ?? 0;
  }

  /** Skips white space and consumes a match of a sticky pattern; returns undefined when there is none. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    this.skipSpace();
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) return undefined;
    this.at += found[0].length;
    return found;
  }

  /** Skips white space and consumes a character; returns false when another one follows. */
  take(character: string): boolean {
    this.skipSpace();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  /** Consumes any number of `label:`. */
  takeLabels(): string[] {
    const labels: string[] = [];
    for (let found = this.match(LABEL); found !== undefined; found = this.match(LABEL)) {
      labels.push(found[1]!);
    }
    return labels;
  }

  /**
   * Moves past the bracket that closes the previous one. Between `<` and `>` it must be in the same statement; the
   * arguments of an undefined macro may be anything.
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

  /** Moves past the next such character. */
  skipTo(character: string): void {
    const end = this.text.indexOf(character, this.at);
    if (end < 0) this.stop(this.placeOf(this.at - 1), `'${character}' is missing after this`);
    this.at = end + 1;
  }

  /** Moves past the next semicolon, or to the bracket that closes the node. */
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

  /** Reports unreadable text and moves past it. */
  skipUnreadable(): void {
    this.hasSkipped = true;
    this.unexpected();
    const start = this.at;
    this.skipStatement();
    // A closing bracket without an opening one.
    if (this.at === start) this.at++;
  }

  /** Reports unreadable text. */
  unexpected(): void {
    this.skipSpace();
    if (this.at >= this.text.length) {
      this.stop(this.endOfLast(), "the file ends here, but a '{', '<' or '=' before it is still open");
    }
    const place = this.placeOf(this.at);
    const line = place.file.text.split('\n', place.line)[place.line - 1] ?? '';
    const rest = line.slice(place.column - 1).trim();
    const shown = rest.length > MAX_SHOWN ? `${rest.slice(0, MAX_SHOWN)}…` : rest;
    this.complain(place, `cannot read from here: ${shown}`);
  }

  /** Reports that a character is missing after the last good token. */
  missing(character: string): void {
    const before = this.text.slice(0, this.at).trimEnd().length;
    const token = this.source.tokens[this.source.indexAt(Math.max(0, before - 1))]!;
    this.complain(usedUntil(token), `'${character}' is missing here`);
  }

  /** The source place of the text at `offset`. */
  placeOf(offset: number): Place {
    const token = this.source.tokens[this.source.indexAt(offset)];
    return token === undefined ? this.#start : usedAt(token);
  }

  /** The place where the last token ends. */
  endOfLast(): Place {
    const last = this.source.tokens.at(-1);
    return last === undefined ? this.#start : usedUntil(last);
  }

  /** Adds a problem. Throws {@link StopError} when there are too many. */
  complain(place: Place, message: string): void {
    this.problems.push({ place, message });
    if (this.problems.length >= MAX_PROBLEMS) throw new StopError();
  }

  /** Adds a problem and stops the scan. */
  stop(place: Place, message: string): never {
    this.hasSkipped = true;
    this.problems.push({ place, message });
    throw new StopError();
  }
}
