// Preprocessing tokens, and where each comes from: a drawing shows a key as its author wrote it (`&kp UNDO`), though
// its structure is known only when all macros are expanded.

import type { HideSet } from './hide-set.ts';

/** Why there may be more, less or something else at a place. */
export interface Doubt {
  message: string;
  /** The name that a condition asks for. A doubt does not count when the name is defined as nothing later, as in a guard. */
  name?: string;
}

/** A file that is read, or a header that Glovebox itself holds. */
export interface SourceFile {
  /** How messages call it: a path, or `<dt-bindings/zmk/keys.h>`. */
  name: string;
  text: string;
  /** Whether it is ZMK's, Zephyr's or a module's, and not the author's own. */
  isSystem: boolean;
}

/** A position in a file. Line and column are 1-based. */
export interface Place {
  file: SourceFile;
  line: number;
  column: number;
}

/** What is wrong, and where. */
export interface Problem {
  place: Place;
  message: string;
}

/**
 * `string` and `character` include their quotes; `other` is anything that begins no token of C, such as a lone quote
 * with the rest of its line.
 */
export type TokenKind = 'name' | 'number' | 'string' | 'character' | 'punctuator' | 'other';

export interface Token {
  kind: TokenKind;
  text: string;
  /** Whether whitespace, a comment or a line end is before it. */
  spaceBefore: boolean;
  /** Where it is written: in the macro's definition, if it comes from one. */
  place: Place;
  /** Undefined: written outside of macro definitions. */
  origin?: Origin;
  hideSet?: HideSet;
  /** Why something else may belong here, or between the token before it and this one. */
  doubts?: readonly Doubt[];
}

/** How a token came out of a macro. */
export interface Origin {
  invocation: Invocation;
  /** The token of the argument, when it took the place of a parameter: then `place` is where the parameter is. */
  argument?: Token;
}

/** One use of a macro. */
export interface Invocation {
  macro: Macro;
  name: Token;
  /** As they were written, before their expansion; undefined for an object-like macro. */
  args?: readonly Token[][];
  /** The bracket behind the arguments: what a macro stands for may end with a name, and its arguments follow the use. */
  close?: Token;
  /** Those of the arguments. */
  doubts?: readonly Doubt[];
}

/** `#define NAME body` or `#define NAME(parameters) body`. */
export interface Macro {
  name: string;
  /** Undefined: object-like. The last one is the variable one when `isVariadic`. */
  parameters?: readonly string[];
  isVariadic: boolean;
  body: readonly Token[];
  /** For macros such as `__LINE__`: what it stands for at its use, instead of a body. */
  dynamic?: (use: Token) => string;
  /** Why it may be defined in another way, or not at all. */
  doubts?: readonly Doubt[];
  /** Where its name is in the definition. */
  place: Place;
}

/** One step on the way from a file to a token: the place, and the macro in whose expansion it lies. */
export interface Frame {
  place: Place;
  /** Undefined: the place is outside of macro definitions. */
  invocation?: Invocation;
}

/** More are never of use, and a chain of macros can be as long as a file. */
const MAX_FRAMES = 64;

const known = new WeakMap<Token, readonly Frame[]>();

/**
 * The way to a token, from the outermost place (where the file uses a macro) to the innermost (where the token is
 * written). Never empty; at most 64 frames, of which the last is always the innermost.
 */
export function framesOf(token: Token): readonly Frame[] {
  // Without recursion: a chain of macros can be as long as the stack is deep.
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
  // The argument was written beside the macro's name: what both have in common is not repeated.
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

/** The place where a token's text is written. */
export function writtenAt(token: Token): Place {
  let inner = token;
  while (inner.origin?.argument !== undefined) inner = inner.origin.argument;
  return inner.place;
}

/** The place in a file, outside of macro definitions, that a token comes from. */
export function usedAt(token: Token): Place {
  return usedToken(token).place;
}

/** Where that ends: behind the token, or behind the name of the macro that it comes from. */
export function usedUntil(token: Token): Place {
  const { text, place } = usedToken(token);
  return { ...place, column: place.column + text.length };
}

function usedToken(token: Token): Token {
  let outer = token;
  while (outer.origin !== undefined) outer = outer.origin.invocation.name;
  return outer;
}

/** The macros in whose expansion a token lies, the outermost first. */
export function invocationsOf(token: Token): Invocation[] {
  return framesOf(token).flatMap(({ invocation }) => invocation ?? []);
}

/** Whether it is this sign. */
export function isPunctuator(token: Token | undefined, text: string): boolean {
  return token?.kind === 'punctuator' && token.text === text;
}

/** The text of tokens as a preprocessor would print them on one line. */
export function textOf(tokens: readonly Token[]): string {
  return tokens
    .map(({ text, spaceBefore }) => (spaceBefore ? ` ${text}` : text))
    .join('')
    .trim();
}
