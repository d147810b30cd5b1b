// How a worker thread writes by itself: on a connection of its own, when it is its turn.
//
//   set ──► isPlain? ──► turn? ──► transaction ──► versions ──► answered       no message, nobody woken
//              │no         │not soon     │any trouble
//              └───────────┴─────────────┴──► the coordinator, which waits, mends and warns
import { Counter } from '../cache/link.ts';
import { SqliteStore, type SqliteStoreOptions } from '../cache/sqlite/store.ts';
import type { TimedOperation, WriteOperation, WriteResult } from '../cache/store.ts';
import type { Versions } from '../cache/versions.ts';

// Milliseconds to wait for other threads. When they write all the time, the coordinator writes for all who wait.
const PATIENCE_MS = 100;

/** Whether a thread can do the operation by itself: nobody else has to be told of it, and no file goes with it. */
export function isPlain(operation: WriteOperation): boolean {
  switch (operation.type) {
    case 'set':
      return operation.lease === undefined && operation.value.blob === null;
    case 'set-many':
      return operation.entries.every(({ value }) => value.blob === null);
    case 'delete':
    case 'touch':
    case 'increment':
      return true;
    default:
      return false;
  }
}

export class DirectWriter {
  readonly #options: SqliteStoreOptions;
  readonly #versions: Versions;
  readonly #counters: Float64Array;
  #store: SqliteStore | undefined;
  #epoch: number | undefined;

  /** Opens nothing before the first write. */
  constructor(options: SqliteStoreOptions, versions: Versions, counters: Float64Array) {
    this.#options = { ...options, versions, patience: PATIENCE_MS, attach: true };
    this.#versions = versions;
    this.#counters = counters;
  }

  /** The results of all operations, committed; or undefined, and none of them was: then the coordinator has to do them. */
  commit(batch: readonly TimedOperation[]): WriteResult[] | undefined {
    // By use, what goes next depends on what all threads have read, and they tell the coordinator.
    if (this.#versions.isDegraded || this.#versions.isPressed) return undefined;
    try {
      const store = this.#open();
      if (!store) return undefined;
      const before = { ...store.counts };
      const results = store.apply(batch);
      // What went into files that somebody removed is lost: the coordinator finds that out, and does it again.
      if (store.fileState !== 'sound') return this.close();
      for (const name of ['sets', 'deletes', 'evictions', 'expired'] as const) {
        this.#counters[Counter[name]]! += store.counts[name] - before[name];
      }
      return results;
    } catch {
      // Whatever it is, the coordinator meets it too, and knows what to do.
      return undefined;
    }
  }

  /** Whether there is tidying up to do that the coordinator was not told of. */
  takeBacklog(): boolean {
    const had = this.#store?.hasBacklog ?? false;
    if (had) this.#store!.hasBacklog = false;
    return had;
  }

  close(): undefined {
    this.#store?.close();
    this.#store = undefined;
  }

  #open(): SqliteStore | undefined {
    const { epoch } = this.#versions;
    if (epoch !== this.#epoch) {
      this.close();
      this.#epoch = epoch;
      this.#store = new SqliteStore(this.#options);
    }
    return this.#store;
  }
}
