// Debouncer: waits for the end of a burst of events. Saving one file causes several events, and a checkout hundreds.

/** A burst is over after this long without an event. */
export const QUIET_MS = 50;

/** A burst that never ends counts as over after this long. */
export const MAX_BURST_MS = 1_000;

/** Calls back after a number of milliseconds, unless the returned function is called before. */
export type Timer = (callback: () => void, milliseconds: number) => () => void;

export interface DebounceOptions {
  /** Default: `setTimeout`. */
  timer?: Timer;
}

/** Calls back once for each burst of events, at its end. */
export class Debouncer {
  readonly #onSettled: () => void;
  readonly #timer: Timer;
  #stopQuiet: (() => void) | undefined;
  #stopBurst: (() => void) | undefined;

  constructor(onSettled: () => void, { timer = realTimer }: DebounceOptions = {}) {
    this.#onSettled = onSettled;
    this.#timer = timer;
  }

  /** Reports an event. */
  trigger(): void {
    this.#stopQuiet?.();
    this.#stopQuiet = this.#timer(() => this.#fire(), QUIET_MS);
    this.#stopBurst ??= this.#timer(() => this.#fire(), MAX_BURST_MS);
  }

  /** Discards the current burst. */
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
