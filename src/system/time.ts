// The clocks and timers of the cache, taken when it is loaded: the fake timers of a test runner replace the globals and
// the properties of Node's own modules, and time that stands still must not hold up a write.
import { performance as monotonic } from 'node:perf_hooks';
import * as timers from 'node:timers';

/** The time in whole milliseconds since the epoch. */
export const wallClock = { now: isNative(Date.now) ? Date.now : anotherDate().now };

/** A clock that nothing sets: `performance.now()`, in milliseconds. */
export const performance = { now: monotonic.now.bind(monotonic) };

// Bindings of a module are those that it was made with; its properties may be fake already.
export const {
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  setImmediate,
}: Omit<typeof timers, 'default'> = timers;

/** Runs the task before anything else that waits, as `queueMicrotask` does. */
export function queueMicrotask(task: () => void): void {
  void Promise.resolve().then(task);
}

/** Resolves after so many milliseconds, during which the process goes on. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}

function isNative(code: () => unknown): boolean {
  return Function.prototype.toString.call(code).includes('[native code]');
}

// The cache was loaded when time was fake already: another realm has a `Date` of its own.
function anotherDate(): DateConstructor {
  return process.getBuiltinModule('node:vm').runInNewContext('Date') as DateConstructor;
}
