// Source files of a keymap. Records every file that was read and every name that was not found, since a stored
// drawing is valid only while both stay the same.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { readTextFile, TextFileError } from '../../system/text-file.ts';
import type { SourceFile } from './token.ts';

/** Include search options. */
export interface SearchOptions {
  /** Directory of the keymap file, if there is one. Absolute. */
  home?: string | undefined;
  /** Search directories, in order. Absolute. */
  searchDirectories?: readonly string[];
  /** Search directories with the author's own files. */
  ownDirectories?: readonly string[];
  /** Returns the text of a built-in header, used when no directory has the file. */
  builtIn?: (name: string) => string | undefined;
}

/** Portable location of a file that exists or would exist: the same on every machine. */
export interface FilePlace {
  /** Index of a search directory; {@link HOME} for the keymap's directory, {@link ANYWHERE} for none. */
  directory: number;
  /** Relative to the directory; absolute without one. */
  path: string;
}

export const HOME = -1;
export const ANYWHERE = -2;

/** One lookup of a file name. */
export interface FileLookup extends FilePlace {
  /** SHA-256 of the file's text; null when the file is missing; or `unreadable`. */
  hash: string | null;
}

const UNREADABLE = 'unreadable';

/** An included file exists but cannot be read. */
export class UnreadableFileError extends Error {}

/** A file that was found. */
export interface FoundFile extends SourceFile {
  /** Undefined for a built-in header. */
  place?: FilePlace;
}

/** Maximum size of one file. ZMK's largest header has 150 KB. */
const MAX_FILE_SIZE = 2 * 1024 * 1024;
const MAX_TOTAL_SIZE = 16 * 1024 * 1024;

export class SourceFiles {
  readonly #options: SearchOptions;
  readonly #directories: readonly string[];
  /** File texts by path; null for missing files. */
  readonly #read = new Map<string, Promise<string | null>>();
  readonly #lookups = new Map<string, FileLookup>();
  #size = 0;

  constructor(options: SearchOptions = {}) {
    this.#options = options;
    this.#directories = options.searchDirectories ?? [];
  }

  /**
   * Finds the file that `#include "name"` or `<name>` in `from` refers to. A quoted name is first looked for beside
   * that file, then in the search directories. With `isNext`, only in the directories after the one of `from`.
   * Rejects with {@link UnreadableFileError}.
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

  /** All lookups so far, in a fixed order. */
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
    if (this.#size > MAX_TOTAL_SIZE) throw new UnreadableFileError('all files together are too large');
    return text;
  }
}

/** The hash that a lookup of this place would have now. Null also when the directory does not exist. */
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
    // A preprocessor also skips directories.
    if (error.problem === 'missing' || error.problem === 'not-a-file') return null;
    const why = {
      'too-large': `it has ${error.size} bytes, more than an include can have`,
      'not-text': `this is not UTF-8 text (line ${error.line}); save it as UTF-8`,
      unreadable: error.message,
    }[error.problem];
    throw new UnreadableFileError(why, { cause: error });
  }
}
