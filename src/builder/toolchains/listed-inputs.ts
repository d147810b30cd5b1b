// Inputs of a build from its dependency file. That lists the files a preprocessor opened. It lists neither the names
// looked for in vain nor files included by other tools; these are found by scanning the sources.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isInside, resolveReal, statOf } from '../../system/paths.ts';
import { scanSource } from './observed/source-scan.ts';
import type { ObservedInputs } from './toolchain.ts';

/** Sources that a preprocessor reads. */
const SOURCE = /\.(?:c|cc|cpp|cxx|h|hh|hpp|hxx|inc|s|S|keymap|overlay|dtsi?|dts)$/;
const ASSEMBLER = /\.[sS]$/;

export interface ListedOptions {
  /** The base of relative names. Absolute. */
  directory: string;
  /** Files in it belong to the build. Absolute. */
  buildDirectory: string;
  /** Further inputs. Absolute. */
  own: readonly string[];
  /** Absolute. */
  declared: ReadonlySet<string>;
  /** Header directories on the compiler's command line. Absolute, or relative to `directory`. */
  headers: readonly string[];
}

/** The inputs; undefined if only the build's own files are listed. */
export function observeListed(listed: readonly string[], options: ListedOptions): ObservedInputs | undefined {
  const found = new ListedInputs(options);
  for (const dependency of listed) found.add(dependency);
  return found.result();
}

/**
 * A name that a source refers to: a header, beside it or in the header directories; a header in those only; or an
 * included file.
 */
interface Request {
  kind: 'quoted' | 'angled' | 'taken';
  name: string;
  /** The directory of the source. */
  beside: string;
}

class ListedInputs {
  readonly #options: ListedOptions;
  readonly #files: Set<string>;
  readonly #requests = new Map<string, Request>();
  readonly #read = new Set<string>();
  #counting: ObservedInputs['declared'] = 'names';

  constructor(options: ListedOptions) {
    this.#options = options;
    this.#files = new Set(options.own);
  }

  /** Adds a listed file. Compilers write names as given, relative to the directory they run in. */
  add(name: string): void {
    const { directory, buildDirectory } = this.#options;
    const file = path.resolve(directory, name);
    if (isInside(file, buildDirectory)) return;
    const spelled = path.isAbsolute(name) ? name : `${directory}/${name}`;
    const stats = statOf(spelled);
    // Devices and directories have no content that could change. A file that is gone has changed since it was read.
    if (stats !== undefined && !stats.isFile()) return;
    // Behind a link, `..` does not lead where it seems to.
    if (resolveReal(spelled) === resolveReal(file)) this.#files.add(file);
    if (spelled.includes('/../')) this.#files.add(spelled);
    if (stats !== undefined && SOURCE.test(file)) this.#readSource(spelled, file);
  }

  result(): ObservedInputs | undefined {
    const absent = new Set<string>();
    const headers = this.#headerDirectories();
    // Included files may refer to more, which are appended and visited last.
    for (const { kind, name, beside } of this.#requests.values()) {
      const places = kind === 'angled' ? headers : [beside, ...headers];
      // The working directory of the assembler.
      if (kind === 'taken') places.push(this.#options.directory);
      for (const place of places) {
        const file = path.isAbsolute(name) ? name : `${place}/${name}`;
        if (isInside(path.resolve(file), this.#options.buildDirectory)) continue;
        if (statOf(file) === undefined) absent.add(file);
        else if (kind === 'taken') this.add(file);
      }
    }
    if (this.#files.size === 0) return undefined;
    return {
      ...{ files: [...this.#files].sort(), directories: [], absent: [...absent].sort() },
      declared: this.#counting,
    };
  }

  #readSource(spelled: string, file: string): void {
    if (this.#read.has(spelled)) return;
    this.#read.add(spelled);
    let text: string;
    try {
      text = readFileSync(spelled, 'utf8');
    } catch {
      return;
    }
    const { includes, angled, taken, isUntraceable, uncertainty } = scanSource(text, ASSEMBLER.test(file));
    // Comments in system headers are full of words such as `/include/`.
    const isTaking = taken.length > 0 || isUntraceable;
    if (uncertainty === 'contents' && (isTaking || this.#options.declared.has(file)))
      this.#counting = 'contents';
    const beside = path.dirname(spelled);
    const ask = (kind: Request['kind'], names: readonly string[]) => {
      for (const name of names) this.#requests.set(`${kind} ${beside} ${name}`, { kind, name, beside });
    };
    ask('quoted', includes);
    ask('angled', angled);
    ask('taken', taken);
  }

  /**
   * The header directories: those of the arguments, and those in which listed files were found by the names in sources.
   */
  #headerDirectories(): string[] {
    const { directory, headers } = this.#options;
    const byLast = new Map<string, Set<string>>();
    for (const { name } of this.#requests.values()) {
      const last = path.posix.basename(name);
      byLast.set(last, (byLast.get(last) ?? new Set()).add(name));
    }
    const found = new Set(headers.map(header => path.resolve(directory, header)));
    for (const file of this.#files) {
      for (const name of byLast.get(path.basename(file)) ?? []) {
        if (file.endsWith(`/${name}`)) found.add(file.slice(0, -name.length - 1));
      }
    }
    return [...found];
  }
}
