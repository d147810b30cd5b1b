// Spelling of tokens as in their source: `UNDO` or `LC(Z)`, not the number that both expand to.
import { type Invocation, invocationsOf, type Token } from './preprocessor/token.ts';

const MAX_LENGTH = 200;

const spelled = new WeakMap<Invocation, string>();

/** The tokens from `first` to `last` as written. A whole macro expansion is spelled as the macro's use. */
export function spellingOf(tokens: readonly Token[], first: number, last: number): string {
  const whole = wholeInvocations(tokens, first, last);
  const exact = whole.find(one => lastOf(tokens, first, one) === last);
  if (exact !== undefined) return spellUse(exact, tokens[first]!);
  const context = invocationsOf(tokens[first]!).filter(one => !whole.includes(one));
  return spell(tokens.slice(first, last + 1), context);
}

/** Macros whose expansion begins at `first` and ends at or before `last`, outermost first. */
export function wholeInvocations(tokens: readonly Token[], first: number, last: number): Invocation[] {
  const before = first > 0 ? new Set(invocationsOf(tokens[first - 1]!)) : new Set();
  return [...new Set(invocationsOf(tokens[first]!))].filter(
    one => !before.has(one) && lastOf(tokens, first, one) <= last,
  );
}

/** The last token, from `first` on, that comes from the same invocation. */
export function lastOf(tokens: readonly Token[], first: number, invocation: Invocation): number {
  let last = first;
  while (last + 1 < tokens.length && invocationsOf(tokens[last + 1]!).includes(invocation)) last++;
  return last;
}

/**
 * The written use of a macro, found from one token of its expansion. With `#define CTRL LC`, `CTRL(A)` is a use of
 * CTRL with the arguments of LC.
 */
export function spellUse(invocation: Invocation, token: Token): string {
  const inside = (other: Token) => invocationsOf(other).includes(invocation);
  const reaching = invocationsOf(token).find(
    ({ name, close }) => close !== undefined && inside(name) && !inside(close),
  );
  if (reaching === undefined) return spellInvocation(invocation);
  if (reaching.args!.flat().some(inside)) return spellInvocation(reaching);
  return `${spellInvocation(invocation)}(${spellArguments(reaching)})`;
}

function spellInvocation(invocation: Invocation): string {
  const known = spelled.get(invocation);
  if (known !== undefined) return known;
  const { name, args } = invocation;
  const text = args === undefined ? name.text : `${name.text}(${spellArguments(invocation)})`;
  const short = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  spelled.set(invocation, short);
  return short;
}

function spellArguments({ name, args = [] }: Invocation): string {
  const context = invocationsOf(name);
  return args.map(tokens => spell(tokens, context)).join(', ');
}

/** Spells tokens within the expansion of `context`; every further macro is spelled as its use. */
function spell(tokens: readonly Token[], context: readonly Invocation[]): string {
  let text = '';
  for (let index = 0; index < tokens.length && text.length <= MAX_LENGTH; index++) {
    const token = tokens[index]!;
    if (token.spaceBefore && text !== '' && !text.endsWith('(') && token.text !== ')') text += ' ';
    const further = invocationsOf(token).find(one => !context.includes(one));
    if (further === undefined) {
      text += token.text;
    } else {
      text += spellUse(further, token);
      while (index + 1 < tokens.length && invocationsOf(tokens[index + 1]!).includes(further)) index++;
    }
  }
  return text;
}
