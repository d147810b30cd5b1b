// Waits until things that come in bursts have stopped coming: saving one file is several events, and a checkout hundreds.

/** Milliseconds without an event after which a burst is over. */
export const QUIET_MS = 50;

/** A burst that never ends is looked at after so many milliseconds all the same. */
export const MAX_BURST_MS = 1_000;

/** Calls back after so many milliseconds, unless the function it returns is called before. */
export type Timer = (callback: () => void, milliseconds: number) => () => void;

export interface DebounceOptions {
  /** Default: `setTimeout`. */
  timer?: Timer;
}

/** Calls back once for each burst of events, when it is over. */
export class Debouncer {
  readonly #onSettled: () => void;
  readonly #timer: Timer;
  #stopQuiet: (() => void) | undefined;
  #stopBurst: (() => void) | undefined;

  constructor(onSettled: () => void, { timer = realTimer }: DebounceOptions = {}) {
    this.#onSettled = onSettled;
    this.#timer = timer;
  }

  /** One event. */
  trigger(): void {
    this.#stopQuiet?.();
    this.#stopQuiet = this.#timer(() => this.#fire(), QUIET_MS);
    this.#stopBurst ??= this.#timer(() => this.#fire(), MAX_BURST_MS);
  }

  /** Forgets the burst that is going on. */
  close(): void {
    this.#stopQuiet?.();
    this.#stopBurst?.();
    this.#stopQuiet = undefined;
    this.#stopBurst = undefined;
  }

  #fire(): void {
    this.close();
    this.#onSettled();
  }
}

const realTimer: Timer = (callback, milliseconds) => {
  const timeout = setTimeout(callback, milliseconds);
  return () => clearTimeout(timeout);
};
