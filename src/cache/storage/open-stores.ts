// Open stores of this thread: the least recently used are closed when the process runs short of descriptors, since each
// store takes a few. A store that was closed is opened again by the next operation that needs it.
import { readdirSync, readFileSync } from 'node:fs';
import { isOutOfFiles, mayBeOutOfFiles } from './sqlite/connection.ts';

/** An object that holds descriptors, and can do without for a while. */
export interface Parkable {
  /** Time of its last use, by {@link OpenStores.tick}. */
  readonly lastUsed: number;
  /** True during an operation: it cannot be closed now. */
  readonly isBusy: boolean;
  /** Gives up its descriptors. */
  park(): void;
}

// Directories that list a process's descriptors, on Linux and on other systems.
const LISTS = ['/proc/self/fd', '/dev/fd'];
// The usual limit of most systems, for those that do not report it.
const USUAL_LIMIT = 1024;
// The rest is for the program.
const OUR_SHARE = 1 / 2;
// Stores that a thread may have open in any case. With no more than these nothing is counted.
const MIN_STORES = 8;
// Attempts to open something that may have failed for lack of descriptors.
const MAX_TRIES = 4;

/** The system's descriptor counts that {@link OpenStores} needs. */
export interface Descriptors {
  /** Descriptors that the process may have. */
  readonly limit: number;
  /** Descriptors that the process has. */
  readonly used: number;
}

export class OpenStores {
  readonly #open = new Set<Parkable>();
  readonly #descriptors: Descriptors;
  readonly #most: number;
  #ticks = 0;

  constructor(descriptors: Descriptors = processDescriptors) {
    this.#descriptors = descriptors;
    // Determined now, because it takes a descriptor itself.
    this.#most = descriptors.limit * OUR_SHARE;
  }

  /** The time of a use: later ones are greater. */
  tick(): number {
    return ++this.#ticks;
  }

  /** `store` has been opened. Others are closed for it when descriptors run short. */
  add(store: Parkable): void {
    this.#open.add(store);
    this.trim(store);
  }

  /** `store` has been closed. */
  delete(store: Parkable): void {
    this.#open.delete(store);
  }

  /** Closes the least recently used until the process has enough descriptors left. */
  trim(except?: Parkable): void {
    while (this.#open.size > MIN_STORES && this.#isShort) {
      if (!this.#parkLeastUsed(except)) return;
    }
  }

  /** Closes half of the open ones, because no descriptors are left. Returns whether any was closed. */
  parkHalf(): boolean {
    const before = this.#open.size;
    while (this.#open.size > before / 2 && this.#parkLeastUsed());
    return this.#open.size < before;
  }

  get #isShort(): boolean {
    return this.#descriptors.used > this.#most;
  }

  #parkLeastUsed(except?: Parkable): boolean {
    let least: Parkable | undefined;
    for (const store of this.#open) {
      if (store === except || store.isBusy) continue;
      if (least === undefined || store.lastUsed < least.lastUsed) least = store;
    }
    if (least === undefined) return false;
    this.#open.delete(least);
    least.park();
    return true;
  }
}

/** The descriptors of this process. */
export const processDescriptors: Descriptors = {
  get limit() {
    limit ??= readLimit();
    return limit;
  },
  get used() {
    return countUsed();
  },
};

let limit: number | undefined;

function readLimit(): number {
  try {
    const [, found] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    if (found !== undefined) return Number(found);
  } catch {
    // Only Linux has this file.
  }
  return USUAL_LIMIT;
}

function countUsed(): number {
  for (const list of LISTS) {
    try {
      return readdirSync(list).length;
    } catch (error) {
      // Listing them takes a descriptor itself.
      if (isOutOfFiles(error)) return Number.POSITIVE_INFINITY;
    }
  }
  return 0;
}

/**
 * Opens something in a thread. Without free descriptors, closes half of what the thread has open and tries again. It
 * tries more than twice, because other threads take and release descriptors at the same time. The error has the code
 * EMFILE when any of the attempts found no descriptors.
 */
export function withDescriptors<T>(stores: OpenStores, open: () => T): T {
  let wasOut = false;
  for (let left = MAX_TRIES - 1; ; left--) {
    try {
      return open();
    } catch (error) {
      if (!mayBeOutOfFiles(error)) throw error;
      const isOut = isOutOfFiles(error);
      wasOut ||= isOut;
      if (left === 0) throw wasOut ? outOfFiles(error as Error) : error;
      if (isOut) stores.parkHalf();
    }
  }
}

// SQLite only says that it cannot open the file, and by now there may be descriptors again.
function outOfFiles(cause: Error): Error {
  return Object.assign(new Error(cause.message, { cause }), { code: 'EMFILE' });
}

/** The stores that this thread has open as a coordinator. */
export const coordinatorStores = new OpenStores();

/** The stores that this thread has open beside its coordinator. */
export const workerStores = new OpenStores();
