// Long writes take several turns of the event loop: very many entries in one transaction, and clearing a large
// database.
//
// The thread holds the write lock all the while. A call that has to block it finishes the running write first:
// otherwise the thread would wait for its own lock.
import { TimeSlice } from '../../system/time-slice.ts';
import type { WriteResult } from '../operations.ts';

/** Outcome of a long write: its result, or why nothing was written. */
export type LongOutcome = { result: WriteResult } | { error: unknown };

export interface LongWrite {
  /**
   * Continues the write whenever the event loop turns. `done` is called once, when it is over, also through
   * {@link finish}.
   */
  start(done: (outcome: LongOutcome) => void): void;
  /** Does all remaining work, with this thread blocked. Waits for another thread for at most so many milliseconds. */
  finish(timeoutMs: number): void;
}

abstract class Running implements LongWrite {
  protected isOver = false;
  #done: ((outcome: LongOutcome) => void) | undefined;
  readonly #end: () => void;

  /** `end` releases the resources of the write. */
  constructor(end: () => void) {
    this.#end = end;
  }

  start(done: (outcome: LongOutcome) => void): void {
    this.#done = done;
    void this.run();
  }

  abstract finish(timeoutMs: number): void;
  protected abstract run(): Promise<void>;

  protected over(outcome: LongOutcome): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#end();
    this.#done?.(outcome);
  }
}

/** A long write that this thread does itself, in steps. */
export class SteppedWrite extends Running {
  readonly #steps: Iterator<void, WriteResult>;

  constructor(steps: Iterator<void, WriteResult>, end: () => void = () => undefined) {
    super(end);
    this.#steps = steps;
  }

  finish(): void {
    while (!this.isOver) this.#step();
  }

  protected async run(): Promise<void> {
    const slice = new TimeSlice();
    while (!this.isOver) {
      this.#step();
      await slice.yieldIfOver();
    }
  }

  #step(): void {
    try {
      const { done, value } = this.#steps.next();
      if (done) this.over({ result: value });
    } catch (error) {
      this.over({ error });
    }
  }
}

/** Another thread's answer. */
export interface BackgroundAnswer<T> {
  readonly answer: Promise<T>;
  /** The answer, with this thread blocked for at most so many milliseconds; undefined when it is not there by then. */
  wait(timeoutMs: number): T | undefined;
}

/** A long write that another thread does. */
export class BackgroundWrite<T> extends Running {
  readonly #background: BackgroundAnswer<T>;
  readonly #resultOf: (answer: T) => WriteResult;

  constructor(background: BackgroundAnswer<T>, resultOf: (answer: T) => WriteResult, end: () => void) {
    super(end);
    this.#background = background;
    this.#resultOf = resultOf;
  }

  finish(timeoutMs: number): void {
    this.#settle(() => this.#background.wait(timeoutMs));
  }

  protected async run(): Promise<void> {
    try {
      const answer = await this.#background.answer;
      this.#settle(() => answer);
    } catch (error) {
      this.over({ error });
    }
  }

  #settle(answer: () => T | undefined): void {
    if (this.isOver) return;
    try {
      const found = answer();
      if (found !== undefined) this.over({ result: this.#resultOf(found) });
    } catch (error) {
      this.over({ error });
    }
  }
}
