// A clock that tests control.
import { parseDuration } from '../../src/cache/units.ts';

/** Stands still until a test advances it. It begins in 2033, so that it cannot be confused with the real time. */
export class TestClock {
  time = 2_000_000_000_000;
  /** The value for the option `clock`. */
  readonly now = (): number => this.time;

  advance(duration: number | string): void {
    this.time += parseDuration(duration) ?? 0;
  }
}
