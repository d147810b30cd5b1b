// Reader of a build's input files: their hashes, directory listings, and whether they have changed since.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { GloveboxError } from '../../errors.ts';
import { hashOpenFile } from '../../system/hash-file.ts';
import { statOf } from '../../system/paths.ts';
import { type KnownDigests, LARGE_FILE, SETTLED_MS } from './known-digests.ts';

// Temporary files that editors keep beside an open file. No build reads them, and they come and go.
const EDITOR_LEFTOVER = /^(?:.*~|\..*\.sw[a-p]|\.#.*|#.*#|4913|\.DS_Store)$/;

/** An input that cannot be read. Its target cannot be looked up or built. */
export class InputError extends GloveboxError {
  constructor(message: string, options?: ErrorOptions) {
    super('GLOVEBOX_INPUT', message, options);
  }
}

/** State of a file at one moment. */
export interface FileState {
  /** Of the content, in hexadecimal. */
  sha256: string;
  /** Changes whenever the file is written or replaced, even with the same content. */
  stamp: string;
  /** Whether the same stamp means the same content from now on: not if the file was written just before it was read. */
  isSettled: boolean;
}

/** Settled files by absolute path, as one reader saw them. Plain data. */
export type KnownFiles = ReadonlyMap<string, FileState>;

/**
 * The state of input files. Each file is read once: a reader is a snapshot of one moment, so make a new one for each
 * build, and another one to check for changes since.
 */
export class InputReader {
  readonly #digests: KnownDigests | undefined;
  readonly #known: KnownFiles | undefined;
  readonly #files = new Map<string, Promise<FileState | undefined>>();
  readonly #listings = new Map<string, Promise<string | undefined>>();

  /**
   * @param digests of large files, which are not read again while unchanged. Default: every file is read
   *
   * @param known files that an earlier reader saw: only their stamps are checked again. Default: none
   */
  constructor(digests?: KnownDigests, known?: KnownFiles) {
    this.#digests = digests;
    this.#known = known;
  }

  /**
   * The state of the file at an absolute path, or undefined if it does not exist. Rejects with {@link InputError} if it
   * cannot be read.
   */
  file(file: string): Promise<FileState | undefined> {
    let state = this.#files.get(file);
    if (!state) {
      state = readState(file, this.#digests, this.#known?.get(file));
      this.#files.set(file, state);
    }
    return state;
  }

  /** The state of the settled ones among these files, for a later reader. */
  async settled(files: Iterable<string>): Promise<KnownFiles> {
    const known = new Map<string, FileState>();
    for (const file of files) {
      const state = await this.#files.get(file)?.catch(() => undefined);
      if (state?.isSettled) known.set(file, state);
    }
    return known;
  }

  /**
   * The digest of a directory's entries, by name and kind, links followed; undefined if the directory does not exist.
   */
  listing(directory: string): Promise<string | undefined> {
    let digest = this.#listings.get(directory);
    if (!digest) {
      digest = readListing(directory);
      this.#listings.set(directory, digest);
    }
    return digest;
  }

  /** Whether nothing is certain to exist at this path, or only a dangling link. Not memoized. */
  async isAbsent(file: string): Promise<boolean> {
    try {
      return fs.statSync(file, { throwIfNoEntry: false }) === undefined;
    } catch (error) {
      return isMissing(error) || (error as NodeJS.ErrnoException).code === 'ELOOP';
    }
  }
}

/** Whether a path is a temporary file of an editor, which no build reads. */
export function isEditorLeftover(file: string): boolean {
  return EDITOR_LEFTOVER.test(path.basename(file));
}

async function readState(
  file: string,
  digests: KnownDigests | undefined,
  earlier: FileState | undefined,
): Promise<FileState | undefined> {
  let descriptor: number;
  try {
    // Non-blocking, so that a pipe in place of a file cannot block the build for ever.
    descriptor = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new InputError(`Cannot read the input ${file}: ${(error as Error).message}.`, { cause: error });
  }
  try {
    const stat = fs.fstatSync(descriptor, { bigint: true });
    if (!stat.isFile())
      throw new InputError(`The input ${file} is not a regular file. Remove it or leave it out.`);
    const stamp = `${stat.dev}:${stat.ino}:${stat.size}:${stat.ctimeNs}`;
    if (earlier?.stamp === stamp) return earlier;
    const known = stat.size >= LARGE_FILE ? digests : undefined;
    const remembered = await known?.get(file, stamp);
    if (remembered !== undefined) return { sha256: remembered, stamp, isSettled: true };
    const begun = Date.now();
    const sha256 = await hashOpenFile(descriptor, Number(stat.size));
    const changed = Number(stat.ctimeMs);
    await known?.set(file, stamp, sha256, changed, begun);
    return { sha256, stamp, isSettled: begun - changed >= SETTLED_MS };
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`Cannot read the input ${file}: ${(error as Error).message}.`, { cause: error });
  } finally {
    fs.closeSync(descriptor);
  }
}

async function readListing(directory: string): Promise<string | undefined> {
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new InputError(`Cannot list the directory ${directory}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  const lines = entries
    .filter(entry => !isEditorLeftover(entry.name))
    .map(entry => `${entry.name}\0${kindOf(path.join(directory, entry.name), entry)}\0`);
  return createHash('sha256').update(lines.sort().join('')).digest('hex');
}

/** The kind of an entry. For a link, that of its target; for a dangling link, the path it names. */
function kindOf(file: string, entry: fs.Dirent): string {
  if (!entry.isSymbolicLink()) return entry.isDirectory() ? 'd' : 'f';
  const target = statOf(file);
  if (target) return target.isDirectory() ? 'ld' : 'lf';
  try {
    return `l ${fs.readlinkSync(file)}`;
  } catch {
    // Removed meanwhile.
    return 'l';
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
