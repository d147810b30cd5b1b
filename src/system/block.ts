// Sleeping where nothing may be awaited.
const IDLE = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** Blocks this thread for so many milliseconds, which may be a fraction of one. */
export function block(milliseconds: number): void {
  // Nobody ever wakes it: the word says the same all the while.
  Atomics.wait(IDLE, 0, 0, milliseconds);
}
