// How many entries use each blob, and when its file goes. Runs inside the store's transactions.
import type { IncomingValue } from '../../operations.ts';
import type { BlobFiles } from '../blobs.ts';
import { BLOCK_BYTES } from './schema.ts';
import type { Statements } from './statements.ts';

// Of one transaction.
const UNUSED_AT_ONCE = 64;

export class BlobReferences {
  readonly #sql: Statements;
  readonly #files: BlobFiles;

  constructor(sql: Statements, files: BlobFiles) {
    this.#sql = sql;
    this.#files = files;
  }

  /** One more entry uses the blob, whose file is put in its place. Returns the bytes of disk that came with it. */
  add(hash: string, { temporary, size }: IncomingValue): number {
    const blob = this.#sql.blob.get(hash);
    // The file comes first: a row never points to a blob that was not there.
    if (temporary !== undefined) this.#files.publish(temporary, hash);
    if (blob) this.#sql.useBlob.run(hash);
    else this.#sql.insertBlob.run(hash, size);
    if (blob && blob.refs > 0) return 0;
    this.#sql.addToBlobs.run(onDisk(size), 1);
    return onDisk(size);
  }

  /**
   * One entry less uses the blob. Returns the bytes of disk that go with it when it was the last; the file goes with
   * {@link removeUnused}, in a later transaction: were it gone now and this one rolled back, an entry would be lost.
   */
  drop(hash: string): number | undefined {
    const blob = this.#sql.blob.get(hash);
    if (!blob) return undefined;
    this.#sql.dropBlob.run(hash);
    if (blob.refs > 1) return undefined;
    this.#sql.addToBlobs.run(-onDisk(blob.size), -1);
    return onDisk(blob.size);
  }

  /** No entry uses any blob. */
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

/** Bytes of disk that a file of this size takes: file systems give out whole blocks. */
export function onDisk(size: number): number {
  // A damaged page can hold anything.
  return Number.isSafeInteger(size) && size > 0 ? Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES : 0;
}
