// File monitor of an open database: detects files that were removed, replaced or cut short from outside.
import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { performance, wallClock } from '../../../system/time.ts';
import type { Store } from '../store.ts';
import { inodeOf, inspectFile, quarantine } from './open.ts';

// A change that the directory does not show, such as a file that is cut short, is noticed this late.
const CHECK_INTERVAL_MS = 10;

export interface FileMonitorHooks {
  /** Bytes to which Glovebox itself has shrunk the database: a shorter file was cut short from outside. */
  leastLength(): number;
  /**
   * The database file was written to, by a checkpoint or from outside: pages in the connection's memory may be
   * outdated.
   */
  onModified(): void;
}

export class FileMonitor {
  readonly #directory: string;
  readonly #database: string;
  readonly #inode: number | undefined;
  readonly #log: string;
  readonly #hooks: FileMonitorHooks;
  #length = 0;
  #modified: number | undefined;
  // The directory itself, whatever is done to its name. Never the database: closing it would drop SQLite's locks on it.
  #descriptor: number | undefined;
  // The directory's change time when all files were last found intact, and until when that result holds.
  #changed = 0;
  #until = 0;

  /** `inode` is the database's when it was opened. The log exists by now. */
  constructor(directory: string, database: string, inode: number | undefined, hooks: FileMonitorHooks) {
    this.#hooks = hooks;
    this.#directory = directory;
    this.#database = database;
    this.#inode = inode;
    this.#log = logOf(database);
    try {
      this.#descriptor = openSync(directory, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0));
    } catch {
      // Without a free descriptor, or where directories have none, the directory's name has to do.
    }
  }

  /** See {@link Store.fileState}. */
  get state(): Store['fileState'] {
    const now = performance.now();
    const directory =
      this.#descriptor === undefined ? inspectFile(this.#directory) : fstatSync(this.#descriptor);
    // One stat instead of three: a file that is created, removed or renamed in a directory changes it, as does its own
    // removal.
    if (directory?.ctimeMs === this.#changed && now < this.#until) return 'ok';
    const state = this.#checkAll();
    const isConclusive =
      directory !== undefined && wallClock.now() - directory.ctimeMs > granularityOf(directory);
    this.#changed = directory?.ctimeMs ?? 0;
    this.#until = state === 'ok' && isConclusive ? now + CHECK_INTERVAL_MS : 0;
    return state;
  }

  /** See {@link Store.quarantine}. */
  quarantine(): string | undefined {
    return quarantine(this.#database, this.#inode);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #checkAll(): Store['fileState'] {
    const file = inspectFile(this.#database);
    if (file?.ino !== this.#inode || file === undefined) return 'replaced';
    // The log and its index are removed only with the last connection.
    if (logOf(this.#database) !== this.#log) return 'damaged';
    if (file.size < this.#length && file.size < this.#hooks.leastLength()) return 'damaged';
    this.#length = file.size;
    if (file.mtimeMs !== this.#modified) this.#hooks.onModified();
    this.#modified = file.mtimeMs;
    return 'ok';
  }
}

// Two changes that are closer together than this, in milliseconds, may give a directory the same time.
function granularityOf({ ctimeMs }: Stats): number {
  return Number.isInteger(ctimeMs / 1000) ? 2500 : 50;
}

// Distinguishes a log and its index from others of the same names.
function logOf(database: string): string {
  return `${inodeOf(`${database}-wal`)} ${inodeOf(`${database}-shm`)}`;
}
