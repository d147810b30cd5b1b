// Preprocessing tokens with their origin. A drawing shows a key as written (`&kp UNDO`), though its structure is
// known only after macro expansion.

import type { HideSet } from './hide-set.ts';

/** The reason that something may be missing, extra or different at a place. */
export interface Doubt {
  message: string;
  /**
   * The name in the condition. If it is later defined as nothing, as in an include guard, the doubt does not count.
   */
  name?: string;
}

/** A source file, or a built-in header. */
export interface SourceFile {
  /** Name in messages: a path, or `<dt-bindings/zmk/keys.h>`. */
  name: string;
  text: string;
  /** Whether it belongs to ZMK, Zephyr or a module instead of the author. */
  isSystem: boolean;
}

/** A position in a file. Line and column are 1-based. */
export interface Place {
  file: SourceFile;
  line: number;
  column: number;
}

/** A mistake and its place. */
export interface Problem {
  place: Place;
  message: string;
}

/**
 * `string` and `character` include their quotes. `other` is text that is not a C token, such as a lone quote with
 * the rest of its line.
 */
export type TokenKind = 'name' | 'number' | 'string' | 'character' | 'punctuator' | 'other';

export interface Token {
  kind: TokenKind;
  text: string;
  /** Whether white space, a comment or a line end comes before it. */
  spaceBefore: boolean;
  /** Where it is written. For a token from a macro, this is in the macro's definition. */
  place: Place;
  /** Undefined when written outside of macro definitions. */
  origin?: Origin;
  hideSet?: HideSet;
  /** Reasons that other tokens may belong here, or between the previous token and this one. */
  doubts?: readonly Doubt[];
}

/** Origin of a token from a macro expansion. */
export interface Origin {
  invocation: Invocation;
  /** The argument token that replaced a parameter. `place` is then the place of the parameter. */
  argument?: Token;
}

/** One use of a macro. */
export interface Invocation {
  macro: Macro;
  name: Token;
  /** Arguments as written, before expansion. Undefined for an object-like macro. */
  args?: readonly Token[][];
  /** The closing bracket of the arguments. An expansion may end with a macro name whose arguments follow it. */
  close?: Token;
  /** Doubts about the arguments. */
  doubts?: readonly Doubt[];
}

/** `#define NAME body` or `#define NAME(parameters) body`. */
export interface Macro {
  name: string;
  /** Undefined for an object-like macro. With `isVariadic`, the last one is variadic. */
  parameters?: readonly string[];
  isVariadic: boolean;
  body: readonly Token[];
  /** For macros such as `__LINE__`: computes the expansion at each use. */
  dynamic?: (use: Token) => string;
  /** Reasons that it may be defined differently, or not at all. */
  doubts?: readonly Doubt[];
  /** The place of its name in the definition. */
  place: Place;
}

/** One step from a file to a token: the place, and the macro whose expansion contains it. */
export interface Frame {
  place: Place;
  /** Undefined when the place is outside of macro definitions. */
  invocation?: Invocation;
}

/** Further frames are never useful, and a chain of macros can be as long as a file. */
const MAX_FRAMES = 64;

const known = new WeakMap<Token, readonly Frame[]>();

/**
 * The path to a token, from the outermost place, where the file uses a macro, to the innermost, where the token is
 * written. Never empty. At most 64 frames; the last is always the innermost.
 */
export function framesOf(token: Token): readonly Frame[] {
  // Iterative, because a chain of macros could overflow the stack.
  const waiting = [token];
  for (let next = waiting.at(-1); next !== undefined; next = waiting.at(-1)) {
    const { invocation, argument } = next.origin ?? {};
    const needed = [invocation?.name, argument].filter(other => other !== undefined && !known.has(other));
    if (needed.length > 0) {
      waiting.push(...(needed as Token[]));
    } else {
      if (!known.has(next)) known.set(next, findFrames(next));
      waiting.pop();
    }
  }
  return known.get(token)!;
}

function findFrames({ place, origin }: Token): readonly Frame[] {
  if (origin === undefined) return [{ place }];
  const outer = known.get(origin.invocation.name)!;
  const own: Frame = { place, invocation: origin.invocation };
  if (origin.argument === undefined) return limited([...outer, own]);
  // The argument was written beside the macro's name, so their common frames are not repeated.
  const inner = known.get(origin.argument)!;
  let shared = 0;
  while (shared < inner.length - 1 && isSame(inner[shared], outer[shared])) shared++;
  return limited([...outer, own, ...inner.slice(shared)]);
}

function limited(frames: Frame[]): Frame[] {
  return frames.length <= MAX_FRAMES ? frames : [...frames.slice(0, MAX_FRAMES - 1), frames.at(-1)!];
}

function isSame(a: Frame | undefined, b: Frame | undefined): boolean {
  return a !== undefined && a.invocation === b?.invocation && a.place === b?.place;
}

/** The place where a token is written. */
export function writtenAt(token: Token): Place {
  let inner = token;
  while (inner.origin?.argument !== undefined) inner = inner.origin.argument;
  return inner.place;
}

/** The place in a file, outside of macro definitions, that a token comes from. */
export function usedAt(token: Token): Place {
  return usedToken(token).place;
}

/** The end of that place: after the token, or after the name of the macro that it comes from. */
export function usedUntil(token: Token): Place {
  const { text, place } = usedToken(token);
  return { ...place, column: place.column + text.length };
}

function usedToken(token: Token): Token {
  let outer = token;
  while (outer.origin !== undefined) outer = outer.origin.invocation.name;
  return outer;
}

/** The macros whose expansion contains a token, outermost first. */
export function invocationsOf(token: Token): Invocation[] {
  return framesOf(token).flatMap(({ invocation }) => invocation ?? []);
}

/** Whether a token is this punctuator. */
export function isPunctuator(token: Token | undefined, text: string): boolean {
  return token?.kind === 'punctuator' && token.text === text;
}

/** The text of tokens as a preprocessor prints them on one line. */
export function textOf(tokens: readonly Token[]): string {
  return tokens
    .map(({ text, spaceBefore }) => (spaceBefore ? ` ${text}` : text))
    .join('')
    .trim();
}
