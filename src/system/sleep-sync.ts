// Blocking sleep, for code that cannot await.
const NEVER_NOTIFIED = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** Blocks this thread. Fractions of a millisecond are allowed. */
export function sleepSync(milliseconds: number): void {
  Atomics.wait(NEVER_NOTIFIED, 0, 0, milliseconds);
}
