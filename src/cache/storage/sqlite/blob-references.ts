// Blob references: counts the entries that use each blob, and removes its file after the last. Runs inside the store's
// transactions.
import type { IncomingValue } from '../../operations.ts';
import type { BlobFiles } from '../blobs.ts';
import { BLOCK_BYTES } from './schema.ts';
import type { Statements } from './statements.ts';

// Files that one transaction removes at most.
const UNUSED_AT_ONCE = 64;

export class BlobReferences {
  readonly #sql: Statements;
  readonly #files: BlobFiles;

  constructor(sql: Statements, files: BlobFiles) {
    this.#sql = sql;
    this.#files = files;
  }

  /**
   * Adds an entry to the blob's users, and puts the blob's file in its place. Returns the bytes of disk that were
   * added.
   */
  add(hash: string, { temporary, size }: IncomingValue): number {
    const blob = this.#sql.blob.get(hash);
    // The file comes first: a row never points to a blob that does not exist yet.
    if (temporary !== undefined) this.#files.publish(temporary, hash);
    if (blob) this.#sql.useBlob.run(hash);
    else this.#sql.insertBlob.run(hash, size);
    if (blob && blob.refs > 0) return 0;
    this.#sql.addToBlobs.run(onDisk(size), 1);
    return onDisk(size);
  }

  /**
   * Removes an entry from the blob's users. For the last one, returns the bytes of disk that are freed.
   * {@link removeUnused} removes the file in a later transaction: if it were removed now and this transaction rolled
   * back, an entry would be lost.
   */
  drop(hash: string): number | undefined {
    const blob = this.#sql.blob.get(hash);
    if (!blob) return undefined;
    this.#sql.dropBlob.run(hash);
    if (blob.refs > 1) return undefined;
    this.#sql.addToBlobs.run(-onDisk(blob.size), -1);
    return onDisk(blob.size);
  }

  /** Marks all blobs as unused. */
  clear(): void {
    this.#sql.unuseAllBlobs.run();
    this.#sql.clearBlobs.run();
  }

  /** Removes files of blobs that no entry has used since an earlier transaction. Returns whether there are more. */
  removeUnused(): boolean {
    const hashes = this.#sql.unusedBlobs.all(UNUSED_AT_ONCE);
    for (const hash of hashes) {
      this.#files.remove(hash);
      this.#sql.removeBlob.run(hash);
    }
    return hashes.length === UNUSED_AT_ONCE;
  }
}

/** Bytes of disk that a file of this size takes: file systems allocate whole blocks. */
export function onDisk(size: number): number {
  // A damaged page can hold anything.
  return Number.isSafeInteger(size) && size > 0 ? Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES : 0;
}
