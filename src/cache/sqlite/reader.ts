// A thread's own read-only connection to a cache database. Readers never wait for the writer (WAL).
import type { Database, Statement } from 'better-sqlite3';
import type { EntryMetadata } from '../cache.ts';
import { type FoundValue, PAGE_SIZE, type PageEntry, type StoreReader } from '../store.ts';
import { connect } from './connection.ts';

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
  readonly #database: Database;
  readonly #writer: string;
  readonly #read: Statement<[string], Row>;
  readonly #page: Statement<PageQuery, [string, ...Row]>;
  readonly #keyPage: Statement<PageQuery, [string, ...Row]>;
  readonly #metadata: Statement<[string], EntryMetadata & { expires: number | null }>;
  readonly #foreign: Statement<[string], number>;

  /** `writer` is the name that this process's writer signs its transactions with. */
  constructor(file: string, writer: string, timeout: number) {
    this.#writer = writer;
    this.#database = connect(file, { readonly: true, timeout });
    this.#read = this.#database
      .prepare<[string], Row>(
        'SELECT encoding, value, blob, checksum, size, mode, expires FROM entries WHERE key = ?',
      )
      .raw();
    const page = (value: string) =>
      this.#database
        .prepare<PageQuery, [string, ...Row]>(
          `SELECT key, encoding, ${value}, blob, checksum, size, mode, expires FROM entries
           WHERE key > ? AND key >= ? AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?`,
        )
        .raw();
    this.#page = page('value');
    this.#keyPage = page('NULL');
    this.#metadata = this.#database.prepare(
      `SELECT key, size, iif(mode IS NULL, 'value', 'file') AS kind, created, max(created, accessed) AS lastAccessed,
              hits AS accessCount, expires FROM entries WHERE key = ?`,
    );
    this.#foreign = this.#database
      .prepare<[string], number>('SELECT iif(writer = ?, run, commits) FROM totals')
      .pluck();
  }

  read(key: string): FoundValue | undefined {
    const row = this.#read.get(key);
    return row && found(row);
  }

  page(prefix: string, after: string, now: number, keysOnly: boolean): PageEntry[] {
    const all = (keysOnly ? this.#keyPage : this.#page).all(after, prefix, now, PAGE_SIZE);
    const rows = all.filter(([key]) => typeof key === 'string');
    const end = rows.findIndex(([key]) => !key.startsWith(prefix));
    return (end < 0 ? rows : rows.slice(0, end)).map(([key, ...row]) => ({
      key,
      ...(found(row) ?? UNREADABLE),
    }));
  }

  metadata(key: string): EntryMetadata | undefined {
    const row = this.#metadata.get(key);
    if (!row) return undefined;
    const { kind: _, key: __, expires, ...numbers } = row;
    if (![...Object.values(numbers), expires ?? 0].every(Number.isSafeInteger)) return undefined;
    return { ...row, expires: expires ?? undefined };
  }

  foreignCommits(): number | undefined {
    return this.#foreign.get(this.#writer);
  }

  close(): void {
    this.#database.close();
  }
}

// A damaged page can hold anything, whatever its columns are declared to be: what makes no sense is no entry.
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
