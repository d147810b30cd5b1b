// Circuit breaker: pauses requests to a server that fails several times in a row, then tries a single one.
//
//            3 failures in a row, or Retry-After             30 s, or what Retry-After says
//   closed ───────────────────────────────────────► open ─────────────────────────────────► half-open
//      ▲                                              ▲                                          │ one request
//      └──────────────── success ─────────────────────┼──────────────────────────────────────────┤
//                                                     └──────────────── failure ─────────────────┘
import { performance } from '../../system/time.ts';

export interface CircuitBreakerOptions {
  /** Failures in a row that open it. Default: 3. */
  failureLimit?: number | undefined;
  /** Milliseconds that it stays open. Default: 30,000. */
  openMs?: number | undefined;
  /** Milliseconds on a monotonic clock. Default: `performance.now`. */
  now?: (() => number) | undefined;
}

/** Longest pause, however long the server asks for. */
export const MAX_RETRY_AFTER_MS = 10 * 60 * 1000;

/** A request that the breaker let pass. Exactly one of its methods must be called. */
export interface Attempt {
  succeeded(): void;
  /** `retryAfterMs`: the pause that the server asked for, which opens the breaker at once. */
  failed(retryAfterMs?: number): void;
  /** The request ended for a reason that says nothing about the server. */
  abandoned(): void;
}

export class CircuitBreaker {
  readonly #failureLimit: number;
  readonly #openMs: number;
  readonly #now: () => number;
  #failures = 0;
  #openUntil = Number.NEGATIVE_INFINITY;
  #isOpen = false;
  #isProbing = false;
  #isOff = false;

  constructor({ failureLimit = 3, openMs = 30_000, now = performance.now }: CircuitBreakerOptions = {}) {
    this.#failureLimit = failureLimit;
    this.#openMs = openMs;
    this.#now = now;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** `off`: for good, since the server denied access. */
  get state(): 'closed' | 'open' | 'half-open' | 'off' {
    if (this.#isOff) return 'off';
    if (!this.#isOpen) return 'closed';
    return this.#now() >= this.#openUntil ? 'half-open' : 'open';
  }

  /** Whether a request would pass now. */
  get lets(): boolean {
    const { state } = this;
    return state === 'closed' || (state === 'half-open' && !this.#isProbing);
  }

  /** Lets one request pass; undefined when it may not. */
  begin(): Attempt | undefined {
    if (!this.lets) return undefined;
    const isProbe = this.#isOpen;
    if (isProbe) this.#isProbing = true;
    let isOver = false;
    const end = (apply: () => void) => () => {
      if (isOver) return;
      isOver = true;
      if (isProbe) this.#isProbing = false;
      apply();
    };
    return {
      succeeded: end(() => this.#succeeded(isProbe)),
      failed: retryAfterMs => end(() => this.#failed(isProbe, retryAfterMs))(),
      abandoned: end(() => {}),
    };
  }

  /** Lets no further request pass. */
  turnOff(): void {
    this.#isOff = true;
  }

  #succeeded(isProbe: boolean): void {
    this.#failures = 0;
    // A request that began before the breaker opened does not close it: the server may have asked for a pause.
    if (isProbe) this.#isOpen = false;
  }

  #failed(isProbe: boolean, retryAfterMs: number | undefined): void {
    this.#failures++;
    if (retryAfterMs !== undefined) this.#open(Math.min(Math.max(retryAfterMs, 0), MAX_RETRY_AFTER_MS));
    else if (isProbe || (this.#failures >= this.#failureLimit && !this.#isOpen)) this.#open(this.#openMs);
  }

  #open(duration: number): void {
    this.#openUntil = this.#isOpen
      ? Math.max(this.#openUntil, this.#now() + duration)
      : this.#now() + duration;
    this.#isOpen = true;
  }
}
