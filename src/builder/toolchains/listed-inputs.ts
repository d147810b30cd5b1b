// From the files that a dependency file lists to the inputs of a build. It says what a preprocessor opened, and neither what
// that looked for in vain nor what others took in: that is read in the sources themselves.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isInside, resolveReal, statOf } from '../../system/paths.ts';
import { scanSource } from './observed/source-scan.ts';
import type { ObservedInputs } from './toolchain.ts';

/** Files that are read by a preprocessor. */
const SOURCE = /\.(?:c|cc|cpp|cxx|h|hh|hpp|hxx|inc|s|S|keymap|overlay|dtsi?|dts)$/;
const ASSEMBLER = /\.[sS]$/;

export interface ListedOptions {
  /** What names are relative to. Absolute. */
  directory: string;
  /** Files in it are the build's own. Absolute. */
  buildDirectory: string;
  /** What counts as well. Absolute. */
  own: readonly string[];
  /** Absolute. */
  declared: ReadonlySet<string>;
  /** Directories in which the compiler was told to look for headers. Absolute, or relative to `directory`. */
  headers: readonly string[];
}

/** The inputs; undefined when nothing but the build's own files is listed. */
export function observeListed(listed: readonly string[], options: ListedOptions): ObservedInputs | undefined {
  const found = new ListedInputs(options);
  for (const dependency of listed) found.add(dependency);
  return found.result();
}

/** What a source asks for: a name beside it or where headers are, one where headers are only, or a file that is taken in. */
interface Request {
  kind: 'quoted' | 'angled' | 'taken';
  name: string;
  /** The directory that the source is in. */
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

  /** A file that was read. Compilers write names as they got them, and they run in the directory. */
  add(name: string): void {
    const { directory, buildDirectory } = this.#options;
    const file = path.resolve(directory, name);
    if (isInside(file, buildDirectory)) return;
    const spelled = path.isAbsolute(name) ? name : `${directory}/${name}`;
    const stats = statOf(spelled);
    // Devices and directories have no content that could change. One that is gone has changed since it was read.
    if (stats !== undefined && !stats.isFile()) return;
    // Behind a link a `..` leads elsewhere than it seems to.
    if (resolveReal(spelled) === resolveReal(file)) this.#files.add(file);
    if (spelled.includes('/../')) this.#files.add(spelled);
    if (stats !== undefined && SOURCE.test(file)) this.#readSource(spelled, file);
  }

  result(): ObservedInputs | undefined {
    const absent = new Set<string>();
    const headers = this.#headerDirectories();
    // What is taken in may ask for more, which comes last.
    for (const { kind, name, beside } of this.#requests.values()) {
      const places = kind === 'angled' ? headers : [beside, ...headers];
      // Where the assembler runs.
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
    // Comments of system headers are full of words such as `/include/`.
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

  /** Where headers are looked for: where the arguments say, and where listed files were found by the names in sources. */
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
