// Says what is to be said about a name that no macro explains.
import { didYouMean } from '../config/nearest.ts';
import type { MissingInclude } from './preprocessor/preprocess.ts';
import type { Macro } from './preprocessor/token.ts';
import { headerOf } from './zmk/headers.ts';
import { fromQmk, KEY_CODES } from './zmk/key-codes.ts';

/** Why a name is unknown. */
export interface Explanation {
  message: string;
  /** Whether the name may stand for anything: a macro that is in a file which was not found. */
  isOpen: boolean;
  /** The header of ZMK's that would explain it: then it is a name of ZMK's, and stands for one parameter. */
  header?: string;
}

export class NameExplainer {
  readonly #missing: readonly MissingInclude[];
  readonly #macros: ReadonlyMap<string, Macro>;

  constructor(missing: readonly MissingInclude[], macros: ReadonlyMap<string, Macro>) {
    this.#missing = missing;
    this.#macros = macros;
  }

  /** Explains a name; `isKey` when it stands where a key code should be. */
  explain(name: string, isKey: boolean): Explanation {
    const header = headerOf(name);
    if (header !== undefined) {
      const message = `'${name}' is defined in <${header}>, which is not included`;
      return { message, isOpen: false, header };
    }
    if (this.#macros.has(name)) {
      return { message: `the macro ${name} is used without its arguments`, isOpen: false };
    }
    if (this.#missing.length > 0) return { message: this.#inMissing(name), isOpen: true };
    const own = [...this.#macros.values()]
      .filter(({ place }) => !place.file.isSystem)
      .map(macro => macro.name);
    const meant = fromQmk(name);
    const hint =
      meant === undefined
        ? didYouMean(name, isKey ? [...KEY_CODES, ...own] : own)
        : ` Did you mean '${meant}'?`;
    const what = isKey || meant !== undefined ? 'is not a key code of ZMK' : 'is not defined';
    return { message: `'${name}' ${what}${hint === '' ? '' : `.${hint}`}`, isOpen: false };
  }

  #inMissing(name: string): string {
    const names = [...new Set(this.#missing.map(missing => missing.name))];
    return names.length === 1
      ? `${name} is defined in a file that was not found: ${names[0]}`
      : `${name} is defined in one of the files that were not found: ${names.join(', ')}`;
  }
}
