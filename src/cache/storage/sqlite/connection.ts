// Connections to SQLite databases, and what SQLite's error codes mean for a cache.
import { closeSync, openSync } from 'node:fs';
import type { Database, Options } from 'better-sqlite3';
import { assertNodeVersion } from '../../../system/node-version.ts';
import { requirePackage } from '../../../system/require-package.ts';

/**
 * Opens `file`. The native binding is loaded here, at the first use, and never by a Node version that it would crash.
 */
export function connect(file: string, options: Options): Database {
  assertNodeVersion();
  const Sqlite = requirePackage<typeof import('better-sqlite3')>('better-sqlite3');
  // Never memory-mapped: reading a mapped file that something truncated would kill the process.
  const database = new Sqlite(file, options);
  // An untrusted database may have been put there: nothing in its schema may call a function.
  database.pragma('trusted_schema = OFF');
  return database;
}

/**
 * A connection that leaves a database's log as it is when it is the last to be closed; undefined when it cannot be
 * opened.
 */
export function reading(file: string): Database | undefined {
  try {
    const database = connect(file, { readonly: true, fileMustExist: true });
    database.pragma('user_version');
    return database;
  } catch {
    return undefined;
  }
}

/** Whether too many open files can be the reason: SQLite itself only says that it cannot open something. */
export function mayBeOutOfFiles(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return isFileLimit(code) || (typeof code === 'string' && code.startsWith('SQLITE_CANTOPEN'));
}

/** Whether too many open files were the reason, and still are. */
export function isOutOfFiles(error: unknown): boolean {
  if (isFileLimit((error as { code?: unknown }).code)) return true;
  if (!mayBeOutOfFiles(error)) return false;
  try {
    closeSync(openSync(process.execPath, 'r'));
    return false;
  } catch (again) {
    return isFileLimit((again as NodeJS.ErrnoException).code);
  }
}

function isFileLimit(code: unknown): boolean {
  return code === 'EMFILE' || code === 'ENFILE';
}

/**
 * Bytes of a page of new databases. Half of SQLite's default: a set writes a whole page to the log. Not less, because
 * large values then take many pages.
 */
export const PAGE_SIZE = 2048;

// Pages: 8 MiB. Four times SQLite's default: a page that is written again and again goes into the database less often.
// Not more, because readers search the log's index, which is in tables of 4096.
const CHECKPOINT_PAGES = 4000;
// While a checkpointer does most of the work.
const RELIEVED_PAGES = 3 * CHECKPOINT_PAGES;

/** Settings of connections that write. */
export function tune(database: Database): void {
  database.pragma('synchronous = NORMAL');
  setRelieved(database, false);
}

/** Sets after how many pages a commit also does a checkpoint: more if another thread does them. */
export function setRelieved(database: Database, isRelieved: boolean): void {
  database.pragma(`wal_autocheckpoint = ${isRelieved ? RELIEVED_PAGES : CHECKPOINT_PAGES}`);
}

/** Runs work that would otherwise copy the log into the database, and leaves the checkpoint to a later one. */
export function withoutCheckpoint(database: Database, work: () => void): void {
  const before = database.pragma('wal_autocheckpoint', { simple: true }) as number;
  database.pragma('wal_autocheckpoint = 0');
  try {
    work();
  } finally {
    database.pragma(`wal_autocheckpoint = ${before}`);
  }
}

// 8 MiB take some 50 ms to scan.
const LARGE_BYTES = 8 * 1024 * 1024;

/** Whether a scan of the whole database holds up the event loop. */
export function isLarge(database: Database): boolean {
  const [pages, size] = ['page_count', 'page_size'].map(
    name => database.pragma(name, { simple: true }) as number,
  );
  return pages! * size! > LARGE_BYTES;
}

/** Whether an error may be due to a full disk: SQLite does not always say so. */
export function isWantOfRoom(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string') return false;
  return /^(SQLITE_(FULL|CANTOPEN|IOERR)|ENOSPC|EDQUOT)/.test(code) && classify(error) !== 'damaged';
}

/** The meaning of an SQLite error: the database is damaged, it is in use, or something else is wrong with the store. */
export function classify(error: unknown): 'damaged' | 'busy' | 'other' {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string') return 'other';
  if (code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB')) return 'damaged';
  // The file ends before a page that must be there.
  if (code === 'SQLITE_IOERR_SHORT_READ') return 'damaged';
  // Each insert follows a lookup: an index that contradicts it does not match its table.
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') return 'damaged';
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return 'busy';
  return 'other';
}
