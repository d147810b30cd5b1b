// Parses directives: name, included header, macro definition.
import { isPunctuator, type Macro, type Token, textOf } from './token.ts';

const MAX_PARAMETERS = 1000;

const DIRECTIVES = new Set(
  `define undef include include_next import if ifdef ifndef elif elifdef elifndef else endif
  error warning pragma line ident assert unassert sccs`.split(/\s+/),
);

/**
 * The name of a line's directive, `null` for `#` alone. Undefined when the line is text: `#binding-cells`, for one,
 * is not a directive of GCC.
 */
export function directiveOf(line: readonly Token[]): string | undefined {
  const [hash, name, after] = line;
  if (!isPunctuator(hash, '#')) return undefined;
  if (name === undefined) return 'null';
  if (name.kind !== 'name' || !DIRECTIVES.has(name.text)) return undefined;
  return isPunctuator(after, '-') && !after!.spaceBefore ? undefined : name.text;
}

/** The header of an include. */
export interface Header {
  /** Without quotes or angle brackets. */
  name: string;
  isQuoted: boolean;
}

/** The header `"a.h"` or `<a.h>`; undefined for anything else. */
export function headerOf(tokens: readonly Token[]): Header | undefined {
  const [first] = tokens;
  if (first?.kind === 'string') return { name: first.text.slice(1, -1), isQuoted: true };
  if (!isPunctuator(first, '<')) return undefined;
  const end = tokens.findIndex(token => isPunctuator(token, '>'));
  return end < 0 ? undefined : { name: textOf(tokens.slice(1, end)), isQuoted: false };
}

/** The macro that the tokens after `#define` define; or a message that says what is wrong. */
export function definitionOf(tokens: readonly Token[]): Macro | string {
  const [name, bracket] = tokens;
  if (name?.kind !== 'name' || name.text === 'defined') return '#define without a macro name';
  const isCalled = isPunctuator(bracket, '(') && !bracket!.spaceBefore;
  const found = isCalled ? parametersOf(tokens) : { parameters: undefined, isVariadic: false, end: 1 };
  if (found === undefined) return `the parameters of ${name.text} are not a list of names in brackets`;
  const { parameters, isVariadic, end } = found;
  const body = tokens.slice(end);
  if (isPunctuator(body[0], '##') || isPunctuator(body.at(-1), '##')) {
    return `'##' is at an end of the body of ${name.text}`;
  }
  return {
    name: name.text,
    isVariadic,
    ...(parameters && { parameters }),
    body: body.map((token, index) => (index === 0 ? { ...token, spaceBefore: false } : token)),
    place: name.place,
  };
}

/** The bracketed parameters after a macro's name, and the index where its body begins. */
function parametersOf(
  tokens: readonly Token[],
): { parameters: string[]; isVariadic: boolean; end: number } | undefined {
  const end = tokens.findIndex(token => isPunctuator(token, ')'));
  if (end < 0) return undefined;
  const inner = tokens.slice(2, end);
  const parameters: string[] = [];
  let isVariadic = false;
  for (let index = 0; index < inner.length; index += 2) {
    if (isVariadic || parameters.length >= MAX_PARAMETERS) return undefined;
    const token = inner[index]!;
    if (isPunctuator(token, '...')) {
      parameters.push('__VA_ARGS__');
      isVariadic = true;
    } else if (token.kind === 'name' && !parameters.includes(token.text)) {
      parameters.push(token.text);
      if (isPunctuator(inner[index + 1], '...')) {
        isVariadic = true;
        index++;
      }
    } else {
      return undefined;
    }
    const comma = inner[index + 1];
    if (comma !== undefined && (!isPunctuator(comma, ',') || index + 2 >= inner.length)) return undefined;
  }
  return { parameters, isVariadic, end: end + 1 };
}
