// The content-addressed files beside a database. Any thread writes temporary files and reads blobs; only the
// writer, inside its transaction, gives a temporary file its final name or removes a blob, so that rows and files
// of all processes change under one lock.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFile,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFile,
  writeFileSync,
} from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { writeAtomically } from '../../system/atomic-write.ts';
import { copyFile, copyFileNow } from '../../system/copy-file.ts';
import { hashBytes, hashFile, hashFileSync, hashOpenFile, SMALL_FILE_BYTES } from '../../system/hash-file.ts';
import { withOpenFile } from '../../system/open-files.ts';
import { removeStale, temporaryName } from '../../system/stale-files.ts';

/** Values of more bytes than this are blobs; smaller ones are in the database. */
export const BLOB_THRESHOLD = 64 * 1024;
// Bytes that the writer may hash while others wait.
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

  /** Makes the directories, private to the user. */
  create(): void {
    mkdirSync(this.#temporary, { recursive: true, mode: 0o700 });
  }

  /** Where the blob of this hash is, or would be. Throws for what is no hash: it may come from a damaged database. */
  path(hash: string): string {
    if (!HASH.test(hash)) throw new Error(`${JSON.stringify(hash)} is no hash of a blob.`);
    return join(this.directory, hash.slice(0, 2), hash.slice(2));
  }

  /** Whether this is the path of a temporary file that a process of ours makes here. */
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

  /** The same, at once. */
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

  /** Copies a file (cloning its blocks where the file system can), flushes the copy and hashes what was really copied. */
  copyToTemporary(source: string): Promise<TemporaryCopy> {
    return withOpenFile(() => this.#copy(source));
  }

  /** The same, at once. */
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

  // Somebody may have removed the directories under a running process, or put links in their place.
  async #making<T>(make: () => T | Promise<T>): Promise<T> {
    this.#assertTrusted();
    return make();
  }

  #assertTrusted(): void {
    if (this.#isTrusted(this.#temporary)) return;
    // What is there and is none of ours would have the new directories made somewhere else.
    const unexpected = this.#ancestors(this.#temporary).find(path => inspect(path)?.isDirectory() === false);
    if (unexpected !== undefined) throw new Error(`${unexpected} is not a directory of ours.`);
    this.create();
  }

  // Whether the way to a directory of ours leads over directories, and no links: those are not followed.
  #isTrusted(directory: string): boolean {
    return this.#ancestors(directory).every(path => inspect(path)?.isDirectory() === true);
  }

  #ancestors(directory: string): string[] {
    return [dirname(this.directory), this.directory, directory];
  }

  /**
   * The blob's bytes, or undefined when it is missing, damaged, or not of the `size` that it should have. Rejects
   * when that cannot be said: too many open files, no permission.
   */
  async read(hash: string, size: number): Promise<Buffer | undefined> {
    const path = this.#find(hash, size);
    if (path === undefined) return undefined;
    const bytes = size <= SMALL_FILE_BYTES ? readNow(path) : await withOpenFile(() => read(path));
    return bytes && (await hashBytes(bytes)) === hash ? bytes : undefined;
  }

  /** The same, at once. */
  readNow(hash: string, size: number): Buffer | undefined {
    const path = this.#find(hash, size);
    const bytes = path && readNow(path);
    return bytes && createHash('sha256').update(bytes).digest('hex') === hash ? bytes : undefined;
  }

  // Where the blob is, if it is a regular file of this size that no symbolic link leads to: whatever somebody put in
  // its place, no more is read than was stored. A hash may come from a damaged row.
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
      // Read once: what is verified here is what is written.
      const bytes = this.readNow(hash, size);
      if (!bytes) return false;
      return writeAtomically(destination, mode, async temporary => {
        writeFileSync(temporary, bytes, { flag: 'wx', mode: 0o600 });
        return true;
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
      // The copy is hashed, not the blob: what reaches the destination is what was verified.
      return (await hashFile(temporary)) === hash;
    });
  }

  async discard(temporary: string | undefined): Promise<void> {
    if (temporary) await rm(temporary, { force: true }).catch(() => undefined);
  }

  /** The same, at once. */
  discardNow(temporary: string): void {
    try {
      rmSync(temporary, { force: true });
    } catch {
      // The next collection takes it.
    }
  }

  /**
   * For the writer, inside its transaction: makes the temporary file the blob. One that is there already is replaced,
   * which changes nothing when it is sound and mends it when it is not.
   */
  publish(temporary: string, hash: string): void {
    const path = this.path(hash);
    if (!this.#isTrusted(this.directory)) throw new Error(`${this.directory} is not a directory of ours.`);
    if (!this.#isTrusted(dirname(path))) {
      // A link or a file in the place of the directory: nothing of ours, and a link is not followed.
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

  /** For the writer, inside its transaction. A file that cannot be removed is left for `collect()`. */
  remove(hash: string): void {
    try {
      const path = this.path(hash);
      if (this.#isTrusted(dirname(path))) rmSync(path, { force: true, recursive: true });
    } catch {
      // Neither a strange name in a damaged database nor a file that will not go may stop all writing.
    }
  }

  /** The names of the 256 directories that exist. A link to one is none: what is behind it is not ours. */
  async shards(): Promise<string[]> {
    if (!this.#isTrusted(this.directory)) return [];
    const found = await readdir(this.directory, { withFileTypes: true }).catch(() => []);
    return found
      .filter(entry => entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name))
      .map(({ name }) => name)
      .sort();
  }

  /** Hashes of the files in one shard, and names of files that are no blobs. */
  async listShard(shard: string): Promise<{ hashes: string[]; unexpectedFiles: string[] }> {
    const names = await readdir(join(this.directory, shard)).catch(() => []);
    const isBlob = (name: string) => /^[0-9a-f]{62}$/.test(name);
    return {
      hashes: names.filter(isBlob).map(name => shard + name),
      unexpectedFiles: names.filter(name => !isBlob(name)).map(name => join(this.directory, shard, name)),
    };
  }

  /** Hashes the file behind a blob's name: undefined when there is none, or none of this size. */
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

  /** For the writer, inside its transaction: whether there is a file of this size behind a blob's name. */
  has(hash: string, size: number): boolean {
    if (!HASH.test(hash) || !this.#isTrusted(dirname(this.path(hash)))) return false;
    const file = lstatSync(this.path(hash), { throwIfNoEntry: false });
    return file?.isFile() === true && file.size === size;
  }

  /** The same, and its bytes are the blob's. False for a file that is too large to look at while others wait. */
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
