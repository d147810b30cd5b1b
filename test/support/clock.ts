// The time as a test wants it.
import { parseDuration } from '../../src/cache/units.ts';

/** Stands still until it is told to go on. Begins in 2033, so that nothing confuses it with the real time. */
export class TestClock {
  time = 2_000_000_000_000;
  /** To be passed as the option `clock`. */
  readonly now = (): number => this.time;

  advance(duration: number | string): void {
    this.time += parseDuration(duration) ?? 0;
  }
}
