// Work on any number of entries that lets the event loop go on in between.
import { performance, setImmediate } from './time.ts';

// Milliseconds to go on without a break.
const SLICE_MS = 20;

/** Items that one step of such work takes: few enough to be done within a slice. */
export const STEP = 1000;

export class TimeSlice {
  #since = performance.now();

  /** Resolves at once, or after a turn of the event loop when it is time for one. */
  async yieldIfOver(): Promise<void> {
    if (performance.now() - this.#since < SLICE_MS) return;
    await new Promise(resolve => setImmediate(resolve));
    this.#since = performance.now();
  }
}

/** `items` in parts of at most `size`. */
export function* chunksOf<T>(items: readonly T[], size = STEP): Generator<T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}
