// Splits a line into words like a POSIX shell, but replaces and runs nothing.
import { ToolchainError } from '../toolchain.ts';

/** Expressions that a shell would replace: `$NAME`, `${…}`, `$(…)`, `$1`, `$?` and the like. Any other `$` is literal. */
const EXPANSION = /^(?:`|\$[A-Za-z0-9_{(@*#?!$-])/;

/** The same outside quotes, where some shells also replace `$'…'` and `$"…"`. */
const BARE_EXPANSION = /^(?:`|\$[A-Za-z0-9_{(@*#?!$'"-])/;

/**
 * The words of `text`, quotes and backslashes resolved as POSIX says: nothing is special between single quotes; between
 * double quotes a backslash keeps its meaning only before `$`, `` ` ``, `"`, `\` and the end of a line; elsewhere it
 * makes the next character literal. Words are separated by blanks and line ends. The characters that begin commands,
 * comments and patterns are ordinary ones here.
 *
 * Throws {@link ToolchainError} if a quote is not closed, if a backslash is the last character, and if a shell would
 * replace something: unreplaced, it would change the firmware.
 *
 * @param what the name of the text in errors, such as `cmake-args`
 * @param variables values of variables, for `$NAME` and `${NAME}`. A value never becomes more than one word
 */
export function splitShellWords(
  text: string,
  what: string,
  variables: Readonly<Record<string, string>> = {},
): string[] {
  const fail = (why: string) => new ToolchainError(`${what} cannot be split into words: ${why} In: ${text}`);
  const refuse = (expansion: RegExp, at: number) => {
    // A shell joins lines first.
    const rest = text.slice(at).replaceAll('\\\n', '');
    if (!expansion.test(rest)) return;
    const shown = /^(?:`[^`]*`?|\$(?:\w+|\{[^}]*\}?|\([^)]*\)?|.))/s.exec(rest)![0];
    throw fail(
      `'${shown}' is something that only a shell replaces. Write its value, or put it between single quotes.`,
    );
  };
  /** The value of the variable named at this position, and the length of its name there. */
  const variableAt = (at: number) => {
    if (text[at] !== '$') return undefined;
    const [named, plain, braced] = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/.exec(text.slice(at)) ?? [];
    const name = plain ?? braced;
    if (named === undefined || name === undefined || !Object.hasOwn(variables, name)) return undefined;
    return { length: named.length, value: variables[name]! };
  };
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (/[ \t\r\n]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "'") {
      const end = text.indexOf("'", at + 1);
      if (end < 0) throw fail("a ' is not closed.");
      word = (word ?? '') + text.slice(at + 1, end);
      at = end;
    } else if (character === '"') {
      word ??= '';
      for (at++; text[at] !== '"'; at++) {
        if (at >= text.length) throw fail('a " is not closed.');
        const next = text[at + 1];
        if (text[at] === '\\' && next !== undefined && '$`"\\\n'.includes(next)) {
          at++;
          if (next !== '\n') word += next;
          continue;
        }
        const variable = variableAt(at);
        if (variable === undefined) refuse(EXPANSION, at);
        word += variable?.value ?? text[at];
        at += (variable?.length ?? 1) - 1;
      }
    } else if (character === '\\') {
      const next = text[++at];
      if (next === undefined) throw fail('there is nothing after the last \\.');
      if (next !== '\n') word = (word ?? '') + next;
    } else {
      const variable = variableAt(at);
      if (variable === undefined) refuse(BARE_EXPANSION, at);
      word = (word ?? '') + (variable?.value ?? character);
      at += (variable?.length ?? 1) - 1;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}
