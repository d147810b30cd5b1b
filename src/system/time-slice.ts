// Time slices for long loops, so that the event loop keeps running.
import { performance, setImmediate } from './time.ts';

const SLICE_MS = 20;

/** Items per step: few enough to finish within a slice. */
export const STEP = 1000;

export class TimeSlice {
  #since = performance.now();

  /** Resolves at once, or after one turn of the event loop when the slice is over. */
  async yieldIfOver(): Promise<void> {
    if (performance.now() - this.#since < SLICE_MS) return;
    await new Promise(resolve => setImmediate(resolve));
    this.#since = performance.now();
  }
}

/** Splits `items` into chunks of at most `size`. */
export function* chunksOf<T>(items: readonly T[], size = STEP): Generator<T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}
