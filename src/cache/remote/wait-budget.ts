// Wait budget: the total time that callers wait for the remote tier before they go on without it.
//
// Time counts once however many requests wait at the same moment; each of them has an equal share of it. Useful time is
// given back: the share of a request that ended in a hit, and a second for each 64 KiB that arrive, unless they trickle.
// So the budget is spent by servers that are slow, silent or have nothing, not by large artifacts or many hits.
import { clearTimeout, performance, setTimeout } from '../../system/time.ts';

export interface WaitBudgetOptions {
  /** Milliseconds. Default: 4,000, so that a build waits no longer than 5 s, the time for giving up included. */
  budgetMs?: number | undefined;
  /** Milliseconds in which a spent budget is whole again, for processes that run for days. Default: never. */
  refillMs?: number | undefined;
  /** Milliseconds on a monotonic clock. Default: `performance.now`. */
  now?: (() => number) | undefined;
}

/** Bytes that give back one millisecond. */
const BYTES_PER_MS = 64 * 1.024;

/**
 * Bytes per millisecond below which a request gives back nothing for what it received. Otherwise sixteen requests of
 * 1 KB/s each would extend the budget by a quarter.
 */
const MIN_BYTES_PER_MS = 16 * 1.024;

export class WaitBudget {
  readonly budgetMs: number;
  readonly #refillMs: number | undefined;
  readonly #now: () => number;
  readonly #waits = new Set<Wait>();
  #last: number;
  #spent = 0;
  #isExhausted = false;
  // Milliseconds that a single wait would have borne since the beginning: the integral of 1 / waits.
  #borne = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ budgetMs = 4000, refillMs, now = performance.now }: WaitBudgetOptions = {}) {
    this.budgetMs = budgetMs;
    this.#refillMs = refillMs;
    this.#now = now;
    this.#last = now();
  }

  /** Milliseconds of the budget that are spent. */
  get spentMs(): number {
    this.#advance();
    return this.#spent;
  }

  /** Whether the budget is spent. With a refill, until half of the budget is there again. */
  get isExhausted(): boolean {
    this.#advance();
    return this.#isExhausted;
  }

  /** Begins to wait; undefined when the budget is spent. */
  begin(): Wait | undefined {
    if (this.isExhausted) return undefined;
    const wait = new Wait(this, this.#borne, this.#last);
    this.#waits.add(wait);
    this.#arm();
    return wait;
  }

  /** For {@link Wait}: the time on the budget's clock. */
  get nowMs(): number {
    return this.#now();
  }

  /** For {@link Wait}: time that one wait has borne by now. */
  get borneMs(): number {
    this.#advance();
    return this.#borne;
  }

  /** Gives back useful time. */
  refund(milliseconds: number): void {
    this.#advance();
    this.#spent = Math.max(0, this.#spent - milliseconds);
  }

  /** For {@link Wait}. */
  ended(wait: Wait): void {
    this.#advance();
    this.#waits.delete(wait);
    if (this.#waits.size === 0) clearTimeout(this.#timer);
  }

  #advance(): void {
    const now = this.#now();
    const passed = Math.max(0, now - this.#last);
    this.#last = now;
    if (this.#waits.size > 0) {
      this.#spent += passed;
      this.#borne += passed / this.#waits.size;
    } else if (this.#refillMs !== undefined) {
      this.#spent = Math.max(0, this.#spent - (passed * this.budgetMs) / this.#refillMs);
    }
    if (this.#spent >= this.budgetMs) this.#exhaust();
    else if (this.#isExhausted && this.#refillMs !== undefined && this.#spent <= this.budgetMs / 2) {
      this.#isExhausted = false;
    }
  }

  #exhaust(): void {
    if (this.#isExhausted) return;
    this.#isExhausted = true;
    clearTimeout(this.#timer);
    for (const wait of [...this.#waits]) wait.exhaust();
  }

  // A refund makes the timer early, and then it is set again: arriving chunks do not touch it.
  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#advance();
        if (!this.#isExhausted && this.#waits.size > 0) this.#arm();
      },
      Math.max(1, Math.ceil(this.budgetMs - this.#spent)),
    );
    this.#timer.unref();
  }
}

/** The wait of one caller. */
export class Wait {
  readonly #budget: WaitBudget;
  readonly #controller = new AbortController();
  readonly #begun: number;
  readonly #startedMs: number;
  #receivedBytes = 0;
  #refunded = 0;
  #share: number | undefined;

  constructor(budget: WaitBudget, borne: number, startedMs: number) {
    this.#budget = budget;
    this.#begun = borne;
    this.#startedMs = startedMs;
  }

  /** Aborts when the budget is spent. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Bytes have arrived. */
  received(bytes: number): void {
    this.#receivedBytes += bytes;
    const takenMs = this.#budget.nowMs - this.#startedMs;
    if (this.#receivedBytes < takenMs * MIN_BYTES_PER_MS) return;
    this.#refund(Math.min(bytes / BYTES_PER_MS, this.#unrefunded));
  }

  /** All of the time so far was useful. Also after the end. */
  paidOff(): void {
    this.#refund(this.#unrefunded);
  }

  /** Must be called; a second call does nothing. */
  end(): void {
    if (this.#share !== undefined) return;
    this.#share = this.#budget.borneMs - this.#begun;
    this.#budget.ended(this);
  }

  /** For {@link WaitBudget}. */
  exhaust(): void {
    this.#controller.abort();
  }

  get #unrefunded(): number {
    const share = this.#share ?? this.#budget.borneMs - this.#begun;
    return Math.max(0, share - this.#refunded);
  }

  #refund(milliseconds: number): void {
    this.#refunded += milliseconds;
    this.#budget.refund(milliseconds);
  }
}
