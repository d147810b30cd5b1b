// The arguments of a use of a macro.
import { isPunctuator, type Macro, type Token } from './token.ts';

/** Brackets in one another, in the arguments of a macro. */
const MAX_DEPTH = 200;

export interface Arguments {
  /** All of them, with brackets and commas. */
  tokens: Token[];
  args: Token[][];
  /** Those between the arguments. */
  commas: Token[];
  close: Token;
}

/**
 * Takes `( … )` off the input, whose next token is its last; undefined, with the input as it was, when it is not
 * closed, and `too deep` when brackets are nested deeper than in any keymap.
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

/** One argument for each parameter, those of a variable one together; else what is wrong. */
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
  // Nothing at all for the variable one, as in `F(a)` for `F(a, ...)`.
  if (isVariadic && given.length === parameters.length - 1) return [...given, ABSENT];
  if (given.length === parameters.length) return given;
  const least = isVariadic ? parameters.length - 1 : parameters.length;
  const takes = `${isVariadic ? 'at least ' : ''}${least} argument${least === 1 ? '' : 's'}`;
  return `the macro ${name} takes ${takes}, and here it has ${given.length}`;
}

/** The variable argument when not even its comma is there. */
const ABSENT: Token[] = [];

/** Whether nothing is given for the variable parameter; `F()` for `F(...)` gives nothing, as for GCC. */
export function isAbsent(args: readonly Token[][], parameter: number): boolean {
  return args[parameter] === ABSENT || (parameter === 0 && args[0]!.length === 0);
}
