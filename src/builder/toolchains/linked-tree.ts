// Directory tree as compilers see it: a link to a file is a file, and a link to a directory is a directory, wherever it
// leads. It feeds a glob library, which alone would follow links for ever or silently drop some.
import { type Dirent, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { ToolchainError } from './toolchain.ts';

/**
 * Limit on entries behind one link, including those behind further links. A config's own files are a hundredth of it.
 */
export const MAX_LINKED_ENTRIES = 20_000;

export interface LinkedTreeOptions {
  /** Whether a directory is ignored, by its real path. */
  isExcluded: (real: string) => boolean;
  /** Marker files that identify an ignored directory by their names. Default: none. */
  marks?: readonly string[];
}

/** A directory and the way to it. */
interface Place {
  real: string;
  /** The parent directory. */
  above: Place | undefined;
  /** The first link on the way to it. */
  link: string | undefined;
}

/** The part of `fs.Dirent` that the glob library uses. */
type Entry = Pick<Dirent, 'name' | 'isFile' | 'isDirectory' | 'isSymbolicLink'>;

export class LinkedTree {
  readonly #options: LinkedTreeOptions;
  readonly #places = new Map<string, Place>();
  readonly #counts = new Map<string, number>();
  #refusal: ToolchainError | undefined;

  constructor(options: LinkedTreeOptions) {
    this.#options = options;
  }

  /**
   * `fs.readdir` without links, for the glob library. Omits dangling links, links to neither file nor directory, and
   * linked directories that contain themselves.
   */
  readonly readdir = (
    directory: string,
    _options: unknown,
    callback: (error: NodeJS.ErrnoException | null, entries: Entry[]) => void,
  ): void => {
    let entries: Entry[] = [];
    let failed: NodeJS.ErrnoException | null = null;
    try {
      if (this.#refusal === undefined) entries = this.#read(directory.replace(/(.)\/$/, '$1'));
    } catch (error) {
      failed = error as NodeJS.ErrnoException;
    }
    setImmediate(callback, failed, entries);
  };

  /** Throws {@link ToolchainError}, which names the link, if one leads to too many files. */
  check(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  #read(directory: string): Entry[] {
    const place = this.#places.get(directory) ?? this.#begin(directory);
    const entries = readdirSync(directory, { withFileTypes: true });
    const { marks = [] } = this.#options;
    if (place.above !== undefined && entries.some(({ name }) => marks.includes(name))) return [];
    if (place.link !== undefined && this.#isTooMuch(place.link, entries.length)) return [];
    return entries.flatMap(entry => this.#resolve(path.join(directory, entry.name), entry, place) ?? []);
  }

  #begin(directory: string): Place {
    const isLink = lstatSync(directory).isSymbolicLink();
    return { real: realpathSync(directory), above: undefined, link: isLink ? directory : undefined };
  }

  #resolve(file: string, entry: Dirent, above: Place): Entry | undefined {
    if (!entry.isSymbolicLink()) {
      if (!entry.isDirectory()) return entry;
      return this.#enter(file, { real: path.join(above.real, entry.name), above, link: above.link });
    }
    try {
      const stats = statSync(file);
      if (stats.isFile()) return entryOf(entry.name, 'file');
      if (!stats.isDirectory()) return undefined;
      return this.#enter(file, { real: realpathSync(file), above, link: above.link ?? file });
    } catch {
      return undefined;
    }
  }

  #enter(directory: string, place: Place): Entry | undefined {
    if (this.#options.isExcluded(place.real)) return undefined;
    // Entered once behind a link, since globs may exclude it under its own name; then not again.
    for (let above = place.above; above?.link !== undefined; above = above.above) {
      if (above.real === place.real) return undefined;
    }
    this.#places.set(directory, place);
    return entryOf(path.basename(directory), 'directory');
  }

  #isTooMuch(link: string, entries: number): boolean {
    const count = (this.#counts.get(link) ?? 0) + entries;
    this.#counts.set(link, count);
    if (count <= MAX_LINKED_ENTRIES) return false;
    this.#refusal ??= new ToolchainError(
      `The link ${link} leads to ${realpathSync(link)}, with more than ${MAX_LINKED_ENTRIES} files, which a build ` +
        'could read. Have it lead to less, or remove it.',
    );
    return true;
  }
}

function entryOf(name: string, kind: 'file' | 'directory'): Entry {
  return {
    name,
    isFile: () => kind === 'file',
    isDirectory: () => kind === 'directory',
    isSymbolicLink: () => false,
  };
}
