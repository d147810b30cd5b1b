// Long operation of a store, from its turn in the queue to its result: begun again while other processes write.

import { sleepSync } from '../../system/sleep-sync.ts';
import { clearTimeout, performance, setTimeout } from '../../system/time.ts';
import type { WriteResult } from '../operations.ts';
import type { LongOutcome, LongWrite } from '../storage/long-write.ts';
import { classify } from '../storage/sqlite/connection.ts';
import { StoreBusyError } from '../storage/store.ts';
import type { LiveStore } from './live-store.ts';
import type { PendingWrite } from './write-queue.ts';

// The longest timeout that SQLite takes.
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const BUSY_RETRY_MS = 4;

export class LongOperation {
  readonly #live: LiveStore;
  readonly #queued: PendingWrite;
  readonly #over: (result: WriteResult | undefined) => void;
  readonly #isOver = Promise.withResolvers<void>();
  #write: LongWrite | undefined;
  #retry: NodeJS.Timeout | undefined;
  #hasEnded = false;

  /** `over` is called once: without a result when the operation could not be done this way. */
  constructor(live: LiveStore, queued: PendingWrite, over: (result: WriteResult | undefined) => void) {
    this.#live = live;
    this.#queued = queued;
    this.#over = over;
  }

  get isOver(): Promise<void> {
    return this.#isOver.promise;
  }

  start(): void {
    this.#live.checkFilesBeforeCommit();
    const { operation, now, deadline } = this.#queued;
    const timeout = Math.min(Math.max(Math.ceil(deadline - performance.now()), 1), MAX_TIMEOUT_MS);
    try {
      const store = this.#live.current;
      if (!store) {
        this.#end(undefined);
        return;
      }
      const write = store.beginLong({ operation, now }, timeout);
      this.#write = write;
      this.#live.pin();
      write.start(outcome => {
        this.#live.unpin();
        this.#write = undefined;
        this.#settle(outcome);
      });
    } catch (error) {
      this.#settle({ error });
    }
  }

  /** Continues the operation, with this thread blocked, to its end or for at most so many milliseconds. */
  finish(timeoutMs: number): void {
    const until = performance.now() + timeoutMs;
    do {
      this.#write?.finish(Math.max(until - performance.now(), 0));
      if (this.#retry === undefined) continue;
      sleepSync(BUSY_RETRY_MS);
      this.#again();
    } while (!this.#hasEnded && performance.now() < until);
  }

  #settle(outcome: LongOutcome): void {
    if ('result' in outcome) {
      // Writes to files that were removed meanwhile are lost: they are done again.
      if (this.#live.checkFiles()) this.start();
      else this.#end(outcome.result);
      return;
    }
    const { error } = outcome;
    const isBusy = error instanceof StoreBusyError || classify(error) === 'busy';
    if (!isBusy || performance.now() > this.#queued.deadline) this.#end(undefined);
    else this.#retry = setTimeout(() => this.#again(), BUSY_RETRY_MS);
  }

  #again(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.start();
  }

  #end(result: WriteResult | undefined): void {
    this.#hasEnded = true;
    this.#over(result);
    this.#isOver.resolve();
  }
}
