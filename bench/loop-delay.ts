// Event loop delay of the main thread while the worker threads are busy.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';

const RESOLUTION_MS = 1;

// The loop is quiet when it was busy for less than this share of the interval. Waiting is bounded.
const QUIET_SHARE = 0.1;
const QUIET_MS = 20;
const TIMEOUT_MS = 5000;

/** Delay of the main thread's timers in milliseconds. */
export interface LoopDelay {
  p99: number;
  max: number;
}

/** Measures this thread's event loop delay while `task` runs. */
export async function withLoopDelay<T>(task: () => Promise<T>): Promise<{ result: T; delay: LoopDelay }> {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const result = await task();
  histogram.disable();
  // The monitor counts the time between two ticks, of which its own interval is not a delay.
  const delay = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  return { result, delay: { p99: delay(histogram.percentile(99)), max: delay(histogram.max) } };
}

/** Waits until this thread has finished a run's remaining work, so that the next peer does not pay for it. */
export async function quietLoop(): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  let share = 1;
  while (share >= QUIET_SHARE && performance.now() < deadline) {
    const before = performance.eventLoopUtilization();
    await setTimeout(QUIET_MS);
    share = performance.eventLoopUtilization(before).utilization;
  }
}
