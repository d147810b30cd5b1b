// Source files of a keymap: found, read, and remembered with the names that were looked for in vain, since whether a
// drawing is still right depends on both.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { readTextFile, TextFileError } from '../../system/text-file.ts';
import type { SourceFile } from './token.ts';

/** Where an include is looked for. */
export interface SearchOptions {
  /** The directory of the keymap, if it is in a file. Absolute. */
  home?: string | undefined;
  /** Directories in the order in which they are searched. Absolute. */
  searchDirectories?: readonly string[];
  /** Those of them whose files are the author's own. */
  ownDirectories?: readonly string[];
  /** The text of a header that Glovebox holds itself, for those that are in none of these directories. */
  builtIn?: (name: string) => string | undefined;
}

/** Where a file is, or would be: it says the same on every machine. */
export interface FilePlace {
  /** The index of a search directory; {@link HOME} for that of the keymap, {@link ANYWHERE} for none. */
  directory: number;
  /** Relative to the directory; absolute when there is none. */
  path: string;
}

export const HOME = -1;
export const ANYWHERE = -2;

/** A name that was looked for. */
export interface FileLookup extends FilePlace {
  /** SHA-256 of the file's text; null when there is no such file; `unreadable`. */
  hash: string | null;
}

const UNREADABLE = 'unreadable';

/** An included file cannot be read though it is there. */
export class UnreadableFileError extends Error {}

/** A file that was found. */
export interface FoundFile extends SourceFile {
  /** Undefined for a header that Glovebox holds itself. */
  place?: FilePlace;
}

/** Bytes of one file, and of all together. ZMK's largest header has 150 KB. */
const MAX_FILE_SIZE = 2 * 1024 * 1024;
const MAX_TOTAL_SIZE = 16 * 1024 * 1024;

export class SourceFiles {
  readonly #options: SearchOptions;
  readonly #directories: readonly string[];
  /** By their paths: null for those that are not there. */
  readonly #read = new Map<string, Promise<string | null>>();
  readonly #lookups = new Map<string, FileLookup>();
  #size = 0;

  constructor(options: SearchOptions = {}) {
    this.#options = options;
    this.#directories = options.searchDirectories ?? [];
  }

  /**
   * The file that `#include "name"` (or `<name>`) means in `from`: first, when quoted, what is beside that file, then
   * what is in the search directories. With `isNext`, only those behind the one that `from` was found in. Rejects with
   * {@link UnreadableFileError}.
   */
  async find(
    name: string,
    isQuoted: boolean,
    from: FoundFile,
    isNext = false,
  ): Promise<FoundFile | undefined> {
    if (path.isAbsolute(name)) return this.#at({ directory: ANYWHERE, path: name }, from.isSystem);
    const beside = from.place;
    if (isQuoted && !isNext && beside !== undefined) {
      const place = { directory: beside.directory, path: path.join(path.dirname(beside.path), name) };
      const found = await this.#at(place, from.isSystem);
      if (found !== undefined) return found;
    }
    const start = isNext ? Math.max(0, (beside?.directory ?? HOME) + 1) : 0;
    for (let directory = start; directory < this.#directories.length; directory++) {
      const isOwn = this.#options.ownDirectories?.includes(this.#directories[directory]!) ?? false;
      const found = await this.#at({ directory, path: path.normalize(name) }, !isOwn);
      if (found !== undefined) return found;
    }
    const text = this.#options.builtIn?.(name);
    return text === undefined ? undefined : { name: `<${name}>`, text, isSystem: true };
  }

  /** All that was looked for so far, in a fixed order. */
  lookups(): FileLookup[] {
    return [...this.#lookups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, lookup]) => lookup);
  }

  async #at(place: FilePlace, isSystem: boolean): Promise<FoundFile | undefined> {
    const file = pathOf(place, this.#options);
    if (file === undefined) return undefined;
    let reading = this.#read.get(file);
    if (reading === undefined) {
      reading = this.#load(file);
      this.#read.set(file, reading);
    }
    const lookup = { ...place, hash: UNREADABLE };
    this.#lookups.set(`${place.directory}:${place.path}`, lookup);
    const text = await reading;
    this.#lookups.set(`${place.directory}:${place.path}`, {
      ...lookup,
      hash: text === null ? null : hashOf(text),
    });
    return text === null ? undefined : { name: file, text, isSystem, place };
  }

  async #load(file: string): Promise<string | null> {
    const text = await readIfThere(file);
    this.#size += text?.length ?? 0;
    if (this.#size > MAX_TOTAL_SIZE) throw new UnreadableFileError('all files together are far too large');
    return text;
  }
}

/** The hash that a lookup of this place would have; null also when there is no such directory. */
export async function hashOfLookup(place: FilePlace, options: SearchOptions): Promise<string | null> {
  const file = pathOf(place, options);
  if (file === undefined) return null;
  try {
    const text = await readIfThere(file);
    return text === null ? null : hashOf(text);
  } catch (error) {
    if (error instanceof UnreadableFileError) return UNREADABLE;
    throw error;
  }
}

function pathOf({ directory, path: way }: FilePlace, options: SearchOptions): string | undefined {
  if (directory === ANYWHERE) return way;
  const base = directory === HOME ? options.home : options.searchDirectories?.[directory];
  return base === undefined ? undefined : path.join(base, way);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readTextFile(file, MAX_FILE_SIZE);
  } catch (error) {
    if (!(error instanceof TextFileError)) throw error;
    // A preprocessor goes on over directories, too.
    if (error.problem === 'missing' || error.problem === 'not-a-file') return null;
    const why = {
      'too-large': `it has ${error.size} bytes, far more than an include can have`,
      'not-text': `this is not UTF-8 text (line ${error.line}); save it as UTF-8`,
      unreadable: error.message,
    }[error.problem];
    throw new UnreadableFileError(why, { cause: error });
  }
}
