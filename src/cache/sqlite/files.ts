// The files of a database that is open, and what somebody else may have done to them meanwhile.
import type { Stats } from 'node:fs';
import type { Store } from '../store.ts';
import { performance, wallClock } from '../time.ts';
import { inodeOf, look, setAside } from './open.ts';

// What changes nothing in the directory, such as a file that is cut short, is noticed this late.
const LOOK_INTERVAL_MS = 10;

export class StoreFiles {
  readonly #directory: string;
  readonly #database: string;
  readonly #inode: number | undefined;
  readonly #log: string;
  #length = 0;
  // The directory as it was when all files were looked at and sound, and until when that counts.
  #seen: { inode?: number | undefined; changed?: number | undefined; until: number } = { until: 0 };

  /** `inode` is that of the database when it was opened. The log is there by now. */
  constructor(directory: string, database: string, inode: number | undefined) {
    this.#directory = directory;
    this.#database = database;
    this.#inode = inode;
    this.#log = logOf(database);
  }

  /** See {@link Store.fileState}. */
  get state(): Store['fileState'] {
    const directory = look(this.#directory);
    const now = performance.now();
    const { inode, changed, until } = this.#seen;
    // One look instead of three: whatever is made, removed or renamed in a directory changes its time.
    if (directory && directory.ino === inode && directory.mtimeMs === changed && now < until) return 'sound';
    const state = this.#lookAtAll();
    const isTelling =
      directory !== undefined && wallClock.now() - directory.mtimeMs > granularityOf(directory);
    this.#seen = {
      inode: directory?.ino,
      changed: directory?.mtimeMs,
      until: state === 'sound' && isTelling ? now + LOOK_INTERVAL_MS : 0,
    };
    return state;
  }

  /** See {@link Store.setAside}. */
  setAside(): string | undefined {
    return setAside(this.#database, this.#inode);
  }

  #lookAtAll(): Store['fileState'] {
    const file = look(this.#database);
    if (file?.ino !== this.#inode || file === undefined) return 'replaced';
    // A database of ours never shrinks, and its log and the log's index go with its last connection only.
    if (file.size < this.#length || logOf(this.#database) !== this.#log) return 'damaged';
    this.#length = file.size;
    return 'sound';
  }
}

// Two changes closer together than this, in milliseconds, may give a directory the same time.
function granularityOf({ mtimeMs }: Stats): number {
  return Number.isInteger(mtimeMs / 1000) ? 2500 : 50;
}

// Tells a log and its index from others of the same names.
function logOf(database: string): string {
  return `${inodeOf(`${database}-wal`)} ${inodeOf(`${database}-shm`)}`;
}
