// Statements of a store's writer, by name.
import type { Database, RunResult } from 'better-sqlite3';
import type { LeaseRecord, StoredValue } from '../../operations.ts';
import type { Task } from './background-statements.ts';
import { EVICTION_ORDER } from './schema.ts';

/** The columns that the writer needs to change or remove an entry. */
export interface EntryRow {
  id: number;
  key: string;
  blob: string | null;
  checksum: number;
  size: number;
  expires: number | null;
}

/** The values of a set, in the order of the statements' parameters. */
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

/** The values of a plain set. */
type PlainColumns = [
  key: string,
  encoding: number,
  value: string | Uint8Array,
  checksum: number,
  size: number,
  expires: number | null,
  now: number,
  again: number,
];

/** The run in which the statement may write, and the hash of its key. */
export type Guard = [run: number, hash: number];

/** A statement with the types of its parameters and rows. */
export interface Prepared<Parameters extends unknown[], Row> {
  run(...parameters: Parameters): Pick<RunResult, 'changes' | 'lastInsertRowid'>;
  get(...parameters: Parameters): Row | undefined;
  all(...parameters: Parameters): Row[];
}

/** Prepares statements whose rows are objects, one column, or lists: an array takes less time to make than an object. */
export function preparing(database: Database) {
  return {
    sql: <Parameters extends unknown[], Row = unknown>(text: string): Prepared<Parameters, Row> =>
      database.prepare(text) as unknown as Prepared<Parameters, Row>,
    column: <Parameters extends unknown[], Value>(text: string): Prepared<Parameters, Value> =>
      database.prepare(text).pluck() as unknown as Prepared<Parameters, Value>,
    list: <Parameters extends unknown[], Row extends unknown[]>(text: string): Prepared<Parameters, Row> =>
      database.prepare(text).raw() as unknown as Prepared<Parameters, Row>,
  };
}

export type Statements = ReturnType<typeof prepare>;
/** Sets of an entry without a blob: at any row id, and at a freed one. */
export interface PlainSets<G extends Guard | []> {
  set: Prepared<[...PlainColumns, ...G], unknown>;
  setAt: Prepared<[id: number, ...PlainColumns, ...G], unknown>;
}

/** Writes of one statement, outside of a transaction. */
export type GuardedWrites = Statements['alone'];

/** The statements that remove all entries, for a background thread. The first returns how many there were. */
export function clearing(writer: string): Task[] {
  return [
    { sql: 'SELECT count(*) FROM entries' },
    { sql: 'DELETE FROM entries' },
    { sql: 'UPDATE blobs SET refs = 0' },
    { sql: 'UPDATE usage SET blob_size = 0, blob_count = 0' },
    // Every process drops its copies.
    { sql: "UPDATE owner SET writer = iif(writer = ?, writer, ''), run = run + 1", parameters: [writer] },
  ];
}

/** The SQL function that records a change of the key with this hash. Returns 0 where it could not. */
export const NOTE = 'glovebox_note';

/** Prepares all statements for a database whose entries are evicted by `policy`, and which has the function {@link NOTE}. */
export function prepare(database: Database, policy: keyof typeof EVICTION_ORDER | 'none') {
  const { sql, column, list } = preparing(database);
  const ROW = 'SELECT id, key, blob, checksum, size, expires FROM entries';
  // By use, an entry keeps its place in the order until it is due for eviction: a set writes one index less.
  const byUse = policy === 'least-recently-used';
  const times = byUse ? 'created = max(?, ?)' : 'created = ?, accessed = ?';
  const plainTimes = byUse
    ? 'created = excluded.created'
    : 'created = excluded.created, accessed = excluded.accessed';
  const SET = `encoding = excluded.encoding, value = excluded.value, checksum = excluded.checksum, size = excluded.size,
       mode = NULL, expires = excluded.expires, ${plainTimes}, hits = 0`;
  const plainSet = (values: string) =>
    `INSERT INTO entries (id, key, encoding, value, checksum, size, expires, created, accessed) ${values}
     ON CONFLICT (key) DO UPDATE SET ${SET} WHERE blob IS NULL`;
  const VALUES = '?, ?, ?, ?, ?, ?, ?, ?';
  // Row id of an evicted entry, whose page has room, unless it is in use again.
  const FREED = '(SELECT freed FROM (SELECT ? AS freed) WHERE freed NOT IN (SELECT id FROM entries))';
  // Writes of one entry without a blob, each a transaction of its own. They change nothing in another run.
  const guarded = (condition: string) => ({
    set: sql<[...PlainColumns, ...Guard]>(plainSet(`SELECT NULL, ${VALUES} WHERE ${condition}`)),
    setAt: sql<[id: number, ...PlainColumns, ...Guard]>(
      plainSet(`SELECT ${FREED}, ${VALUES} WHERE ${condition}`),
    ),
    delete: sql<[key: string, now: number, ...Guard]>(
      `DELETE FROM entries WHERE key = ? AND blob IS NULL AND (expires IS NULL OR expires > ?) AND ${condition}`,
    ),
    touch: sql<[number | null, number, id: number, checksum: number, number | null, ...Guard]>(
      `UPDATE entries SET expires = ?, checksum = ? WHERE id = ? AND checksum = ? AND expires IS ? AND ${condition}`,
    ),
  });
  const isRun = '(SELECT run FROM owner) = ?';
  return {
    begin: sql<[]>('BEGIN IMMEDIATE'),
    commit: sql<[]>('COMMIT'),
    rollback: sql<[]>('ROLLBACK'),
    /** Sets of entries without a blob, in a transaction. */
    plain: {
      set: sql<PlainColumns>(plainSet(`VALUES (NULL, ${VALUES})`)),
      setAt: sql<[id: number, ...PlainColumns]>(plainSet(`VALUES (${FREED}, ${VALUES})`)),
    },
    alone: guarded(`${isRun} AND ? IS NOT NULL`),
    shared: guarded(`${isRun} AND ${NOTE}(?)`),
    owner: list<[], [writer: string, run: number]>('SELECT writer, run FROM owner'),
    setOwner: sql<[string]>('UPDATE owner SET writer = ?, run = run + 1'),
    participants: list<[], [name: string, pid: number, host: string, started: number]>(
      'SELECT name, pid, host, started FROM participants',
    ),
    addParticipant: sql<[string, number, string, number]>(
      'INSERT OR REPLACE INTO participants (name, pid, host, started) VALUES (?, ?, ?, ?)',
    ),
    removeParticipant: sql<[string]>('DELETE FROM participants WHERE name = ?'),
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
    moveLast: sql<[number, number, number]>(
      `UPDATE entries SET id = ? WHERE id = (SELECT max(id) FROM entries) AND id > ?
         AND NOT EXISTS (SELECT 1 FROM entries WHERE id = ?)`,
    ),
    blob: sql<[string], { size: number; refs: number }>('SELECT size, refs FROM blobs WHERE hash = ?'),
    insertBlob: sql<[string, number]>('INSERT INTO blobs (hash, size, refs) VALUES (?, ?, 1)'),
    useBlob: sql<[string]>('UPDATE blobs SET refs = refs + 1 WHERE hash = ?'),
    dropBlob: sql<[string]>('UPDATE blobs SET refs = refs - 1 WHERE hash = ?'),
    removeBlob: sql<[string]>('DELETE FROM blobs WHERE hash = ?'),
    unuseAllBlobs: sql<[]>('UPDATE blobs SET refs = 0'),
    unusedBlobs: column<[number], string>('SELECT hash FROM blobs WHERE refs = 0 LIMIT ?'),
    usage: list<[], [blobSize: number, blobCount: number, leastPages: number]>(
      'SELECT blob_size, blob_count, least_pages FROM usage',
    ),
    addToBlobs: sql<[number, number]>(
      'UPDATE usage SET blob_size = blob_size + ?, blob_count = blob_count + ?',
    ),
    clearBlobs: sql<[]>('UPDATE usage SET blob_size = 0, blob_count = 0'),
    setLeastPages: sql<[number]>('UPDATE usage SET least_pages = min(least_pages, ?)'),
    pageCount: column<[], number>('PRAGMA page_count'),
    freePages: column<[], number>('PRAGMA freelist_count'),
    setLease: sql<[object]>('INSERT OR REPLACE INTO leases VALUES (@key, @token, @pid, @host, @started)'),
    release: sql<[string, string]>('DELETE FROM leases WHERE key = ? AND token = ?'),
    lease: sql<[string], LeaseRecord>('SELECT token, pid, host, started FROM leases WHERE key = ?'),
  };
}
