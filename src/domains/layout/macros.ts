// Macros that stand for keys, such as `#define HRM_A &mt LGUI A`. Others stay as they are written: `LC(Z)` and `NAV`
// say more in a drawing than what they stand for.

/** `#define NAME body` or `#define NAME(parameters) body`. */
export interface Macro {
  /** Undefined: not a function, so a bracket behind its name is not its own. */
  parameters: string[] | undefined;
  body: string;
}

/** By name. */
export type Macros = Map<string, Macro>;

/** A definition can make a text many times as long as itself, and so can what it stands for. */
const MAX_LENGTH = 16 * 1024;
const MAX_DEPTH = 16;

/** Adds the definition behind a `#define`. */
export function readMacro(definition: string, macros: Macros): void {
  const match = /^([A-Za-z_]\w*)(?:\(([^)]*)\))?\s*(.*)$/s.exec(definition);
  if (match === null) return;
  const [, name, parameters, body] = match;
  const names = parameters?.split(',').map(parameter => parameter.trim());
  macros.set(name!, { parameters: names?.filter(parameter => parameter !== ''), body: body!.trim() });
}

/**
 * What `use` (a name, or a name with arguments) stands for when that has keys in it, with the macros of keys in it
 * replaced too. Undefined when it stands for no keys, for itself, or for more than fits in a keymap.
 */
export function expandKeys(use: string, macros: Macros): string | undefined {
  return expand(use, macros, []);
}

function expand(use: string, macros: Macros, within: readonly string[]): string | undefined {
  const [, name, argumentText] = /^([A-Za-z_]\w*)\s*(?:\((.*)\))?$/s.exec(use) ?? [];
  const macro = name === undefined ? undefined : macros.get(name);
  if (macro === undefined || within.includes(name!) || within.length > MAX_DEPTH) return undefined;
  if ((macro.parameters === undefined) !== (argumentText === undefined)) return undefined;
  const body = withArguments(macro, splitArguments(argumentText ?? ''));
  if (body.length > MAX_LENGTH) return undefined;

  let keys = /&/.test(body);
  let expanded = '';
  for (const { text, word } of words(body)) {
    const inner = word ? expand(text, macros, [...within, name!]) : undefined;
    if (inner !== undefined) keys = true;
    expanded += inner ?? text;
    if (expanded.length > MAX_LENGTH) return undefined;
  }
  return keys ? expanded : undefined;
}

function withArguments({ parameters, body }: Macro, given: readonly string[]): string {
  if (parameters === undefined) return body;
  const named = new Map(parameters.map((parameter, index) => [parameter, given[index] ?? '']));
  named.set('__VA_ARGS__', given.slice(parameters.indexOf('...')).join(', '));
  return body.replace(/[A-Za-z_]\w*/g, word => named.get(word) ?? word).replace(/\s*##\s*/g, '');
}

/** Parts at commas that are in no brackets. */
function splitArguments(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map(part => part.trim());
}

/** The text in pieces: names, with their arguments where some follow, and what is between them. */
function* words(text: string): Iterable<{ text: string; word: boolean }> {
  const name = /(?<![\w&])[A-Za-z_]\w*/g;
  let end = 0;
  for (let match = name.exec(text); match !== null; match = name.exec(text)) {
    const after = endOfArguments(text, name.lastIndex);
    yield { text: text.slice(end, match.index), word: false };
    yield { text: text.slice(match.index, after), word: true };
    end = after;
    name.lastIndex = after;
  }
  yield { text: text.slice(end), word: false };
}

function endOfArguments(text: string, from: number): number {
  if (text[from] !== '(') return from;
  let depth = 0;
  for (let index = from; index < text.length; index++) {
    if (text[index] === '(') depth++;
    if (text[index] === ')' && --depth === 0) return index + 1;
  }
  return from;
}
