// Arguments of a macro invocation.
import { isPunctuator, type Macro, type Token } from './token.ts';

const MAX_DEPTH = 200;

export interface Arguments {
  /** All tokens, brackets and commas included. */
  tokens: Token[];
  args: Token[][];
  /** The commas between the arguments. */
  commas: Token[];
  close: Token;
}

/**
 * Takes `( … )` off the input, whose next token is its last. Returns undefined, with the input unchanged, when the
 * bracket is not closed, and `too deep` when brackets are nested deeper than in any keymap.
 */
export function takeArguments(input: Token[]): Arguments | 'too deep' | undefined {
  const args: Token[][] = [[]];
  const commas: Token[] = [];
  const tokens: Token[] = [];
  let depth = 0;
  for (let index = input.length - 1; index >= 0; index--) {
    const token = input[index]!;
    tokens.push(token);
    if (depth > MAX_DEPTH) return 'too deep';
    if (isPunctuator(token, '(') && depth++ === 0) continue;
    if (isPunctuator(token, ')') && --depth === 0) {
      input.length = index;
      return { tokens, args, commas, close: token };
    }
    if (isPunctuator(token, ',') && depth === 1) {
      args.push([]);
      commas.push(token);
    } else {
      args.at(-1)!.push(token);
    }
  }
  return undefined;
}

/** One argument per parameter, variadic arguments as one; or a message that says what is wrong. */
export function fitArguments(macro: Macro, { args, commas }: Arguments): Token[][] | string {
  const { name, parameters = [], isVariadic } = macro;
  const given = args.length === 1 && args[0]!.length === 0 && parameters.length === 0 ? [] : args;
  if (isVariadic && given.length >= parameters.length) {
    const fixed = parameters.length - 1;
    const last = given.slice(fixed).flatMap((tokens, index) => {
      return index === 0 ? tokens : [commas[fixed + index - 1]!, ...tokens];
    });
    return [...given.slice(0, fixed), last];
  }
  // The variadic argument is absent, as in `F(a)` for `F(a, ...)`.
  if (isVariadic && given.length === parameters.length - 1) return [...given, ABSENT];
  if (given.length === parameters.length) return given;
  const least = isVariadic ? parameters.length - 1 : parameters.length;
  const takes = `${isVariadic ? 'at least ' : ''}${least} argument${least === 1 ? '' : 's'}`;
  return `the macro ${name} takes ${takes}, but has ${given.length} here`;
}

/** A variadic argument whose comma is absent too. */
const ABSENT: Token[] = [];

/** Whether the variadic parameter has no argument. As in GCC, `F()` for `F(...)` has none. */
export function isAbsent(args: readonly Token[][], parameter: number): boolean {
  return args[parameter] === ABSENT || (parameter === 0 && args[0]!.length === 0);
}
