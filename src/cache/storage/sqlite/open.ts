// Opens a cache database for writing: new, of this version, or refused with the reason.
import { closeSync, existsSync, lstatSync, openSync, renameSync, type Stats } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { GloveboxError } from '../../../errors.ts';
import { withFileLock } from '../../../system/file-lock.ts';
import { classify, connect, isWantOfRoom, tune } from './connection.ts';
import { keepReserve, releaseReserve } from './reserve.ts';
import { create, inspect, migrate, SCHEMA, type Schema } from './schema.ts';

/** The database cannot be used, though nothing is wrong with it. The message says what to do. */
export class UnusableDatabaseError extends GloveboxError {
  constructor(message: string) {
    super('GLOVEBOX_UNUSABLE_DATABASE', message);
  }
}

/** The database is damaged: its content is lost, and it is to be set aside. */
export class DamagedDatabaseError extends Error {}

/**
 * Opening may meet another process that creates, recovers or closes the database: those are short, unless it is stopped
 * meanwhile.
 */
export const OPENING_WAIT_MS = 5000;

/** Runs `open`, which opens a database. A damaged one is set aside, `onQuarantine` is told its new name, and a new one opened. */
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

/** Tells a file from one that took its name. Undefined when there is none, or none that can be seen. */
export function inodeOf(file: string): number | undefined {
  return inspectFile(file)?.ino;
}

/** What is there under the name; a link is told from what it leads to. */
export function inspectFile(file: string): Stats | undefined {
  try {
    return lstatSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/**
 * Moves a damaged database out of the way, with the date in its name, and gives the new name. Undefined when another
 * process did so already: the file is not the one with `inode` any more.
 */
export function quarantine(file: string, inode: number | undefined): string | undefined {
  return withFileLock(`${file}.lock`, () => {
    if (inode === undefined || inodeOf(file) !== inode) return undefined;
    const quarantined = `${file}.damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`;
    // The log goes before the database, or a new database would be given the old log; and again after it, in case
    // somebody opened the old database in between.
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

/** Opens a database that is there and sound, and changes nothing about it. Throws otherwise. */
export function attachDatabase(file: string): Database {
  const database = connect(file, { fileMustExist: true, timeout: OPENING_WAIT_MS });
  try {
    if (inspect(database) !== 'current') throw new DamagedDatabaseError(`${file} is not as it was opened.`);
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

// On a full disk the reserve gives way to what SQLite has to make even for those who only read.
function openWithReserve(file: string, schema: Schema, wait: number): Database {
  try {
    return openOnce(file, schema, wait);
  } catch (error) {
    if (!isWantOfRoom(error) || !releaseReserve(file)) throw error;
    return openOnce(file, schema, wait);
  }
}

function openOnce(file: string, schema: Schema, wait: number): Database {
  // Made here, not by SQLite, so that it and the files beside it are private from the beginning. One that is there is
  // not opened: closing it would give up the locks of this process's other connections.
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
  const database = connect(file, { timeout: wait });
  try {
    let kind = inspect(database, schema);
    if (kind === 'older') {
      // The lock, not only the transaction, so that others wait however long it takes, and one migrates.
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
    // Before anything is in it: so that it can be made smaller in steps.
    if (kind === 'empty') database.pragma('auto_vacuum = INCREMENTAL');
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
