// How a worker thread writes by itself: on a connection of its own, when it is its turn.
//
//   set ──► isPlain? ──► turn? ──► transaction, with what others have posted ──► versions ──► answered
//              │no         │no, or       │any trouble
//              │           │another one  │
//              │           │leads        │
//              │           ▼             │
//              │        posted, for whoever has the turn
//              │           │not soon     │
//              └───────────┴─────────────┴──► the coordinator, which waits, mends and warns
import { Counter } from '../cache/link.ts';
import type { SharedMemory } from '../cache/shared-memory.ts';
import { SqliteStore, type SqliteStoreOptions } from '../cache/sqlite/store.ts';
import { LONG_SET, type TimedOperation, type WriteOperation, type WriteResult } from '../cache/store.ts';
import { performance } from '../cache/time.ts';

// Milliseconds to wait for other threads. When they write all the time, the coordinator writes for all who wait.
const PATIENCE_MS = 100;
// How long to sleep at most without being nudged: for those who release the turn and nudge nobody.
const SLEEP_MS = 5;
// How long to look without sleeping: about as long as two commits take.
const LOOK_MS = 0.1;
// Transactions that a thread makes for others before it goes on with its own work.
const ROUNDS = 4;
// Who commits all the time takes others along at once: how long to rely on it, and how long to sleep at a time.
const LED_MS = 10;
const LED_SLEEP_MS = 1;

/** Whether a thread can do the operation by itself: nobody else has to be told of it, and no file goes with it. */
export function isPlain(operation: WriteOperation): boolean {
  switch (operation.type) {
    case 'set':
      return operation.lease === undefined && operation.value.blob === null;
    case 'set-many':
      return (
        operation.entries.length <= LONG_SET && operation.entries.every(({ value }) => value.blob === null)
      );
    case 'delete':
    case 'touch':
    case 'increment':
      return true;
    default:
      return false;
  }
}

/** The limits are those of the shared memory. */
export type DirectWriterOptions = Omit<SqliteStoreOptions, 'maxSize' | 'policy'>;

export class DirectWriter {
  readonly #options: DirectWriterOptions;
  readonly #shared: SharedMemory;
  readonly #counters: Float64Array;
  #store: SqliteStore | undefined;
  #epoch: number | undefined;

  /** Opens nothing before the first write. */
  constructor(options: DirectWriterOptions, shared: SharedMemory, counters: Float64Array) {
    this.#options = { ...options, shared, patience: PATIENCE_MS, attach: true };
    this.#shared = shared;
    this.#counters = counters;
  }

  /** The results of all operations, committed; or undefined, and none of them was: then the coordinator has to do them. */
  commit(batch: readonly TimedOperation[]): WriteResult[] | undefined {
    const { versions } = this.#shared;
    // By use, what goes next depends on what all threads have read, and they tell the coordinator.
    if (versions.isDegraded || versions.isPressed) return undefined;
    try {
      const store = this.#open();
      if (!store) return undefined;
      const mayWrite = !this.#shared.group.lead.isAnothers && versions.turn.take(0);
      return mayWrite ? this.#write(store, batch) : this.#join(store, batch);
    } catch {
      // Whatever it is, the coordinator meets it too, and knows what to do.
      return undefined;
    }
  }

  // In this thread's turn, which is given back.
  #write(store: SqliteStore, batch: readonly TimedOperation[]): WriteResult[] | undefined {
    const { group } = this.#shared;
    const before = { ...store.counts };
    let leads = false;
    try {
      const results = store.applyInTurn(batch);
      // What went into files that somebody removed is lost: the coordinator finds that out, and does it again.
      if (store.fileState !== 'sound') return this.close();
      leads = group.lead.committed();
      this.#writeForOthers(store);
      return results;
    } finally {
      for (const name of ['sets', 'deletes', 'evictions', 'expired'] as const) {
        this.#counters[Counter[name]]! += store.counts[name] - before[name];
      }
      // Whoever leads comes back soon.
      if (!leads) group.wakeOne();
    }
  }

  // While they only post and sleep, nobody has to be woken for the turn alone.
  #writeForOthers(store: SqliteStore): void {
    const { versions, group } = this.#shared;
    try {
      for (let round = 0; round < ROUNDS && group.isWaiting && versions.turn.take(0); round++) {
        store.applyInTurn([]);
      }
    } catch {
      // They have been told, and see for themselves.
    }
  }

  // Another thread has the turn: it takes the batch along, or this one's turn comes.
  #join(store: SqliteStore, batch: readonly TimedOperation[]): WriteResult[] | undefined {
    const { group, versions } = this.#shared;
    const { turn } = versions;
    if (!group.post(batch)) return turn.take(PATIENCE_MS) ? this.#write(store, batch) : undefined;
    const since = performance.now();
    for (;;) {
      const nudges = group.nudges;
      const outcome = group.outcome(batch);
      if (outcome === 'refused') return undefined;
      if (typeof outcome !== 'string') return outcome;
      const waited = performance.now() - since;
      if (outcome === 'waiting' && waited < LED_MS && group.lead.isAnothers) {
        group.sleep(nudges, LED_SLEEP_MS);
        continue;
      }
      if (outcome === 'waiting' && turn.take(0)) {
        if (group.withdraw()) return this.#write(store, batch);
        turn.release();
      }
      if (waited < LOOK_MS) continue;
      if (waited > PATIENCE_MS && group.withdraw()) return undefined;
      group.sleep(nudges, SLEEP_MS);
    }
  }

  /** Whether there is tidying up to do that the coordinator was not told of. */
  takeBacklog(): boolean {
    const had = this.#store?.hasBacklog ?? false;
    if (had) this.#store!.hasBacklog = false;
    return had;
  }

  /** Gives up the connection until the next write. */
  park(): void {
    this.close();
    this.#epoch = undefined;
  }

  close(): undefined {
    this.#store?.close();
    this.#store = undefined;
  }

  #open(): SqliteStore | undefined {
    const { epoch } = this.#shared.versions;
    if (epoch !== this.#epoch) {
      this.close();
      this.#epoch = epoch;
      this.#store = new SqliteStore({ ...this.#options, ...this.#shared.limits.current });
    }
    return this.#store;
  }
}
