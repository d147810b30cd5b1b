// Doubts: a file that was not found can have any text and define any name, so that keys near it, or that depend on a
// name which it may define, are not certain.
import { type Doubt, type Invocation, invocationsOf, type Place, type Token } from './token.ts';

/** So many are told apart, so that a file cannot make them many. */
const MAX_DOUBTS = 32;

/** The doubts that come up while files are read. */
export class Doubts {
  /** By their messages. */
  readonly #known = new Map<string, Doubt>();
  /** The first file that was not found. */
  #file: string | undefined;
  #gap: readonly Doubt[] = [];
  #asked: Doubt[] = [];
  /** Names that are not defined, and that conditions asked for after a file was not found. */
  readonly doubtful = new Map<string, Place>();

  /** Says that a file was not found here. */
  miss(file: string): void {
    this.#file ??= file;
    this.addToGap([this.#keep({ message: `${file} was not found` })]);
  }

  /** Says that a condition asks for a name that is not defined. */
  ask({ text: name, place }: Token): void {
    if (this.#file === undefined || name === 'true' || name === 'false') return;
    if (!this.doubtful.has(name)) this.doubtful.set(name, place);
    const message = `'${name}' may be defined in a file that was not found: ${this.#file}`;
    this.#asked.push(this.#keep({ name, message }));
  }

  /** The doubts about the condition that was read last; once. */
  takeAsked(): readonly Doubt[] {
    const asked = this.#asked;
    this.#asked = [];
    return asked;
  }

  /** Says that there may be something before the next token. */
  addToGap(doubts: readonly Doubt[]): void {
    this.#gap = allOf(this.#gap, doubts);
  }

  /** The next token, with what was said of the gap before it. */
  afterGap(token: Token): Token {
    const doubts = this.#gap;
    this.#gap = [];
    return withDoubts(token, doubts);
  }

  #keep(doubt: Doubt): Doubt {
    const isFull = this.#known.size >= MAX_DOUBTS && !this.#known.has(doubt.message);
    // One that stays, whatever is defined later.
    const kept = isFull ? { message: `${this.#file} was not found` } : doubt;
    const known = this.#known.get(kept.message) ?? kept;
    this.#known.set(kept.message, known);
    return known;
  }
}

/** All of these doubts, each once. */
export function allOf(...lists: (readonly Doubt[] | undefined)[]): readonly Doubt[] {
  const [first = [], ...others] = lists.filter(list => list !== undefined && list.length > 0);
  return others.length === 0 ? first : [...new Set([first, ...others].flatMap(list => list ?? []))];
}

/** The token, with these doubts besides its own. */
export function withDoubts(token: Token, doubts: readonly Doubt[]): Token {
  return doubts.length === 0 ? token : { ...token, doubts: allOf(token.doubts, doubts) };
}

/**
 * Why there may be something else in the place of a token, or before it. Macros in `spelled` are drawn by their names, so
 * that it does not matter what they stand for.
 */
export function doubtsOf(token: Token, spelled: readonly Invocation[] = []): readonly Doubt[] {
  let doubts = token.doubts ?? [];
  for (const one of invocationsOf(token)) {
    doubts = allOf(doubts, one.doubts, one.name.doubts);
    if (spelled.includes(one)) break;
    doubts = allOf(doubts, one.macro.doubts);
  }
  return doubts;
}
