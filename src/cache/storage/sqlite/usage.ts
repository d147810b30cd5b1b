// Disk usage of a store: the pages that its database uses, beyond those of an empty one, and its blobs. SQLite knows
// its number of pages, so that no sum has to be kept up to date.
import type { Database } from 'better-sqlite3';
import { setImmediate } from '../../../system/time.ts';
import { ROW_BYTES } from '../store.ts';
import { DamagedDatabaseError } from './open.ts';
import { type Prepared, preparing, type Statements } from './statements.ts';

// SQLite counts a million entries in 16 to 44 ms over the smallest index. A step of a count takes as long for a tenth
// of that.
const COUNTED_AT_ONCE = 1_000_000;
const COUNT_STEP = 100_000;

export class Usage {
  readonly #database: Database;
  readonly #sql: Statements;
  readonly #pageSize: number;
  // Pages of an empty database: the schema, the root of each table and index, and a page that maps the others.
  readonly #base: number;
  readonly #few: Prepared<[], number>;
  readonly #count: Prepared<[], number>;
  readonly #most: Prepared<[], number>;
  readonly #countStep: Prepared<[after: string, limit: number], [count: number, last: string]>;

  constructor(database: Database, sql: Statements) {
    this.#database = database;
    this.#sql = sql;
    const { column, list } = preparing(database);
    this.#pageSize = database.pragma('page_size', { simple: true }) as number;
    const roots = column<[], number>('SELECT count(*) FROM sqlite_schema WHERE rootpage > 0').get()!;
    this.#base = roots + (this.canShrink ? 2 : 1);
    this.#few = column(
      `SELECT total(${ROW_BYTES} + 2 * length(key) + iif(blob IS NULL, size, 0)) FROM entries`,
    );
    this.#count = column('SELECT count(*) FROM entries');
    this.#most = column('SELECT coalesce(max(id), 0) FROM entries');
    this.#countStep = list(
      'SELECT count(*), max(key) FROM (SELECT key FROM entries WHERE key > ? ORDER BY key LIMIT ?)',
    );
  }

  /** Bytes on disk. */
  size(): number {
    const pages = this.#sql.pageCount.get()! - this.#sql.freePages.get()! - this.#base;
    return (pages > 0 ? pages * this.#pageSize : this.#sizeOfFew()) + this.blobs().size;
  }

  // Entries that fit into an empty database's pages are few enough to be summed.
  #sizeOfFew(): number {
    const size = this.#few.get()!;
    return size >= 0 && size <= this.#pageSize ? size : this.#pageSize;
  }

  /** Bytes on disk and number of the blobs that are used. */
  blobs(): { size: number; count: number } {
    const [size, count] = this.#sql.usage.get() ?? [];
    if (!Number.isSafeInteger(size) || !Number.isSafeInteger(count)) {
      throw new DamagedDatabaseError(`${this.#database.name} has no valid count of its blobs.`);
    }
    return { size: size!, count: count! };
  }

  /** Entries, expired ones included. More than a million are counted in steps: the event loop goes on between them. */
  async count(): Promise<number> {
    if (this.#most.get()! <= COUNTED_AT_ONCE) return this.#count.get()!;
    let total = 0;
    for (let after = ''; ; ) {
      const [count, last] = this.#countStep.get(after, COUNT_STEP)!;
      total += count;
      if (count < COUNT_STEP || typeof last !== 'string') return total;
      after = last;
      await new Promise(setImmediate);
    }
  }

  /** Smallest number of bytes that the intact file can have; 0 when that is unknown. */
  leastTotal(): number {
    const pages = this.#sql.usage.get()?.[2];
    return Number.isSafeInteger(pages) ? pages! * this.#pageSize : 0;
  }

  /** Bytes of the file, unused ones included. */
  total(): number {
    return this.#sql.pageCount.get()! * this.#pageSize;
  }

  /** Unused bytes of the file. */
  free(): number {
    return this.#sql.freePages.get()! * this.#pageSize;
  }

  /** Whether the file can be shrunk in steps: databases that older versions created cannot. */
  get canShrink(): boolean {
    return this.#database.pragma('auto_vacuum', { simple: true }) === 2;
  }
}
