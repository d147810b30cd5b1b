// Doubts about tokens. A file that was not found may contain any text and define any name, so keys near its
// include, or under a condition on such a name, are uncertain.
import { type Doubt, type Invocation, invocationsOf, type Place, type Token } from './token.ts';

/** Bounded, so that a file cannot create arbitrarily many. */
const MAX_DOUBTS = 32;

/** Collects doubts while files are read. */
export class Doubts {
  /** Known doubts by message. */
  readonly #known = new Map<string, Doubt>();
  /** The first file that was not found. */
  #file: string | undefined;
  #gap: readonly Doubt[] = [];
  #asked: Doubt[] = [];
  /** Undefined names in conditions that follow a missing file. */
  readonly doubtful = new Map<string, Place>();

  /** Records that a file was not found here. */
  miss(file: string): void {
    this.#file ??= file;
    this.addToGap([this.#keep({ message: `${file} was not found` })]);
  }

  /** Records that a condition uses an undefined name. */
  ask({ text: name, place }: Token): void {
    if (this.#file === undefined || name === 'true' || name === 'false') return;
    if (!this.doubtful.has(name)) this.doubtful.set(name, place);
    const message = `'${name}' may be defined in a file that was not found: ${this.#file}`;
    this.#asked.push(this.#keep({ name, message }));
  }

  /** Returns the doubts about the last condition and clears them. */
  takeAsked(): readonly Doubt[] {
    const asked = this.#asked;
    this.#asked = [];
    return asked;
  }

  /** Records that something may be missing before the next token. */
  addToGap(doubts: readonly Doubt[]): void {
    this.#gap = allOf(this.#gap, doubts);
  }

  /** Returns the token with the doubts about the gap before it. */
  afterGap(token: Token): Token {
    const doubts = this.#gap;
    this.#gap = [];
    return withDoubts(token, doubts);
  }

  #keep(doubt: Doubt): Doubt {
    const isFull = this.#known.size >= MAX_DOUBTS && !this.#known.has(doubt.message);
    // A doubt that stays, whatever is defined later.
    const kept = isFull ? { message: `${this.#file} was not found` } : doubt;
    const known = this.#known.get(kept.message) ?? kept;
    this.#known.set(kept.message, known);
    return known;
  }
}

/** Merges lists of doubts; each doubt appears once. */
export function allOf(...lists: (readonly Doubt[] | undefined)[]): readonly Doubt[] {
  const [first = [], ...others] = lists.filter(list => list !== undefined && list.length > 0);
  return others.length === 0 ? first : [...new Set([first, ...others].flatMap(list => list ?? []))];
}

/** The token with these doubts added. */
export function withDoubts(token: Token, doubts: readonly Doubt[]): Token {
  return doubts.length === 0 ? token : { ...token, doubts: allOf(token.doubts, doubts) };
}

/**
 * Reasons that something else may be in the place of a token, or before it. Macros in `spelled` are drawn by name,
 * so their expansion does not matter.
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
