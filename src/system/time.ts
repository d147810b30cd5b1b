// Clocks and timers of the cache, captured when it is loaded. A test runner's fake timers replace the globals and
// the properties of Node's modules, and time that stands still must not hold up a write.
import { performance as monotonic } from 'node:perf_hooks';
import * as timers from 'node:timers';

/** Whole milliseconds since the epoch. */
export const wallClock = { now: isNative(Date.now) ? Date.now : anotherDate().now };

/** Monotonic clock in milliseconds, unaffected when the system time is set; and when it was 0, since the epoch. */
export const performance = { now: monotonic.now.bind(monotonic), timeOrigin: monotonic.timeOrigin };

// Imported bindings stay as they were at load; the module's properties may be fake already.
export const {
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  setImmediate,
}: Omit<typeof timers, 'default'> = timers;

const resolved = Promise.resolve();

/** Runs the task before any other pending task, as the global `queueMicrotask` does. */
export function queueMicrotask(task: () => void): void {
  void resolved.then(task);
}

/** Resolves after so many milliseconds without blocking the thread. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}

function isNative(code: () => unknown): boolean {
  return Function.prototype.toString.call(code).includes('[native code]');
}

// Time was already fake when the cache was loaded. Another realm has its own, real `Date`.
function anotherDate(): DateConstructor {
  return process.getBuiltinModule('node:vm').runInNewContext('Date') as DateConstructor;
}
