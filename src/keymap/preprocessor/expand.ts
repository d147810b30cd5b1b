// Macro expansion as in the C standard: arguments are expanded first, the result is rescanned, and a name in its
// own expansion is not expanded again (Dave Prosser's algorithm with hide sets). Where the standard leaves freedom,
// it follows GCC with `assembler-with-cpp`: `#` before anything but a parameter stays, and tokens that `##` cannot
// paste stay side by side.

import { type Arguments, fitArguments, isAbsent, takeArguments } from './arguments.ts';
import { allOf, withDoubts } from './doubts.ts';
import { type HideSet, intersection, NO_HIDE_SET, union, withName } from './hide-set.ts';
import { readTokens } from './lexer.ts';
import { type Doubt, type Invocation, isPunctuator, type Macro, type Token } from './token.ts';

/** The total expansion is larger than any keymap can be. */
export class ExpansionLimitError extends Error {}

/** An invalid macro invocation. */
export interface MacroError {
  /** The invocation. */
  token: Token;
  message: string;
}

export interface ExpanderOptions {
  macros: ReadonlyMap<string, Macro>;
  onError: (error: MacroError) => void;
  /** Maximum number of tokens from expansions. Tokens of the source file do not count. */
  limit: number;
}

/** Result of {@link Expander.expandStart}: the finished tokens, and the rest. */
export interface Expanded {
  tokens: Token[];
  /** Begins with a macro name whose arguments continue after the end of the input. */
  rest: Token[];
}

const MAX_DEPTH = 200;

export class Expander {
  readonly #macros: ReadonlyMap<string, Macro>;
  readonly #onError: (error: MacroError) => void;
  #left: number;
  #depth = 0;
  #isCondition = false;
  #trace: readonly Doubt[] = [];

  constructor({ macros, onError, limit }: ExpanderOptions) {
    this.#macros = macros;
    this.#onError = onError;
    this.#left = limit;
  }

  /** Expands a complete token list. Throws {@link ExpansionLimitError}. */
  expand(tokens: readonly Token[]): Token[] {
    return this.#run(tokens, true).tokens;
  }

  /** Expands an `#if` condition; the name after `defined` stays. Throws {@link ExpansionLimitError}. */
  expandCondition(tokens: readonly Token[]): Token[] {
    this.#isCondition = true;
    try {
      return this.expand(tokens);
    } finally {
      this.#isCondition = false;
    }
  }

  /** Expands tokens that may continue later. Throws {@link ExpansionLimitError}. */
  expandStart(tokens: readonly Token[]): Expanded {
    return this.#run(tokens, false);
  }

  #run(tokens: readonly Token[], isEnd: boolean): Expanded {
    if (++this.#depth > MAX_DEPTH) {
      throw new ExpansionLimitError(`macro arguments are nested deeper than ${MAX_DEPTH}`);
    }
    const done: Token[] = [];
    // Unread tokens; the next one is last.
    const input = tokens.toReversed();
    for (let token = input.pop(); token !== undefined; token = input.pop()) {
      const macro = this.#macroOf(token);
      if (macro === undefined) {
        done.push(token);
        if (this.#isCondition && token.text === 'defined') {
          if (isPunctuator(input.at(-1), '(')) done.push(input.pop()!);
          const name = input.pop();
          if (name !== undefined) done.push(name);
        }
      } else if (macro.parameters === undefined) {
        this.#replace(input, { macro, name: token }, token.hideSet);
      } else if (!isPunctuator(input.at(-1), '(')) {
        done.push(token);
      } else {
        const given = takeArguments(input);
        if (given === 'too deep') {
          throw new ExpansionLimitError(`the brackets after ${macro.name} are nested too deeply`);
        }
        if (given !== undefined) {
          this.#call(done, input, token, macro, given);
        } else if (isEnd) {
          this.#onError({ token, message: `the arguments of ${macro.name} are not closed: ')' is missing` });
          done.push(token);
        } else {
          this.#depth--;
          return { tokens: done, rest: [token, ...input.reverse()] };
        }
      }
    }
    this.#depth--;
    return { tokens: done, rest: [] };
  }

  #macroOf(token: Token): Macro | undefined {
    if (token.kind !== 'name' || token.hideSet?.has(token.text)) return undefined;
    return this.#macros.get(token.text);
  }

  #call(done: Token[], input: Token[], name: Token, macro: Macro, given: Arguments): void {
    const fitted = fitArguments(macro, given);
    if (typeof fitted === 'string') {
      this.#onError({ token: name, message: fitted });
      done.push(name);
      // GCC leaves them unexpanded too.
      for (const token of given.tokens) done.push(token);
      return;
    }
    const common = intersection(name.hideSet, given.close.hideSet);
    const doubts = new Set(given.tokens.flatMap(token => token.doubts ?? []));
    const invocation: Invocation = { macro, name, args: fitted, close: given.close };
    if (doubts.size > 0) invocation.doubts = [...doubts];
    this.#replace(input, invocation, common);
  }

  /** Pushes the expansion of an invocation back onto the input. */
  #replace(input: Token[], invocation: Invocation, hidden: HideSet = NO_HIDE_SET): void {
    if (hidden.size >= MAX_DEPTH) {
      throw new ExpansionLimitError(`macros expand to macros deeper than ${MAX_DEPTH}`);
    }
    const hideSet = withName(hidden, invocation.macro.name);
    const replacement = this.#substitute(invocation);
    this.#left -= replacement.length + 1;
    if (this.#left < 0) throw new ExpansionLimitError('the macros expand to more than a keymap can hold');
    const hideSets = new Map<HideSet | undefined, HideSet>();
    for (const token of replacement) {
      const known = hideSets.get(token.hideSet) ?? union(token.hideSet, hideSet);
      hideSets.set(token.hideSet, known);
      token.hideSet = known;
    }
    if (replacement.length > 0) replacement[0]!.spaceBefore = invocation.name.spaceBefore;
    else this.#leaveTrace(input, invocation);
    for (let index = replacement.length - 1; index >= 0; index--) input.push(replacement[index]!);
  }

  /** Where a macro expands to nothing, keeps its leading space, and the doubt whether it is really empty. */
  #leaveTrace(input: Token[], { macro, name, doubts: ofArguments }: Invocation): void {
    const doubts = allOf(name.doubts, ofArguments, macro.doubts);
    if (!name.spaceBefore && doubts.length === 0) return;
    const next = input.pop();
    if (next === undefined) {
      this.#trace = allOf(this.#trace, doubts);
      return;
    }
    const spaceBefore = next.spaceBefore || name.spaceBefore;
    input.push({ ...withDoubts(next, doubts), spaceBefore });
  }

  /** Returns the doubts about the token after the expansion and clears them. */
  takeTrace(): readonly Doubt[] {
    const doubts = this.#trace;
    this.#trace = [];
    return doubts;
  }

  /** The macro body with its parameters replaced by arguments. All tokens are new. */
  #substitute(invocation: Invocation): Token[] {
    const { macro, name } = invocation;
    if (macro.dynamic !== undefined) return readTokens(macro.dynamic(name), name);
    if (macro.parameters === undefined)
      return this.#paste(macro.body.map(token => ofBody(token, invocation)));
    return this.#paste(this.#fill(invocation, macro.body, new Map()));
  }

  #fill(invocation: Invocation, body: readonly Token[], expanded: Map<number, Token[]>): Piece[] {
    const { macro, args = [] } = invocation;
    const pieces: Piece[] = [];
    for (let index = 0; index < body.length; index++) {
      const token = body[index]!;
      const next = body[index + 1];
      if (isPunctuator(token, '#') && next !== undefined && parameterOf(macro, next) >= 0) {
        const text = stringOf(args[parameterOf(macro, next)]!);
        pieces.push({ ...ofBody(token, invocation), kind: 'string', text });
        index++;
        continue;
      }
      if (macro.isVariadic && token.text === '__VA_OPT__' && isPunctuator(next, '(')) {
        const end = closingOf(body, index + 1);
        const inner = body.slice(index + 2, end);
        const given = this.#expandedArgument(invocation, macro.parameters!.length - 1, expanded);
        const filled = given.length > 0 ? this.#paste(this.#fill(invocation, inner, expanded)) : [];
        pieces.push(...withPlacemarker(filled, token));
        index = end;
        continue;
      }
      const parameter = parameterOf(macro, token);
      if (parameter < 0) {
        pieces.push(ofBody(token, invocation));
        continue;
      }
      const isLast = macro.isVariadic && parameter === macro.parameters!.length - 1;
      const isAfterPaste = isPunctuator(body[index - 1], '##');
      if (isLast && isAfterPaste && isPunctuator(body[index - 2], ',') && !isPunctuator(next, '##')) {
        // GNU extension: `, ## __VA_ARGS__` disappears without arguments, and otherwise pastes nothing.
        pieces.pop();
        if (isAbsent(args, parameter)) pieces.pop();
        pieces.push(...args[parameter]!.map((one, place) => ofArgument(one, token, invocation, place === 0)));
        continue;
      }
      const isPasted = isAfterPaste || isPunctuator(next, '##');
      const given = isPasted ? args[parameter]! : this.#expandedArgument(invocation, parameter, expanded);
      const placed = given.map((one, place) => ofArgument(one, token, invocation, place === 0));
      for (const piece of withPlacemarker(placed, token)) pieces.push(piece);
    }
    return pieces;
  }

  #expandedArgument({ args }: Invocation, index: number, expanded: Map<number, Token[]>): Token[] {
    let found = expanded.get(index);
    if (found === undefined) {
      found = this.expand(args![index]!);
      this.#left -= found.length;
      expanded.set(index, found);
    }
    return found;
  }

  /** Pastes the operands of each `##` of the body and removes placemarkers. */
  #paste(pieces: readonly Piece[]): Token[] {
    const done: Piece[] = [];
    for (let index = 0; index < pieces.length; index++) {
      const piece = pieces[index]!;
      const left = done.at(-1);
      const right = pieces[index + 1];
      const isOperator = isPunctuator(piece, '##') && piece.origin?.argument === undefined;
      if (!isOperator || left === undefined || right === undefined) {
        done.push(piece);
        continue;
      }
      index++;
      if (right.isPlacemarker) continue;
      if (left.isPlacemarker) {
        done[done.length - 1] = { ...right, spaceBefore: left.spaceBefore };
        continue;
      }
      const joined = readTokens(left.text + right.text, left);
      if (joined.length === 1) {
        const hideSet = intersection(left.hideSet, right.hideSet);
        done[done.length - 1] = { ...left, kind: joined[0]!.kind, text: joined[0]!.text, hideSet };
      } else {
        done.push({ ...right, spaceBefore: false });
      }
    }
    return done.filter(({ isPlacemarker }) => !isPlacemarker);
  }
}

/** A token of an unfinished expansion. A placemarker stands for an empty argument. */
type Piece = Token & { isPlacemarker?: boolean };

function ofBody(token: Token, invocation: Invocation): Piece {
  const { kind, text, spaceBefore, place } = token;
  return { kind, text, spaceBefore, place, origin: { invocation } };
}

function ofArgument(argument: Token, parameter: Token, invocation: Invocation, isFirst: boolean): Piece {
  const { kind, text, hideSet } = argument;
  const spaceBefore = isFirst ? parameter.spaceBefore : argument.spaceBefore;
  const origin = { invocation, argument };
  return { kind, text, spaceBefore, place: parameter.place, origin, ...(hideSet && { hideSet }) };
}

function withPlacemarker(pieces: Piece[], like: Token): Piece[] {
  if (pieces.length > 0) return pieces;
  const { spaceBefore, place } = like;
  return [{ kind: 'other', text: '', spaceBefore, place, isPlacemarker: true }];
}

function parameterOf({ parameters }: Macro, { kind, text }: Token): number {
  return kind === 'name' && parameters !== undefined ? parameters.indexOf(text) : -1;
}

/** The index of the bracket that closes the one at `open`; of the last token when it is not closed. */
function closingOf(body: readonly Token[], open: number): number {
  let depth = 0;
  for (let index = open; index < body.length; index++) {
    if (isPunctuator(body[index], '(')) depth++;
    if (isPunctuator(body[index], ')') && --depth === 0) return index;
  }
  return body.length - 1;
}

/** The string that `#` makes of an argument. */
function stringOf(tokens: readonly Token[]): string {
  const text = tokens.map(({ kind, text: written, spaceBefore }, index) => {
    const inside =
      kind === 'string' || kind === 'character'
        ? written.replace(/["\\]/g, character => `\\${character}`)
        : written;
    return spaceBefore && index > 0 ? ` ${inside}` : inside;
  });
  return `"${text.join('')}"`;
}
