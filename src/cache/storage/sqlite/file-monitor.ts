// The files of a database that is open, and what somebody else may have done to them meanwhile.
import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { performance, wallClock } from '../../../system/time.ts';
import type { Store } from '../store.ts';
import { inodeOf, inspectFile, quarantine } from './open.ts';

// What changes nothing in the directory, such as a file that is cut short, is noticed this late.
const CHECK_INTERVAL_MS = 10;

export interface FileMonitorHooks {
  /** Bytes to which those that use the database have cut it down: with fewer it was cut short by somebody else. */
  leastLength(): number;
  /** The database was written to, by a checkpoint or by somebody else: what the connection remembers of it may be wrong. */
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
  // When the directory had been changed last when all files were looked at and sound, and until when that counts.
  #changed = 0;
  #until = 0;

  /** `inode` is that of the database when it was opened. The log is there by now. */
  constructor(directory: string, database: string, inode: number | undefined, hooks: FileMonitorHooks) {
    this.#hooks = hooks;
    this.#directory = directory;
    this.#database = database;
    this.#inode = inode;
    this.#log = logOf(database);
    try {
      this.#descriptor = openSync(directory, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0));
    } catch {
      // Where no descriptor is left, or directories have none, their names have to do.
    }
  }

  /** See {@link Store.fileState}. */
  get state(): Store['fileState'] {
    const now = performance.now();
    const directory =
      this.#descriptor === undefined ? inspectFile(this.#directory) : fstatSync(this.#descriptor);
    // One look instead of three: whatever is made, removed or renamed in a directory changes it, as does its own removal.
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
    // Its log and the log's index go with its last connection only.
    if (logOf(this.#database) !== this.#log) return 'damaged';
    if (file.size < this.#length && file.size < this.#hooks.leastLength()) return 'damaged';
    this.#length = file.size;
    if (file.mtimeMs !== this.#modified) this.#hooks.onModified();
    this.#modified = file.mtimeMs;
    return 'ok';
  }
}

// Two changes closer together than this, in milliseconds, may give a directory the same time.
function granularityOf({ ctimeMs }: Stats): number {
  return Number.isInteger(ctimeMs / 1000) ? 2500 : 50;
}

// Tells a log and its index from others of the same names.
function logOf(database: string): string {
  return `${inodeOf(`${database}-wal`)} ${inodeOf(`${database}-shm`)}`;
}
