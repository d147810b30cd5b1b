// The main thread's event loop: how late it was while the worker threads were busy, and whether it is done.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';

const RESOLUTION_MS = 1;

// The loop is quiet when it was busy for less than this share of this time; after the last time it is so anyway.
const QUIET_SHARE = 0.1;
const QUIET_MS = 20;
const TIMEOUT_MS = 5000;

/** Milliseconds by which a timer of the main thread came late. */
export interface LoopDelay {
  p99: number;
  max: number;
}

/** Watches the event loop of this thread while `task` runs. */
export async function withLoopDelay<T>(task: () => Promise<T>): Promise<{ result: T; delay: LoopDelay }> {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const result = await task();
  histogram.disable();
  // It counts the time between two ticks of a timer, of which the timer's own interval is no delay.
  const delay = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  return { result, delay: { p99: delay(histogram.percentile(99)), max: delay(histogram.max) } };
}

/** Waits until this thread has done what a run left behind, so that the next peer's run does not pay for it. */
export async function quietLoop(): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  let share = 1;
  while (share >= QUIET_SHARE && performance.now() < deadline) {
    const before = performance.eventLoopUtilization();
    await setTimeout(QUIET_MS);
    share = performance.eventLoopUtilization(before).utilization;
  }
}
