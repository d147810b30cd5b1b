// Consistency check: verifies a database and its blobs against each other, in steps, so that others can write
// meanwhile.
import { rm } from 'node:fs/promises';
import type { Database } from 'better-sqlite3';
import { pause, performance, setImmediate } from '../../../system/time.ts';
import type { CheckProblem } from '../../cache.ts';
import type { WriteLock } from '../../shared/write-lock.ts';
import { checksum, decode, withExpiry } from '../../values/codec.ts';
import type { BlobFiles } from '../blobs.ts';
import { StoreBusyError } from '../store.ts';
import { runInBackground } from './background-statements.ts';
import { onDisk } from './blob-references.ts';
import { classify, isLarge } from './connection.ts';

interface Row {
  id: number;
  key: string;
  encoding: number;
  data: string | Buffer | null;
  blob: string | null;
  checksum: number;
  size: number;
  mode: number | null;
  expires: number | null;
}

interface Totals {
  size: number;
  count: number;
}

const ROW = 'SELECT id, key, encoding, value AS data, blob, checksum, size, mode, expires FROM entries';
const STEP = 500;

// The interval and the limit of waiting for others' transactions.
const BUSY_RETRY_MS = 5;
const BUSY_LIMIT_MS = 30_000;
const LOCK_TIMEOUT_MS = 2;

export interface CheckResult {
  entries: number;
  blobs: number;
  problems: CheckProblem[];
  /** True when repairs removed entries. */
  changed: boolean;
}

export async function checkStore(
  database: Database,
  blobs: BlobFiles,
  lock: WriteLock,
  repair: boolean,
): Promise<CheckResult> {
  const result: CheckResult = { entries: 0, blobs: 0, problems: [], changed: false };
  const check = new Check(database, blobs, lock, repair, result);
  await check.database();
  await check.entries();
  await check.files();
  await check.totals();
  return result;
}

/** Removes blobs and temporary files that nothing refers to and no process can still be using. */
export async function collectGarbage(database: Database, blobs: BlobFiles, lock: WriteLock): Promise<void> {
  const result: CheckResult = { entries: 0, blobs: 0, problems: [], changed: false };
  await new Check(database, blobs, lock, true, result).files();
}

class Check {
  readonly #database: Database;
  readonly #blobs: BlobFiles;
  readonly #lock: WriteLock;
  readonly #repair: boolean;
  readonly #result: CheckResult;

  constructor(database: Database, blobs: BlobFiles, lock: WriteLock, repair: boolean, result: CheckResult) {
    this.#database = database;
    this.#blobs = blobs;
    this.#lock = lock;
    this.#repair = repair;
    this.#result = result;
  }

  async database(): Promise<void> {
    for (const message of await this.#integrity()) {
      if (message !== 'ok') this.#found('damaged-database', this.#database.name, message, undefined);
    }
  }

  async #integrity(): Promise<string[]> {
    const sql = 'PRAGMA integrity_check';
    const here = () => this.#database.prepare<[], string>(sql).pluck().all();
    if (!isLarge(this.#database)) return here();
    const how = { timeout: BUSY_LIMIT_MS, isTransaction: false };
    const background = runInBackground(this.#database.name, [{ sql }], how);
    // Without a thread, or on a database that it cannot read at all, the statement runs here, and this thread reports
    // the error.
    return background.answer.then(([rows]) => rows!.map(([message]) => String(message)), here);
  }

  async entries(): Promise<void> {
    const page = this.#database.prepare<[number, number], Row>(`${ROW} WHERE id > ? ORDER BY id LIMIT ?`);
    const verified = new Map<string, boolean | undefined>();
    for (let rows = page.all(0, STEP); rows.length > 0; rows = page.all(rows.at(-1)!.id, STEP)) {
      for (const row of rows) {
        this.#result.entries++;
        if (row.blob === null) {
          if (!isReadable(row))
            await this.#dropEntry('damaged-value', row, 'the stored bytes do not match their checksum');
          continue;
        }
        if (!verified.has(row.blob)) {
          verified.set(row.blob, await this.#blobs.verify(row.blob, row.size));
          this.#result.blobs++;
        }
        const isIntact = verified.get(row.blob);
        if (!hasItsChecksum(row))
          await this.#dropEntry('damaged-value', row, 'it does not match its checksum');
        else if (isIntact === undefined)
          await this.#dropEntry('missing-blob', row, `its blob ${row.blob} is missing`);
        else if (!isIntact)
          await this.#dropEntry('damaged-blob', row, `its blob ${row.blob} does not match its hash`);
      }
      await new Promise(setImmediate);
    }
  }

  async files(): Promise<void> {
    const isKnown = this.#database.prepare<[string], number>('SELECT refs FROM blobs WHERE hash = ?').pluck();
    for (const shard of this.#blobs.shards()) {
      await new Promise(setImmediate);
      const { hashes, unexpectedFiles } = this.#blobs.listShard(shard);
      for (const hash of hashes) {
        if (isKnown.get(hash) !== undefined) continue;
        const isOrphan = await this.#underLock(() => {
          // Blobs get their names inside transactions: under the write lock, one without a row is not in use.
          if (isKnown.get(hash) !== undefined) return false;
          if (this.#repair) this.#blobs.remove(hash);
          return true;
        });
        if (!isOrphan) continue;
        const mended = this.#repair ? 'removed' : undefined;
        this.#found('orphaned-blob', this.#blobs.path(hash), 'no entry refers to this blob', mended);
      }
      for (const path of unexpectedFiles) {
        if (this.#repair) await rm(path, { force: true, recursive: true });
        this.#found('leftover-file', path, 'not a blob', this.#repair ? 'removed' : undefined);
      }
    }
    for (const path of this.#repair ? await this.#blobs.removeStaleFiles() : []) {
      this.#found('leftover-file', path, 'a temporary file of a process that has ended', 'removed');
    }
  }

  async totals(): Promise<void> {
    const counted = this.#database.prepare<[], { hash: string; refs: number; counted: number }>(
      `SELECT hash, refs, coalesce(counted, 0) AS counted FROM blobs
       LEFT JOIN (SELECT blob, count(*) AS counted FROM entries WHERE blob IS NOT NULL GROUP BY blob) ON blob = hash
       WHERE refs <> coalesce(counted, 0)`,
    );
    const blobs = this.#database.prepare<[], number>('SELECT size FROM blobs WHERE refs > 0').pluck();
    const stated = this.#database.prepare<[], Totals>(
      'SELECT blob_size AS size, blob_count AS count FROM usage',
    );
    const compare = () => {
      for (const { hash, refs, counted: entries } of counted.all()) {
        const mended = this.#repair ? `set to ${entries}` : undefined;
        this.#found('wrong-count', hash, `${entries} entries use this blob, not ${refs}`, mended);
        if (this.#repair)
          this.#database.prepare('UPDATE blobs SET refs = ? WHERE hash = ?').run(entries, hash);
      }
      const sizes = blobs.all();
      const is: Totals = { size: sizes.reduce((sum, size) => sum + onDisk(size), 0), count: sizes.length };
      const says = stated.get()!;
      if (is.size === says.size && is.count === says.count) return;
      const mended = this.#repair ? `set to ${is.size} bytes in ${is.count} blobs` : undefined;
      this.#found('wrong-size', 'blobs', `${says.size} bytes in ${says.count} blobs were recorded`, mended);
      if (this.#repair)
        this.#database.prepare('UPDATE usage SET blob_size = ?, blob_count = ?').run(is.size, is.count);
    };
    // One transaction, so that the compared values belong together.
    if (this.#repair) await this.#underLock(compare);
    else this.#database.transaction(compare).deferred();
  }

  // The row may have been replaced since it was read, and a missing blob stored again. Only under the write lock is the
  // entry's state certain, so it is dropped there.
  async #dropEntry(kind: CheckProblem['kind'], row: Row, message: string): Promise<void> {
    const isSo = await this.#underLock(() => {
      const now = this.#database.prepare<[number], Row>(`${ROW} WHERE id = ?`).get(row.id);
      if (!now || now.blob !== row.blob || now.checksum !== row.checksum) return false;
      if (
        now.blob === null ? isReadable(now) : kind === 'missing-blob' && this.#blobs.has(now.blob, now.size)
      ) {
        return false;
      }
      if (this.#repair) this.#remove(now);
      return true;
    });
    if (!isSo) return;
    if (this.#repair) this.#result.changed = true;
    this.#found(kind, row.key, message, this.#repair ? 'entry removed' : undefined);
  }

  #remove({ id, blob, size }: Row): void {
    this.#database.prepare('DELETE FROM entries WHERE id = ?').run(id);
    if (blob !== null) {
      const refs = this.#database
        .prepare<[string], number>('UPDATE blobs SET refs = refs - 1 WHERE hash = ? RETURNING refs')
        .pluck()
        .get(blob);
      if (refs === 0) {
        this.#database
          .prepare('UPDATE usage SET blob_size = blob_size - ?, blob_count = blob_count - 1')
          .run(onDisk(size));
      }
    }
    // Every process, including this one, has to drop its copies.
    this.#database.prepare('UPDATE owner SET run = run + 1').run();
  }

  async #underLock<T>(task: () => T): Promise<T> {
    const started = performance.now();
    for (;;) {
      const isLate = performance.now() - started > BUSY_LIMIT_MS;
      if (this.#lock.acquire(LOCK_TIMEOUT_MS)) {
        try {
          return this.#database.transaction(task).immediate();
        } catch (error) {
          if (classify(error) !== 'busy' || isLate) throw error;
        } finally {
          this.#lock.release();
        }
      } else if (isLate) {
        throw new StoreBusyError('Other threads write all the time.');
      }
      await pause(BUSY_RETRY_MS);
    }
  }

  #found(kind: CheckProblem['kind'], subject: string, message: string, mended: string | undefined): void {
    this.#result.problems.push({ kind, subject, message, mended });
  }
}

function isReadable(row: Row): boolean {
  try {
    if (row.data === null || !hasItsChecksum(row)) return false;
    decode(row.encoding, row.data);
    return true;
  } catch {
    return false;
  }
}

function hasItsChecksum(row: Row): boolean {
  return withExpiry(checksum(row.key, row), row.expires) === row.checksum;
}
