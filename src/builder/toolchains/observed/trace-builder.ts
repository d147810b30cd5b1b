// Builder of a trace: the inputs of one build, collected one by one.
import { lstatSync } from 'node:fs';
import path from 'node:path';
import { resolveReal, statOf } from '../../../system/paths.ts';
import { readTree, type Tree } from '../../inputs/tree.ts';
import type { ObservedInputs } from '../toolchain.ts';
import type { PathMap } from './path-map.ts';
import { greatest, type Uncertainty } from './uncertainty.ts';

function isClimbing(file: string): boolean {
  return /\/\.\.(?:\/|$)/.test(file);
}

/** The inputs of a build, and the kind of code that it compiled. */
export interface Trace {
  observed: ObservedInputs;
  /** Whether code in the config directory was compiled, or could have been included. */
  hasOwnCode: boolean;
  /** Whether code includes files without the preprocessor. */
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

  /** The complete trace; or why the inputs cannot be determined, as the end of a sentence. */
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

  /** Marks a file as compiled, or a directory as searched for headers. */
  code(file: string): void {
    if (this.pathMap.classify(file) === 'config') this.#hasOwnCode = true;
  }

  /** Marks the build as including files without the preprocessor. */
  hidden(): void {
    this.#hasHidden = true;
  }

  /** Adds a file that was read. Its path is as {@link spellings} gives it. */
  file(file: string): void {
    this.#files.add(file);
  }

  /** Adds a directory whose listing matters. */
  directory(directory: string): void {
    this.#directories.add(directory);
  }

  uncertainty(uncertainty: Uncertainty | undefined): void {
    this.#uncertainties.push(uncertainty);
  }

  /** Marks the build as having unknown inputs. The first reason is kept. */
  untraceable(why: string): void {
    this.#untraceable ??= why;
  }

  /**
   * The paths on this machine for a path in the build: without its `..`, and as spelled. They differ if a directory
   * before a `..` is a link, or becomes one.
   */
  spellings(seen: string): string[] {
    const plain = this.pathMap.toHost(seen);
    const climb = seen.indexOf('/../');
    const start = climb < 0 ? undefined : this.pathMap.toHost(seen.slice(0, climb));
    if (start === undefined) return plain === undefined ? [] : [plain];
    const spelled = `${start}${seen.slice(climb)}`;
    // The parent of a copy is not the parent of the original.
    if (plain !== path.resolve(spelled)) return plain === undefined ? [] : [plain];
    return resolveReal(plain) === resolveReal(spelled) ? [plain, spelled] : [spelled];
  }

  /**
   * Whether a path on this machine is a separate input. Files in a project are not, unless a link, or a `..` behind
   * one, leads out of it.
   */
  isInput(file: string): boolean {
    const pathKind = this.pathMap.classify(file);
    if (pathKind === 'config') return true;
    if (pathKind === 'elsewhere') return !this.pathMap.isIdentified(file);
    // A build may make thousands of files.
    if (pathKind === 'build' && !isClimbing(file)) return false;
    return ['config', 'elsewhere'].includes(this.pathMap.classify(this.#real(file)));
  }

  readonly #reals = new Map<string, string>();

  /** The path without links. Memoized by directory: thousands of files share a few hundred. */
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

  /** Records a lookup in vain if the file does not exist. A dangling link counts as missing. */
  lookFor(file: string): void {
    if (!this.isInput(file)) return;
    const stats = statOf(file);
    if (!stats) this.#absent.add(file);
    if (!this.pathMap.isIsolated) return;
    // A path may exist on this machine and not in the container, or the other way round.
    if (stats?.isFile()) this.#files.add(file);
    else if (!stats && lstatSync(file, { throwIfNoEntry: false })) this.#directories.add(path.dirname(file));
  }

  /**
   * Adds the names of everything below a directory that is an input, and returns them. A directory that cannot be read
   * completely makes the build untraceable.
   *
   * @param what the directory's role, for messages
   */
  names(directory: string, what: string): Tree | undefined {
    const isOthers = (inner: string) => !this.isInput(inner) || this.pathMap.isOutput(inner);
    const tree = readTree(directory, inner => inner !== directory && isOthers(inner));
    if (!tree) {
      this.untraceable(`${what} ${directory} is too large to be searched, or cannot be read.`);
      return undefined;
    }
    for (const found of tree.directories) this.#directories.add(found);
    for (const link of tree.dangling) this.lookFor(link);
    return tree;
  }

  /** Adds every undeclared file in a directory. */
  wholeTree(directory: string, what: string): void {
    for (const file of this.names(directory, what)?.files ?? [])
      if (this.isInput(file)) this.#files.add(file);
  }

  /**
   * Adds a named path outside the config directory; inside, it is declared.
   *
   * @param isRead whether a directory may be read completely, and not only searched
   */
  named(file: string, isRead: boolean): void {
    if (!this.isInput(file)) return;
    const stats = statOf(file);
    if (!stats) this.lookFor(file);
    else if (this.pathMap.classify(resolveReal(file)) !== 'elsewhere') return;
    else if (stats.isFile()) this.#files.add(file);
    else if (stats.isDirectory() && isRead) {
      // A directory around everything is too large, and `..` is often named on the way to something else.
      if (this.pathMap.isAround(file)) this.#directories.add(file);
      else this.wholeTree(file, 'the directory');
    }
  }
}
