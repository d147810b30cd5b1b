// Opening a cache database for writing: a new one is created, an older one migrated, and an unusable one refused with
// the reason.
import { closeSync, existsSync, lstatSync, openSync, renameSync, type Stats } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { GloveboxError } from '../../../errors.ts';
import { withFileLock } from '../../../system/file-lock.ts';
import { classify, connect, isWantOfRoom, PAGE_SIZE, tune } from './connection.ts';
import { keepReserve, releaseReserve } from './reserve.ts';
import { create, inspect, migrate, SCHEMA, type Schema } from './schema.ts';

/** The database cannot be used, though nothing is wrong with it. The message says what to do. */
export class UnusableDatabaseError extends GloveboxError {
  constructor(message: string) {
    super('GLOVEBOX_UNUSABLE_DATABASE', message);
  }
}

/** The database is damaged: its content is lost, and it has to be quarantined. */
export class DamagedDatabaseError extends Error {}

/**
 * Limit for other processes that create, recover or close the database meanwhile: that is quick, unless such a process
 * is suspended in the midst of it.
 */
export const OPENING_WAIT_MS = 5000;

/**
 * Runs `open`, which opens a database. A damaged one is quarantined, `onQuarantine` is called with its new name, and a
 * new one is opened.
 */
export function openOrReplace<T>(file: string, open: () => T, onQuarantine?: (name: string) => void): T {
  try {
    return open();
  } catch (error) {
    if (!isDamage(error)) throw error;
    const quarantined = quarantine(file, inodeOf(file));
    if (quarantined !== undefined) onQuarantine?.(quarantined);
    return open();
  }
}

/** Whether an error means that the database's content cannot be trusted any more. */
export function isDamage(error: unknown): boolean {
  return error instanceof DamagedDatabaseError || classify(error) === 'damaged';
}

/** Distinguishes a file from one that took its name. Undefined when there is none, or it cannot be inspected. */
export function inodeOf(file: string): number | undefined {
  return inspectFile(file)?.ino;
}

/** The file with this name, without following a link. */
export function inspectFile(file: string): Stats | undefined {
  try {
    return lstatSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/**
 * Moves a damaged database out of the way, with the date in its name, and returns the new name. Undefined when another
 * process did so already: the file is not the one with `inode` any more.
 */
export function quarantine(file: string, inode: number | undefined): string | undefined {
  return withFileLock(`${file}.lock`, () => {
    if (inode === undefined || inodeOf(file) !== inode) return undefined;
    const quarantined = `${file}.damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`;
    // The log goes before the database, or a new database would get the old log. It is moved again after it, in case
    // another process opened the old database in between.
    const moveLog = (suffix: string) => {
      for (const part of ['-wal', '-shm']) {
        if (existsSync(file + part)) renameSync(file + part, quarantined + suffix + part);
      }
    };
    moveLog('');
    renameSync(file, quarantined);
    moveLog('-2');
    return quarantined;
  });
}

/** Opens an existing, intact database, and changes nothing about it. Throws otherwise. */
export function attachDatabase(file: string): Database {
  const database = connect(file, { fileMustExist: true, timeout: OPENING_WAIT_MS });
  try {
    if (inspect(database) !== 'current')
      throw new DamagedDatabaseError(`${file} no longer has the tables that it was opened with.`);
    tune(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Opens the database, a new one when there is none. Throws for a damaged one.
 *
 * @param wait milliseconds to wait for other processes; the thread is blocked meanwhile
 */
export function openDatabase(file: string, schema: Schema = SCHEMA, wait = OPENING_WAIT_MS): Database {
  const database = openWithReserve(file, schema, wait);
  keepReserve(file);
  return database;
}

// On a full disk the reserve makes room for the files that SQLite has to create even for readers.
function openWithReserve(file: string, schema: Schema, wait: number): Database {
  try {
    return openOnce(file, schema, wait);
  } catch (error) {
    if (!isWantOfRoom(error) || !releaseReserve(file)) throw error;
    return openOnce(file, schema, wait);
  }
}

function openOnce(file: string, schema: Schema, wait: number): Database {
  // Created here, not by SQLite, so that it and the files beside it are private from the beginning. An existing file is
  // not opened: closing it would drop the locks of this process's other connections.
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
  const database = connect(file, { timeout: wait });
  try {
    let kind = inspect(database, schema);
    if (kind === 'older') {
      // The lock, besides the transaction, lets others wait however long the migration takes, and only one migrate.
      withFileLock(`${file}.lock`, () => migrate(database, schema));
      kind = inspect(database, schema);
    }
    if (kind === 'newer') {
      throw new UnusableDatabaseError(
        `${file} was written by a newer Glovebox. Update Glovebox, or set GLOVEBOX_CACHE_DIR to another directory.`,
      );
    }
    if (kind === 'foreign') {
      throw new UnusableDatabaseError(
        `${file} is not a cache of Glovebox. Move it away, or set GLOVEBOX_CACHE_DIR to another directory.`,
      );
    }
    if (kind === 'damaged' || kind === 'older')
      throw new DamagedDatabaseError(`${file} does not have the tables it should have.`);
    // Before the first table is created: later, the page size stays as it is and the database cannot be shrunk in steps.
    if (kind === 'empty') {
      database.pragma(`page_size = ${PAGE_SIZE}`);
      database.pragma('auto_vacuum = INCREMENTAL');
    }
    const mode = database.pragma('journal_mode = WAL', { simple: true });
    if (mode !== 'wal') {
      throw new UnusableDatabaseError(
        `${file} is on a file system where SQLite's WAL does not work (the journal mode stays '${mode}'). Set GLOVEBOX_CACHE_DIR to a directory on a local disk.`,
      );
    }
    tune(database);
    if (kind === 'empty') create(database, schema);
    for (const table of ['owner', 'usage']) {
      if (database.prepare(`SELECT * FROM ${table}`).get() === undefined) {
        throw new DamagedDatabaseError(`${file} has lost its ${table}.`);
      }
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
