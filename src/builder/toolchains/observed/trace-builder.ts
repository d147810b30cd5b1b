// What is found out about the inputs of one build, as it comes.
import { lstatSync } from 'node:fs';
import path from 'node:path';
import { resolveReal, statOf } from '../../../system/paths.ts';
import { readTree, type Tree } from '../../incremental/tree.ts';
import type { ObservedInputs } from '../toolchain.ts';
import type { PathMap } from './path-map.ts';
import { greatest, type Uncertainty } from './uncertainty.ts';

function isClimbing(file: string): boolean {
  return /\/\.\.(?:\/|$)/.test(file);
}

/** What a build read, and what kind of code it compiled. */
export interface Trace {
  observed: ObservedInputs;
  /** Whether code in the config directory was compiled, or could have been included. */
  hasOwnCode: boolean;
  /** Whether code takes in files that no preprocessor sees. */
  hasHidden: boolean;
}

export class TraceBuilder {
  readonly pathMap: PathMap;
  readonly #files = new Set<string>();
  readonly #directories = new Set<string>();
  readonly #absent = new Set<string>();
  readonly #uncertainties: (Uncertainty | undefined)[] = [];
  #untraceable: string | undefined;
  #hasOwnCode = false;
  #hasHidden = false;

  constructor(pathMap: PathMap) {
    this.pathMap = pathMap;
  }

  /** What counts in the end; or why that cannot be told, as the end of a sentence. */
  result(): Trace | { untraceable: string } {
    if (this.#untraceable !== undefined) return { untraceable: this.#untraceable };
    const uncertainty = greatest(this.#uncertainties);
    const observed: ObservedInputs = {
      files: [...this.#files].sort(),
      directories: [...this.#directories].sort(),
      absent: [...this.#absent].sort(),
      ...(uncertainty === undefined ? {} : { declared: uncertainty }),
    };
    return { observed, hasOwnCode: this.#hasOwnCode, hasHidden: this.#hasHidden };
  }

  /** Says that something is compiled, or that headers are looked for there. */
  code(file: string): void {
    if (this.pathMap.classify(file) === 'config') this.#hasOwnCode = true;
  }

  /** Says that it takes in files without the preprocessor. */
  hidden(): void {
    this.#hasHidden = true;
  }

  /** Adds a file that was read. Its path is as {@link spellings} gives it. */
  file(file: string): void {
    this.#files.add(file);
  }

  /** Adds a directory whose names matter. */
  directory(directory: string): void {
    this.#directories.add(directory);
  }

  uncertainty(uncertainty: Uncertainty | undefined): void {
    this.#uncertainties.push(uncertainty);
  }

  /** Says that something may have been read, and that nothing tells what. The first reason is kept. */
  untraceable(why: string): void {
    this.#untraceable ??= why;
  }

  /**
   * The paths of this machine that stand for what a build saw under a path: what it is without its `..`, and as it is
   * spelled, which is another file when a directory before a `..` is a link, or becomes one.
   */
  spellings(seen: string): string[] {
    const plain = this.pathMap.toHost(seen);
    const climb = seen.indexOf('/../');
    const start = climb < 0 ? undefined : this.pathMap.toHost(seen.slice(0, climb));
    if (start === undefined) return plain === undefined ? [] : [plain];
    const spelled = `${start}${seen.slice(climb)}`;
    // What lies above a copy is not what lies above the original.
    if (plain !== path.resolve(spelled)) return plain === undefined ? [] : [plain];
    return resolveReal(plain) === resolveReal(spelled) ? [plain, spelled] : [spelled];
  }

  /**
   * Whether what is at a path of this machine is an input of its own. What is in a project is not, unless a link or a
   * `..` behind one leads out of that.
   */
  isInput(file: string): boolean {
    const pathKind = this.pathMap.classify(file);
    if (pathKind === 'config') return true;
    if (pathKind === 'elsewhere') return !this.pathMap.isIdentified(file);
    // What a build made may be thousands of files.
    if (pathKind === 'build' && !isClimbing(file)) return false;
    return ['config', 'elsewhere'].includes(this.pathMap.classify(this.#real(file)));
  }

  readonly #reals = new Map<string, string>();

  /** The path without links. Of thousands of files there are only a few hundred directories. */
  #real(file: string): string {
    if (lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()) return resolveReal(file);
    const directory = path.dirname(file);
    let known = this.#reals.get(directory);
    if (known === undefined) {
      known = resolveReal(directory);
      this.#reals.set(directory, known);
    }
    return path.join(known, path.basename(file));
  }

  /** Remembers that something was looked for, if it is not there. A link that leads nowhere is as good as nothing. */
  lookFor(file: string): void {
    if (!this.isInput(file)) return;
    const stats = statOf(file);
    if (!stats) this.#absent.add(file);
    if (!this.pathMap.isIsolated) return;
    // What is there for this machine may not be there for a container, and the other way round.
    if (stats?.isFile()) this.#files.add(file);
    else if (!stats && lstatSync(file, { throwIfNoEntry: false })) this.#directories.add(path.dirname(file));
  }

  /**
   * Adds the names of everything below a directory that is an input; returns what is there. What cannot be read whole
   * leaves nothing certain.
   *
   * @param what the directory is, for a person
   */
  names(directory: string, what: string): Tree | undefined {
    const isOthers = (inner: string) => !this.isInput(inner) || this.pathMap.isOutput(inner);
    const tree = readTree(directory, inner => inner !== directory && isOthers(inner));
    if (!tree) {
      this.untraceable(`${what} ${directory} is too large to be looked through, or cannot be read.`);
      return undefined;
    }
    for (const found of tree.directories) this.#directories.add(found);
    for (const link of tree.dangling) this.lookFor(link);
    return tree;
  }

  /** Adds everything in a directory that is not declared. */
  wholeTree(directory: string, what: string): void {
    for (const file of this.names(directory, what)?.files ?? [])
      if (this.isInput(file)) this.#files.add(file);
  }

  /**
   * Takes what something is named, if that is elsewhere: in the config directory it is declared.
   *
   * @param isRead whether all of it may be read, if it is a directory, and not only looked for
   */
  named(file: string, isRead: boolean): void {
    if (!this.isInput(file)) return;
    const stats = statOf(file);
    if (!stats) this.lookFor(file);
    else if (this.pathMap.classify(resolveReal(file)) !== 'elsewhere') return;
    else if (stats.isFile()) this.#files.add(file);
    else if (stats.isDirectory() && isRead) {
      // All that is around everything would be too much, and `..` is often named on the way to something else.
      if (this.pathMap.isAround(file)) this.#directories.add(file);
      else this.wholeTree(file, 'the directory');
    }
  }
}
