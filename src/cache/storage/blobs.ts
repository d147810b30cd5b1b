// Blob files: content-addressed files beside a database. Any thread writes temporary files and reads blobs. Only the
// writer, inside its transaction, gives a temporary file its final name or removes a blob, so that the rows and files
// of all processes change under one lock.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  type Dirent,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFile,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFile,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { writeAtomically } from '../../system/atomic-write.ts';
import { copyFile, copyFileNow } from '../../system/copy-file.ts';
import {
  copyAndHashNow,
  hashBytes,
  hashFile,
  hashFileSync,
  hashOpenFile,
  SMALL_FILE_BYTES,
} from '../../system/hash-file.ts';
import { withOpenFile } from '../../system/open-files.ts';
import { removeStale, temporaryName } from '../../system/stale-files.ts';

/** Values of more bytes than this are blobs; smaller ones are in the database. */
export const BLOB_THRESHOLD = 64 * 1024;
// Bytes that the writer may hash while other threads wait.
const LARGEST_HASHED_BYTES = 64 * 1024 * 1024;

const writeLarge = promisify(writeFile);
const readLarge = promisify(readFile);
const flush = promisify(fdatasync);

const TEMPORARY_NAME = /^\d{1,10}-[0-9a-f]{8}-[0-9a-f-]{36}$/;
const HASH = /^[0-9a-f]{64}$/;

/** A flushed copy of a file: the hash of its content, its bytes and permission bits. */
export interface TemporaryCopy {
  temporary: string;
  hash: string;
  size: number;
  mode: number;
}

export class BlobFiles {
  readonly directory: string;
  readonly #temporary: string;

  /** `directory` is the tag's; blobs are below it. */
  constructor(directory: string) {
    this.directory = join(directory, 'blobs');
    this.#temporary = join(this.directory, 'tmp');
  }

  /** Creates the directories, private to the user. */
  create(): void {
    mkdirSync(this.#temporary, { recursive: true, mode: 0o700 });
  }

  /**
   * Path of the blob with this hash, whether it exists or not. Throws for an invalid hash: it may come from a damaged
   * database.
   */
  path(hash: string): string {
    if (!HASH.test(hash)) throw new Error(`${JSON.stringify(hash)} is not the hash of a blob.`);
    return join(this.directory, hash.slice(0, 2), hash.slice(2));
  }

  /** Whether this is the path of a temporary file that a Glovebox process makes here. */
  isTemporary(path: string): boolean {
    return dirname(path) === this.#temporary && TEMPORARY_NAME.test(basename(path));
  }

  /** Writes bytes to a temporary file and flushes them. */
  writeTemporary(bytes: Uint8Array): Promise<{ temporary: string; hash: string }> {
    return withOpenFile(() => this.#write(bytes));
  }

  async #write(bytes: Uint8Array): Promise<{ temporary: string; hash: string }> {
    const temporary = this.#temporaryName();
    try {
      const file = await this.#making(() => openSync(temporary, 'wx', 0o600));
      try {
        await writeAll(file, bytes);
        // Hashed while the disk is busy.
        const [, hash] = await Promise.all([flush(file), hashBytes(bytes)]);
        return { temporary, hash };
      } finally {
        closeSync(file);
      }
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** As {@link writeTemporary}, at once. */
  writeTemporaryNow(bytes: Uint8Array): { temporary: string; hash: string } {
    return this.#makeNow(temporary => {
      const file = openSync(temporary, 'wx', 0o600);
      try {
        writeFileSync(file, bytes);
        fdatasyncSync(file);
        return { temporary, hash: createHash('sha256').update(bytes).digest('hex') };
      } finally {
        closeSync(file);
      }
    });
  }

  /**
   * Copies a file (cloning its blocks where the file system can), flushes the copy and hashes the bytes that were
   * really copied.
   */
  copyToTemporary(source: string): Promise<TemporaryCopy> {
    return withOpenFile(() => this.#copy(source));
  }

  /** As {@link copyToTemporary}, at once. */
  copyToTemporaryNow(source: string): TemporaryCopy {
    const { mode } = statSync(source);
    return this.#makeNow(temporary => {
      copyFileNow(source, temporary);
      chmodSync(temporary, 0o600);
      const file = openSync(temporary, 'r+');
      try {
        fdatasyncSync(file);
        const { size } = fstatSync(file);
        return { temporary, hash: hashFileSync(temporary), size, mode: mode & 0o777 };
      } finally {
        closeSync(file);
      }
    });
  }

  #makeNow<T>(make: (temporary: string) => T): T {
    const temporary = this.#temporaryName();
    this.#assertTrusted();
    try {
      return make(temporary);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  }

  async #copy(source: string): Promise<TemporaryCopy> {
    const { mode } = statSync(source);
    const temporary = this.#temporaryName();
    try {
      await this.#making(() => copyFile(source, temporary));
      chmodSync(temporary, 0o600);
      const file = openSync(temporary, 'r+');
      try {
        // Hashed while the disk is busy.
        const { size } = fstatSync(file);
        const [, hash] = await Promise.all([flush(file), hashOpenFile(file, size)]);
        return { temporary, hash, size, mode: mode & 0o777 };
      } finally {
        closeSync(file);
      }
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  // The directories may have been removed under a running process, or replaced by links.
  async #making<T>(make: () => T | Promise<T>): Promise<T> {
    this.#assertTrusted();
    return make();
  }

  #assertTrusted(): void {
    if (this.#isTrusted(this.#temporary)) return;
    // Through a link, the new directories would be created somewhere else.
    const unexpected = this.#ancestors(this.#temporary).find(path => inspect(path)?.isDirectory() === false);
    if (unexpected !== undefined)
      throw new Error(`${unexpected} is not a directory. Remove it: Glovebox needs a directory there.`);
    this.create();
  }

  // Whether the path to one of our directories consists of directories, without a link: links are not followed.
  #isTrusted(directory: string): boolean {
    return this.#ancestors(directory).every(path => inspect(path)?.isDirectory() === true);
  }

  #ancestors(directory: string): string[] {
    return [dirname(this.directory), this.directory, directory];
  }

  /**
   * The blob's bytes, or undefined when it is missing, damaged, or not of the expected `size`. Rejects when that cannot
   * be determined: too many open files, no permission.
   */
  async read(hash: string, size: number): Promise<Buffer | undefined> {
    const path = this.#find(hash, size);
    if (path === undefined) return undefined;
    const bytes = size <= SMALL_FILE_BYTES ? readNow(path) : await withOpenFile(() => read(path));
    return bytes && (await hashBytes(bytes)) === hash ? bytes : undefined;
  }

  /** As {@link read}, at once. */
  readNow(hash: string, size: number): Buffer | undefined {
    const path = this.#find(hash, size);
    const bytes = path && readNow(path);
    return bytes && createHash('sha256').update(bytes).digest('hex') === hash ? bytes : undefined;
  }

  // The blob's path, if it is a regular file of this size, reached without a symbolic link. Whatever has replaced a
  // blob, no more bytes are read than were stored. A hash may come from a damaged row.
  #find(hash: string, size: number): string | undefined {
    if (!HASH.test(hash)) return undefined;
    const path = this.path(hash);
    try {
      const [blobs, shard, blob] = [this.directory, dirname(path), path].map(inspect);
      const isThere = blobs?.isDirectory() && shard?.isDirectory() && blob?.isFile() && blob.size === size;
      return isThere ? path : undefined;
    } catch (error) {
      return unlessMissing(error as NodeJS.ErrnoException);
    }
  }

  /**
   * Puts the blob at `destination` in one step. Resolves to false, and leaves `destination` alone, when the blob is
   * missing or damaged. Rejects when `destination` cannot be written.
   */
  async copyTo(hash: string, size: number, destination: string, mode: number): Promise<boolean> {
    const blob = this.#find(hash, size);
    if (blob === undefined) return false;
    if (size <= SMALL_FILE_BYTES) {
      return writeAtomically(destination, mode, async temporary => {
        const file = openIfThere(blob);
        if (file === undefined) return false;
        try {
          return copyAndHashNow(file, temporary) === hash;
        } finally {
          closeSync(file);
        }
      });
    }
    return writeAtomically(destination, mode, async temporary => {
      try {
        await withOpenFile(() => copyFile(blob, temporary));
      } catch (error) {
        // The blob may have been removed since: that is a miss. Anything else is about the destination.
        if (this.#find(hash, size) === undefined) return false;
        throw error;
      }
      // The copy is hashed, not the blob: the bytes that reach the destination are those that were verified.
      return (await hashFile(temporary)) === hash;
    });
  }

  async discard(temporary: string | undefined): Promise<void> {
    if (temporary) await rm(temporary, { force: true }).catch(() => undefined);
  }

  /** As {@link discard}, at once. */
  discardNow(temporary: string): void {
    try {
      rmSync(temporary, { force: true });
    } catch {
      // The next garbage collection removes it.
    }
  }

  /**
   * For the writer, inside its transaction: makes the temporary file the blob. It replaces an existing one, which
   * changes nothing when that is intact and repairs it when it is damaged.
   */
  publish(temporary: string, hash: string): void {
    const path = this.path(hash);
    if (!this.#isTrusted(this.directory))
      throw new Error(
        `${this.directory} is not a directory, or is reached through a link. Remove what is there.`,
      );
    if (!this.#isTrusted(dirname(path))) {
      // A link or a file in the place of the directory: not created by Glovebox, and a link is not followed.
      rmSync(dirname(path), { force: true });
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    }
    try {
      renameSync(temporary, path);
    } catch (error) {
      if (!inspect(path)?.isDirectory()) throw error;
      rmSync(path, { recursive: true });
      renameSync(temporary, path);
    }
  }

  /** For the writer, inside its transaction. A file that cannot be removed is left for the garbage collection. */
  remove(hash: string): void {
    try {
      const path = this.path(hash);
      if (this.#isTrusted(dirname(path))) rmSync(path, { force: true, recursive: true });
    } catch {
      // Neither an invalid name in a damaged database nor a file that cannot be removed may stop all writing.
    }
  }

  /**
   * The names of those of the 256 directories that exist. A link to a directory does not count: its content is not
   * Glovebox's.
   */
  shards(): string[] {
    if (!this.#isTrusted(this.directory)) return [];
    return listed(this.directory)
      .filter(entry => entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name))
      .map(({ name }) => name)
      .sort();
  }

  /**
   * Hashes of the files in one shard, and names of files that are not blobs. Read on the spot: a shard is small, and four
   * calls in the thread pool for each of 256 shards would delay a short process that works meanwhile.
   */
  listShard(shard: string): { hashes: string[]; unexpectedFiles: string[] } {
    const names = listed(join(this.directory, shard)).map(({ name }) => name);
    const isBlob = (name: string) => /^[0-9a-f]{62}$/.test(name);
    return {
      hashes: names.filter(isBlob).map(name => shard + name),
      unexpectedFiles: names.filter(name => !isBlob(name)).map(name => join(this.directory, shard, name)),
    };
  }

  /** Hashes the file with a blob's name: undefined when there is none, or none of this size. */
  async verify(hash: string, size: number): Promise<boolean | undefined> {
    const path = this.#find(hash, size);
    if (path === undefined) return undefined;
    try {
      return (await hashFile(path)) === hash;
    } catch (error) {
      // Removed since, with its entry: not damaged.
      return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : false;
    }
  }

  /** For the writer, inside its transaction: whether there is a file of this size with the blob's name. */
  has(hash: string, size: number): boolean {
    if (!HASH.test(hash) || !this.#isTrusted(dirname(this.path(hash)))) return false;
    const file = lstatSync(this.path(hash), { throwIfNoEntry: false });
    return file?.isFile() === true && file.size === size;
  }

  /**
   * As {@link has}, and the file's bytes are the blob's. False for a file that is too large to hash while other threads
   * wait.
   */
  isIntact(hash: string, size: number): boolean {
    if (!this.has(hash, size)) return false;
    if (size > LARGEST_HASHED_BYTES) return false;
    return hashFileSync(this.path(hash)) === hash;
  }

  /** Removes temporary files whose process has died, and resolves to their names. */
  async removeStaleFiles(): Promise<string[]> {
    return this.#isTrusted(this.#temporary) ? removeStale(this.#temporary, { kind: 'file' }) : [];
  }

  #temporaryName(): string {
    return join(this.#temporary, temporaryName());
  }
}

/** The entries of a directory; none if it cannot be read. */
function listed(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

async function writeAll(file: number, bytes: Uint8Array): Promise<void> {
  if (bytes.byteLength <= SMALL_FILE_BYTES) writeFileSync(file, bytes);
  else await writeLarge(file, bytes);
}

function readNow(path: string): Buffer | undefined {
  const file = openIfThere(path);
  if (file === undefined) return undefined;
  try {
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

async function read(path: string): Promise<Buffer | undefined> {
  const file = openIfThere(path);
  if (file === undefined) return undefined;
  try {
    return await readLarge(file);
  } finally {
    closeSync(file);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  } catch (error) {
    return unlessMissing(error as NodeJS.ErrnoException);
  }
}

function inspect(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR' && error.code !== 'ELOOP') throw error;
}
