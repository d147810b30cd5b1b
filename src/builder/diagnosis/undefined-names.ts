// Undefined name in a keymap: its place in the source, and an explanation.
//
// dtlib reports the line of the keymap and the column of the preprocessed line. With that line the name is certain,
// through any number of macros; without it, the likeliest name in the source is taken.
import { closestMatch } from '../../config/closest-match.ts';
import { fromQmk, KEY_CODES, KEYMAP_NAMES } from '../../keymap/zmk/key-codes.ts';
import { suggestion } from './diagnosis.ts';
import type { Mistake } from './keymap-source.ts';
import { definedNames, withoutComments } from './source-lines.ts';

/** A header that keymaps include, under the name that they use. */
export interface HeaderNames {
  names: ReadonlySet<string>;
  /** Further headers that it includes. */
  includes: readonly string[];
}

/** A keymap and the known content of its includes. */
export interface KeymapText {
  lines: readonly string[];
  /** The lines of all included files of the config, concatenated. */
  included: readonly string[];
}

/** Headers that cannot be read, by the prefixes of the names they define. All other names come with the key codes. */
const HEADER_OF: readonly [beginning: RegExp, header: string][] = [
  [/^BT_/, 'bt.h'],
  [/^OUT_/, 'outputs.h'],
  [/^RGB_/, 'rgb.h'],
  [/^BL_/, 'backlight.h'],
  [/^EP_/, 'ext_power.h'],
  [/^(?:MB[1-5]$|[LRM]CLK$|MOVE_|SCRL_)/, 'pointing.h'],
];

const KEYS = 'dt-bindings/zmk/keys.h';
/** Limit on the lines of a macro's call. */
const MAX_CALL = 200;

/**
 * The mistake in the name at or after this line (1-based), if a name there is certainly undefined.
 *
 * @param token the exact name, if the preprocessed line reveals it
 *
 * @param headers ZMK's own, by the names that keymaps use; empty if they cannot be read
 */
export function undefinedName(
  { lines, included }: KeymapText,
  line: number,
  token: string | undefined,
  headers: ReadonlyMap<string, HeaderNames>,
): (Omit<Mistake, 'column'> & { column?: number }) | undefined {
  const text = withoutComments(lines);
  if (text[line - 1] === undefined) return undefined;
  const everything = [...text, ...withoutComments(included)];
  const context = new NameContext(everything, headers);
  if (token !== undefined) {
    const found = occurrence(text, line, token);
    if (found === undefined) return { line, message: context.say(token, '', '') };
    const { line: at, column, before, after } = found;
    return { line: at, column, message: context.say(token, before, after) };
  }
  const candidates = [...namesIn(text, callAt(text, line)), ...namesInMacros(text, line)].filter(({ name }) =>
    context.isUnknown(name),
  );
  // The likeliest typing mistake. Macros are defined: otherwise the whole call would be the error.
  const isMacro = ({ after }: Occurrence) => /^\s*\(/.test(after);
  const worst =
    candidates.find(({ name }) => name.startsWith('KC_')) ??
    candidates.find(({ name }) => context.headerMissing(name) !== undefined || isNearKey(name)) ??
    candidates.find(found => !isMacro(found)) ??
    candidates[0];
  if (worst === undefined) return undefined;
  const { name, before, after, ...place } = worst;
  return { ...place, message: context.say(name, before, after) };
}

interface Occurrence {
  name: string;
  /** 1-based. */
  line: number;
  /** 1-based. */
  column: number;
  /** The text before it and after it on its line. */
  before: string;
  after: string;
}

class NameContext {
  readonly #own: ReadonlySet<string>;
  readonly #headers: ReadonlyMap<string, HeaderNames>;
  readonly #included: ReadonlySet<string>;

  constructor(lines: readonly string[], headers: ReadonlyMap<string, HeaderNames>) {
    this.#own = definedNames(lines);
    this.#headers = headers;
    const direct = lines.flatMap(text => /^\s*#\s*include\s*[<"]([^>"]+)[>"]/.exec(text)?.[1] ?? []);
    const all = new Set(direct);
    // Behaviors are defined in terms of key codes.
    if (all.has('behaviors.dtsi')) all.add(KEYS);
    for (const name of all) for (const inner of headers.get(name)?.includes ?? []) all.add(inner);
    this.#included = all;
  }

  isUnknown(name: string): boolean {
    if (!/[A-Z]/.test(name) || this.#own.has(name)) return false;
    if (this.headerMissing(name) !== undefined) return true;
    return !KEYMAP_NAMES.has(name) && ![...this.#headers.values()].some(({ names }) => names.has(name));
  }

  /** The header that defines a name and is not included. */
  headerMissing(name: string): string | undefined {
    const defining = [...this.#headers].filter(([, { names }]) => names.has(name)).map(([header]) => header);
    if (defining.length === 0 && KEYMAP_NAMES.has(name)) {
      const beginning = HEADER_OF.find(([pattern]) => pattern.test(name));
      defining.push(beginning === undefined ? KEYS : `dt-bindings/zmk/${beginning[1]}`);
    }
    if (defining.some(header => this.#included.has(header))) return undefined;
    // Suggest the outer header that users include, `keys.h`, and not its parts.
    const outer = [...this.#headers].find(([, { includes }]) =>
      includes.some(inner => defining.includes(inner)),
    );
    return outer?.[0] ?? defining[0];
  }

  say(name: string, before: string, after: string): string {
    const header = this.headerMissing(name);
    if (header !== undefined)
      return `'${name}' is defined in <${header}>, which the keymap does not include.`;
    if (/^\s*\(/.test(after)) {
      return `'${name}' is not defined. Is an #include missing?${suggestion(name, KEYMAP_NAMES)}`;
    }
    if (/&(?:mo|to|tog|sl|lt)\s+$/.test(before) && !isNearKey(name))
      return `'${name}' is not defined. Give the layer's number, such as #define ${name} 1.`;
    return unknownKeyCode(name);
  }
}

/** `'KC_A' is not a key code of ZMK. Did you mean 'A'?` */
export function unknownKeyCode(name: string): string {
  const meant = fromQmk(name);
  const hint = meant === undefined ? suggestion(name, KEY_CODES) : ` Did you mean '${meant}'?`;
  return `'${name}' is not a key code of ZMK.${hint}`;
}

/**
 * The name at a column (1-based) of a preprocessed line, or right before it: the parser stops at the token after an
 * unknown macro.
 */
export function tokenAt(text: string, column: number): string | undefined {
  const at = column - 1;
  const here = /^[A-Za-z_]\w*/.exec(text.slice(at, at + 200))?.[0];
  return here ?? /([A-Za-z_]\w*)\s*$/.exec(text.slice(Math.max(0, at - 200), at))?.[1];
}

function isNearKey(name: string): boolean {
  return name.startsWith('KC_') || closestMatch(name, KEY_CODES) !== undefined;
}

/** The place of a name: from a line to the end of its statement, else in a macro. */
function occurrence(text: readonly string[], line: number, name: string): Occurrence | undefined {
  const end = text.findIndex((one, index) => index >= line - 1 && one.includes(';'));
  const last = Math.min(end < 0 ? text.length : end + 1, line + MAX_CALL);
  const here = namesIn(text, { from: line, to: last }).find(found => found.name === name);
  if (here !== undefined) return here;
  const defining = text.flatMap((one, index) => (/^\s*#\s*define\b/.test(one) ? [index + 1] : []));
  return defining
    .flatMap(first => namesIn(text, { from: first, to: endOfDirective(text, first) }))
    .find(found => found.name === name);
}

/** The lines (1-based) of the call that begins at a line and may span several. */
function callAt(text: readonly string[], line: number): { from: number; to: number } {
  let depth = 0;
  let to = line;
  for (; to <= Math.min(text.length, line + MAX_CALL); to++) {
    for (const [character] of text[to - 1]!.matchAll(/[()]/g)) depth += character === '(' ? 1 : -1;
    if (depth <= 0) break;
  }
  return { from: line, to: Math.min(to, text.length) };
}

/** The names in the bodies of the file's own macros that are used at a line. */
function namesInMacros(text: readonly string[], line: number): Occurrence[] {
  const used = new Set(namesIn(text, callAt(text, line)).map(({ name }) => name));
  return text.flatMap((one, index) => {
    const [, name, parameters = ''] = /^\s*#\s*define\s+(\w+)(?:\(([^)]*)\))?/.exec(one) ?? [];
    if (name === undefined || !used.has(name)) return [];
    const own = new Set([name, ...parameters.split(',').map(parameter => parameter.trim())]);
    const body = { from: index + 1, to: endOfDirective(text, index + 1) };
    return namesIn(text, body).filter(found => !own.has(found.name));
  });
}

function endOfDirective(text: readonly string[], first: number): number {
  let last = first;
  while (last < text.length && /\\\s*$/.test(text[last - 1]!)) last++;
  return last;
}

function namesIn(text: readonly string[], { from, to }: { from: number; to: number }): Occurrence[] {
  return text.slice(from - 1, to).flatMap((one, index) =>
    Array.from(one.matchAll(/(?<![&\w#"./-])[A-Za-z_]\w*/g), match => ({
      name: match[0],
      line: from + index,
      column: match.index + 1,
      before: one.slice(0, match.index),
      after: one.slice(match.index + match[0].length),
    })),
  );
}
