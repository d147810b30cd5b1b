// Which stores this thread has open, so that those used least recently are closed when the process runs short of
// descriptors: each store takes a few. One that was closed is opened again by the next operation that needs it.
import { readdirSync, readFileSync } from 'node:fs';
import { isOutOfFiles, mayBeOutOfFiles } from '../storage/sqlite/connection.ts';

/** Something that holds descriptors, and can do without for a while. */
export interface Parkable {
  /** When it was used last, by {@link OpenStores.tick}. */
  readonly lastUsed: number;
  /** In the middle of something: it cannot be closed now. */
  readonly isBusy: boolean;
  /** Gives up its descriptors. */
  park(): void;
}

// Where a process sees its descriptors, on Linux and on others.
const LISTS = ['/proc/self/fd', '/dev/fd'];
// What most systems give a process, for those that do not say what they give this one.
const USUAL_LIMIT = 1024;
// The rest is for the program.
const OUR_SHARE = 1 / 2;
// So few stores a thread may have open in any case. With no more than these nothing is counted.
const MIN_STORES = 8;
// How often something is opened that may have failed for want of descriptors.
const MAX_TRIES = 4;

/** What of the system {@link OpenStores} asks. */
export interface Descriptors {
  /** How many the process may have. */
  readonly limit: number;
  /** How many it has. */
  readonly used: number;
}

export class OpenStores {
  readonly #open = new Set<Parkable>();
  readonly #descriptors: Descriptors;
  readonly #most: number;
  #ticks = 0;

  constructor(descriptors: Descriptors = processDescriptors) {
    this.#descriptors = descriptors;
    // Now, while there are descriptors to find it out with.
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

  /** Closes what was used least recently until the process has enough descriptors left. */
  trim(except?: Parkable): void {
    while (this.#open.size > MIN_STORES && this.#isShort) {
      if (!this.#parkLeastUsed(except)) return;
    }
  }

  /** Closes half of what is open, because there are no descriptors left. Returns whether anything was. */
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

/** Those of this process. */
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
    // Only Linux has it.
  }
  return USUAL_LIMIT;
}

function countUsed(): number {
  for (const list of LISTS) {
    try {
      return readdirSync(list).length;
    } catch (error) {
      // To look takes one itself.
      if (isOutOfFiles(error)) return Number.POSITIVE_INFINITY;
    }
  }
  return 0;
}

/**
 * Opens something in a thread: when there are no descriptors left, again without half of what it has open. It tries more
 * than twice, because other threads take and give back descriptors at the same time. What it throws has the code EMFILE
 * when at any of the tries there were none.
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

// SQLite says of everything only that it cannot open it, and by now there may be descriptors again.
function outOfFiles(cause: Error): Error {
  return Object.assign(new Error(cause.message, { cause }), { code: 'EMFILE' });
}

/** What this thread has open as a coordinator. */
export const coordinatorStores = new OpenStores();

/** What this thread has open beside its coordinator. */
export const workerStores = new OpenStores();
