// Hand-written key-value table in SQLite: one file and prepared statements.
import Sqlite from 'better-sqlite3';
import type { ValueKind } from './data-set.ts';
import { packageVersion } from './package-version.ts';

/** Synchronous counterpart of `PeerStore`: every call is done when it returns. */
export interface SqliteTable {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  setMany(entries: [key: string, value: unknown][]): void;
  delete(key: string): boolean;
  close(): void;
}

/** Records are stored as JSON. */
export function openSqliteTable(file: string, kind: ValueKind): SqliteTable {
  const database = new Sqlite(file, { timeout: 30_000 });
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = NORMAL');
  database.exec(
    'CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID',
  );
  const get = database.prepare<[string], Buffer | string>('SELECT value FROM entries WHERE key = ?').pluck();
  const set = database.prepare<[string, unknown]>('INSERT OR REPLACE INTO entries VALUES (?, ?)');
  const remove = database.prepare<[string]>('DELETE FROM entries WHERE key = ?');
  const setMany = database.transaction(
    (entries: [string, unknown][], encode: (value: unknown) => unknown) => {
      for (const [key, value] of entries) set.run(key, encode(value));
    },
  );
  const shared = {
    delete: (key: string) => remove.run(key).changes > 0,
    close: () => void database.close(),
  };
  if (kind === 'bytes') {
    return {
      ...shared,
      get: key => get.get(key),
      set: (key, value) => void set.run(key, value),
      setMany: entries => setMany.immediate(entries, value => value),
    };
  }
  return {
    ...shared,
    get: key => {
      const text = get.get(key) as string | undefined;
      return text === undefined ? undefined : JSON.parse(text);
    },
    set: (key, value) => void set.run(key, JSON.stringify(value)),
    setMany: entries => setMany.immediate(entries, JSON.stringify),
  };
}

/** Versions of SQLite and its binding. */
export function sqliteVersions(): Record<string, string> {
  const database = new Sqlite(':memory:');
  const sqlite = database.prepare<[], string>('SELECT sqlite_version()').pluck().get()!;
  database.close();
  return { SQLite: sqlite, 'better-sqlite3': packageVersion('better-sqlite3') };
}
