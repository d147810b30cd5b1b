// The statements that a store's writer runs, by name.
import type { Database } from 'better-sqlite3';
import type { LeaseRecord, StoredValue } from '../store.ts';
import type { Task } from './elsewhere.ts';
import { EVICTION_ORDER } from './schema.ts';

/** What the writer has to know of an entry to change or remove it. */
export interface EntryRow {
  id: number;
  key: string;
  blob: string | null;
  checksum: number;
  size: number;
  expires: number | null;
}

/** What a set writes, in the order of the statements' parameters. */
export type Columns = [
  encoding: number,
  value: string | Uint8Array | null,
  blob: string | null,
  checksum: number,
  size: number,
  mode: number | null,
  expires: number | null,
  now: number,
  again: number,
];

/** A statement with the types of its parameters and rows. */
export interface Prepared<Parameters extends unknown[], Row> {
  run(...parameters: Parameters): { changes: number };
  get(...parameters: Parameters): Row | undefined;
  all(...parameters: Parameters): Row[];
}

export type Statements = ReturnType<typeof prepare>;

/** What removes all entries, for a thread that is not to hold up others. The first gives how many there were. */
export function clearing(writer: string): Task[] {
  return [
    { sql: 'SELECT count FROM totals' },
    { sql: 'DELETE FROM entries' },
    { sql: 'UPDATE blobs SET refs = 0' },
    {
      sql: `UPDATE totals SET size = 0, count = 0, commits = commits + 1, run = iif(writer = ?, run, commits), writer = ?`,
      parameters: [writer, writer],
    },
  ];
}

/** Prepares them all for a database whose entries are evicted by `policy`. */
export function prepare(database: Database, policy: keyof typeof EVICTION_ORDER | 'none') {
  const sql = <Parameters extends unknown[], Row = unknown>(text: string): Prepared<Parameters, Row> =>
    database.prepare(text) as unknown as Prepared<Parameters, Row>;
  const column = <Parameters extends unknown[], Value>(text: string): Prepared<Parameters, Value> =>
    database.prepare(text).pluck() as unknown as Prepared<Parameters, Value>;
  // For what every operation asks: an array takes less time to make than an object.
  const list = <Parameters extends unknown[], Row extends unknown[]>(
    text: string,
  ): Prepared<Parameters, Row> => database.prepare(text).raw() as unknown as Prepared<Parameters, Row>;
  const ROW = 'SELECT id, key, blob, checksum, size, expires FROM entries';
  // By use, an entry stays where it is in the order until it is its turn to go: an index less to write for each set.
  const times = policy === 'least-recently-used' ? 'created = max(?, ?)' : 'created = ?, accessed = ?';
  return {
    begin: sql<[]>('BEGIN IMMEDIATE'),
    commit: sql<[]>('COMMIT'),
    rollback: sql<[]>('ROLLBACK'),
    totals: list<[], [size: number, count: number, commits: number, run: number, writer: string]>(
      'SELECT size, count, commits, run, writer FROM totals',
    ),
    setTotals: sql<[size: number, count: number, writer: string, again: string]>(
      `UPDATE totals SET size = ?, count = ?, commits = commits + 1, run = iif(writer = ?, run, commits), writer = ?`,
    ),
    row: list<[string], [number, string, string | null, number, number, number | null]>(
      `${ROW} WHERE key = ?`,
    ),
    value: sql<[number], StoredValue>(
      'SELECT encoding, value AS data, blob, checksum, size, mode FROM entries WHERE id = ?',
    ),
    insert: sql<[...Columns, key: string]>(
      `INSERT INTO entries (encoding, value, blob, checksum, size, mode, expires, created, accessed, key)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    replace: sql<[...Columns, id: number]>(
      `UPDATE entries SET encoding = ?, value = ?, blob = ?, checksum = ?, size = ?, mode = ?, expires = ?,
         ${times}, hits = 0 WHERE id = ?`,
    ),
    remove: sql<[number]>('DELETE FROM entries WHERE id = ?'),
    touch: sql<[number | null, number, number]>('UPDATE entries SET expires = ?, checksum = ? WHERE id = ?'),
    access: sql<[number, number, string]>(
      'UPDATE entries SET hits = hits + ?, accessed = max(accessed, ?) WHERE key = ?',
    ),
    clear: sql<[]>('DELETE FROM entries'),
    expired: sql<[number, number], EntryRow>(`${ROW} WHERE expires <= ? ORDER BY expires LIMIT ?`),
    nextToEvict:
      policy === 'none'
        ? undefined
        : sql<[], EntryRow & { created: number; accessed: number }>(
            `${ROW.replace('expires', 'expires, created, accessed')} ORDER BY ${EVICTION_ORDER[policy]}
             LIMIT ${policy === 'least-frequently-used' ? 8 : 1}`,
          ),
    // A set counts as a use.
    moveBack: sql<[number]>('UPDATE entries SET accessed = created WHERE id = ?'),
    blob: sql<[string], { size: number; refs: number }>('SELECT size, refs FROM blobs WHERE hash = ?'),
    insertBlob: sql<[string, number]>('INSERT INTO blobs (hash, size, refs) VALUES (?, ?, 1)'),
    useBlob: sql<[string]>('UPDATE blobs SET refs = refs + 1 WHERE hash = ?'),
    dropBlob: sql<[string]>('UPDATE blobs SET refs = refs - 1 WHERE hash = ?'),
    removeBlob: sql<[string]>('DELETE FROM blobs WHERE hash = ?'),
    unuseAllBlobs: sql<[]>('UPDATE blobs SET refs = 0'),
    unusedBlobs: column<[number], string>('SELECT hash FROM blobs WHERE refs = 0 LIMIT ?'),
    countBlobs: column<[], number>('SELECT count(*) FROM blobs WHERE refs > 0'),
    setLease: sql<[object]>('INSERT OR REPLACE INTO leases VALUES (@key, @token, @pid, @host, @started)'),
    release: sql<[string, string]>('DELETE FROM leases WHERE key = ? AND token = ?'),
    lease: sql<[string], LeaseRecord>('SELECT token, pid, host, started FROM leases WHERE key = ?'),
  };
}
