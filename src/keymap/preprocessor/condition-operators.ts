// The operators `defined` and `__has_include` in conditions.
import { type Header, headerOf } from './directive.ts';
import { isPunctuator, type Token } from './token.ts';

export const HAS_INCLUDE = /^__has_include(?:_next)?$/;

/** Replaces `defined X`, `defined(X)`, `__has_include("x")` and `__has_include(<x>)` with 0 or 1. */
export async function replaceConditionOperators(
  tokens: readonly Token[],
  isDefined: (name: Token) => boolean,
  isThere: (header: Header, question: Token) => Promise<boolean>,
): Promise<Token[]> {
  const answered: Token[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    const inBrackets = isPunctuator(tokens[index + 1], '(');
    let holds: boolean | undefined;
    if (token.kind === 'name' && token.text === 'defined') {
      const name = tokens[index + (inBrackets ? 2 : 1)];
      if (name?.kind === 'name') {
        holds = isDefined(name);
        index += inBrackets ? 3 : 1;
      }
    } else if (HAS_INCLUDE.test(token.text) && inBrackets) {
      const end = tokens.findIndex((other, at) => at > index && isPunctuator(other, ')'));
      const header = headerOf(tokens.slice(index + 2, end < 0 ? tokens.length : end));
      if (header !== undefined) {
        holds = await isThere(header, token);
        index = end < 0 ? tokens.length : end;
      }
    }
    answered.push(holds === undefined ? token : { ...token, kind: 'number', text: holds ? '1' : '0' });
  }
  return answered;
}
