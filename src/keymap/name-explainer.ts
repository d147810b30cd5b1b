// Explains undefined names: the missing file or include, or a likely misspelling.
import { closestMatch, didYouMean } from '../config/closest-match.ts';
import type { MissingInclude, Preprocessed } from './preprocessor/preprocess.ts';
import type { Macro } from './preprocessor/token.ts';
import { BEHAVIOR_PARAMETERS, headerOf } from './zmk/headers.ts';
import { fromQmk, KEY_CODES } from './zmk/key-codes.ts';

/** An explanation of an undefined name. */
export interface Explanation {
  message: string;
  /** Whether the name may be a macro from a file that was not found, and so stand for anything. */
  isOpen: boolean;
  /** The ZMK header that defines the name. The name then stands for one parameter. */
  header?: string;
}

/** Looking for similar names is limited to as many names as errors are shown. */
const MAX_HINTS = 20;
/**
 * Labels of at least this length are compared by edit distance; of shorter ones, only swapped letters count as a
 * slip.
 */
const MIN_LABEL = 4;

export class NameExplainer {
  readonly #missing: readonly MissingInclude[];
  readonly #included: ReadonlySet<string>;
  /** Macros that are defined at the end of the source. */
  readonly #macros: ReadonlyMap<string, Macro>;
  readonly #hasZmk: boolean;
  /** Explanations already given, of names and of labels. */
  readonly #known = new Map<string, string | undefined>();

  /** @param hasZmk whether ZMK's own headers were read, instead of the built-in table */
  constructor({ missing, included, macros }: Preprocessed, hasZmk: boolean) {
    this.#missing = missing;
    this.#included = included;
    this.#macros = macros;
    this.#hasZmk = hasZmk;
  }

  /** Explains a name. `isKey`: it stands in the place of a key code. */
  explain(name: string, isKey: boolean): Explanation {
    const macro = this.#macros.get(name);
    if (macro !== undefined) {
      const message =
        macro.parameters === undefined
          ? `'${name}' is defined only after this use`
          : `the macro ${name} is used without its arguments, or before its definition`;
      return { message, isOpen: false };
    }
    const header = headerOf(name);
    if (header !== undefined && this.#included.has(header)) {
      return { message: `'${name}' is not defined in this version of ZMK`, isOpen: false };
    }
    if (header !== undefined) {
      const message = `'${name}' is defined in <${header}>, which is not included`;
      return { message, isOpen: false, header };
    }
    if (this.#missing.length > 0) return { message: this.#inMissing(name), isOpen: true };
    return { message: this.#undefined(name, isKey), isOpen: false };
  }

  /**
   * Explains a behavior that neither ZMK nor the keymap defines, when it looks like a misspelling. Otherwise it may
   * belong to the keyboard, and the result is undefined.
   */
  explainLabel(label: string, labels: Iterable<string>): string | undefined {
    if (this.#missing.length > 0) return undefined;
    const name = `&${label}`;
    const known = this.#known.get(name);
    if (this.#known.has(name) || this.#known.size >= MAX_HINTS) return known;
    // Short labels resemble each other by chance, and a digit distinguishes a variant from the original.
    const isLong = label.length >= MIN_LABEL && !/\d/.test(label);
    const candidates = [...BEHAVIOR_PARAMETERS.keys(), ...labels];
    const near = isLong ? candidates : candidates.filter(one => lettersOf(one) === lettersOf(label));
    const meant = closestMatch(label, near);
    const message =
      meant && `Neither ZMK nor the keymap defines the behavior '${name}'. Did you mean '&${meant}'?`;
    this.#known.set(name, message);
    return message;
  }

  #undefined(name: string, isKey: boolean): string {
    const id = `${name} ${isKey}`;
    let message = this.#known.get(id);
    if (message === undefined) {
      message = this.#sayUndefined(name, isKey);
      this.#known.set(id, message);
    }
    return message;
  }

  #sayUndefined(name: string, isKey: boolean): string {
    const meant = fromQmk(name);
    if (meant !== undefined) return `'${name}' is not a key code of ZMK. Did you mean '${meant}'?`;
    const isMore = this.#known.size >= MAX_HINTS;
    const own = [...this.#macros.values()]
      .filter(({ place }) => !place.file.isSystem)
      .map(macro => macro.name);
    const hint = isMore ? '' : didYouMean(name, isKey ? [...KEY_CODES, ...own] : own);
    const what = isKey ? `'${name}' is not a key code of ZMK` : `'${name}' is not defined`;
    if (hint !== '') return `${what}.${hint}`;
    return isKey || this.#hasZmk ? what : `${what}, as far as Glovebox knows without a west workspace`;
  }

  #inMissing(name: string): string {
    const names = [...new Set(this.#missing.map(missing => missing.name))];
    return names.length === 1
      ? `${name} is defined in a file that was not found: ${names[0]}`
      : `${name} is defined in one of the files that were not found: ${names.join(', ')}`;
  }
}

/** The sorted letters of a word. */
function lettersOf(word: string): string {
  return [...word].sort().join('');
}
