// Reader: a thread's reads over its own connection to a cache database. Readers never wait for the writer (WAL).
import type { Database } from 'better-sqlite3';
import type { EntryMetadata } from '../../cache.ts';
import { type FoundValue, PAGE_SIZE, type PageEntry } from '../../operations.ts';
import type { StoreReader } from '../store.ts';
import type { ExternalCommits } from './external-commits.ts';
import type { HeldSnapshot } from './held-snapshot.ts';
import { type Prepared, preparing } from './statements.ts';

type Row = [
  encoding: number,
  value: string | Buffer | null,
  blob: string | null,
  checksum: number,
  size: number,
  mode: number | null,
  expires: number | null,
];

type PageQuery = [after: string, prefix: string, now: number, limit: number];

export class SqliteReader implements StoreReader {
  readonly #read: Prepared<[string], Row>;
  readonly #several: Prepared<[keys: string], [string, ...Row]>;
  readonly #page: Prepared<PageQuery, [string, ...Row]>;
  readonly #keyPage: Prepared<PageQuery, [string, ...Row]>;
  readonly #metadata: Prepared<[string], EntryMetadata & { expires: number | null }>;
  readonly #external: ExternalCommits;
  readonly #held: HeldSnapshot;

  constructor(database: Database, external: ExternalCommits, held: HeldSnapshot) {
    const { sql, list } = preparing(database);
    this.#external = external;
    this.#held = held;
    const columns = 'encoding, value, blob, checksum, size, mode, expires';
    this.#read = list(`SELECT ${columns} FROM entries WHERE key = ?`);
    this.#several = list(
      `SELECT entries.key, ${columns.replace('value', 'entries.value')} FROM json_each(?) AS wanted
       CROSS JOIN entries ON entries.key = wanted.value`,
    );
    const page = (value: string) =>
      list<PageQuery, [string, ...Row]>(
        `SELECT key, encoding, ${value}, blob, checksum, size, mode, expires FROM entries
         WHERE key > ? AND key >= ? AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?`,
      );
    this.#page = page('value');
    this.#keyPage = page('NULL');
    this.#metadata = sql(
      `SELECT key, size, iif(mode IS NULL, 'value', 'file') AS kind, created, max(created, accessed) AS lastAccessed,
              hits AS accessCount, expires FROM entries WHERE key = ?`,
    );
  }

  read(key: string): FoundValue | undefined {
    this.#held.release();
    const row = this.#read.get(key);
    return row && found(row);
  }

  readMany(keys: readonly string[]): Map<string, FoundValue> {
    this.#held.release();
    const values = new Map<string, FoundValue>();
    for (const [key, ...row] of this.#several.all(JSON.stringify(keys))) {
      const value = found(row);
      if (value) values.set(key, value);
    }
    return values;
  }

  page(prefix: string, after: string, now: number, keysOnly: boolean): PageEntry[] {
    this.#held.release();
    const all = (keysOnly ? this.#keyPage : this.#page).all(after, prefix, now, PAGE_SIZE);
    const rows = all.filter(([key]) => typeof key === 'string');
    const end = rows.findIndex(([key]) => !key.startsWith(prefix));
    return (end < 0 ? rows : rows.slice(0, end)).map(([key, ...row]) => ({
      key,
      ...(found(row) ?? UNREADABLE),
    }));
  }

  metadata(key: string): EntryMetadata | undefined {
    this.#held.release();
    const row = this.#metadata.get(key);
    if (!row) return undefined;
    const { kind: _, key: __, expires, ...numbers } = row;
    if (![...Object.values(numbers), expires ?? 0].every(Number.isSafeInteger)) return undefined;
    return { ...row, expires: expires ?? undefined };
  }

  follow(): number {
    this.#held.release();
    return this.#external.follow();
  }
}

// A damaged page can hold anything, whatever the declared types of its columns: an implausible row counts as missing.
function found([encoding, data, blob, checksum, size, mode, expires]: Row): FoundValue | undefined {
  const isWhole = Number.isSafeInteger;
  const isSensible =
    isWhole(encoding) &&
    (data === null || typeof data === 'string' || Buffer.isBuffer(data)) &&
    (blob === null || typeof blob === 'string') &&
    isWhole(checksum) &&
    isWhole(size) &&
    (mode === null || (isWhole(mode) && mode >= 0 && mode <= 0o777)) &&
    (expires === null || isWhole(expires));
  return isSensible ? { encoding, data, blob, checksum, size, mode, expires } : undefined;
}

// Stands for an entry on a page that cannot be read: its value is a miss.
const UNREADABLE: FoundValue = {
  encoding: 0,
  data: null,
  blob: null,
  checksum: 0,
  size: 0,
  mode: null,
  expires: null,
};
