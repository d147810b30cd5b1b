// Sleeping where nothing may be awaited.
const NEVER_NOTIFIED = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** Blocks this thread for so many milliseconds, which may be a fraction of one. */
export function sleepSync(milliseconds: number): void {
  // Nobody ever wakes it: the word says the same all the while.
  Atomics.wait(NEVER_NOTIFIED, 0, 0, milliseconds);
}
