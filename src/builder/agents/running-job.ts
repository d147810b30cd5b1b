// Running job of an agent: why it is stopped, and whether any build still wants it. A killed build cannot withdraw its jobs,
// so the agent asks with its messages, and the builds that follow the job answer.
import { setTimeout as delay } from 'node:timers/promises';
import type { JobReporter } from './job-reporter.ts';

/** Why a job was stopped. */
export type StopReason =
  /** The build that asked was stopped, and no other wants it. */
  | 'cancelled'
  /** No build answers any more. */
  | 'abandoned'
  /** The agent ends. */
  | 'returned'
  /** Another agent has it. */
  | 'lost';

/** A build that still wants a job answers within this time. */
const ANSWER_MS = 1_000;
/** Before a compile, builds may take longer to answer if there are any. */
const FIRST_ANSWER_MS = 4_000;
/** Interval of the questions during a compile, each of which must be answered before the next but one. */
const ASK_MS = 5_000;
const MISSED_ANSWERS = 2;

export class RunningJob {
  readonly reporter: JobReporter;
  why: StopReason | undefined;
  readonly #controller = new AbortController();
  readonly #ended = new AbortController();
  #cancelling: NodeJS.Timeout | undefined;
  #answer = Promise.withResolvers<void>();
  #isAnswered = false;

  constructor(reporter: JobReporter) {
    this.reporter = reporter;
    void this.#keepAsking().catch(() => {});
  }

  /** Aborts when the job is stopped. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(why: StopReason): void {
    this.why ??= why;
    this.#controller.abort();
  }

  /** A build was stopped. Others may want the same job, so they are asked. */
  cancel(): void {
    if (this.#cancelling !== undefined) return;
    void this.reporter.ask();
    this.#cancelling = setTimeout(() => this.stop('cancelled'), ANSWER_MS);
  }

  /** A build wants it. */
  answered(): void {
    clearTimeout(this.#cancelling);
    this.#cancelling = undefined;
    this.#isAnswered = true;
    this.#answer.resolve();
  }

  /**
   * Waits for the first answer, and stops the job if there is none.
   *
   * @param hasBuilds whether any build is connected to the queue
   */
  async confirm(hasBuilds: () => Promise<boolean>): Promise<void> {
    if (await this.#isAnsweredWithin(ANSWER_MS)) return;
    const mayAnswer = await hasBuilds().catch(() => true);
    if (mayAnswer && (await this.#isAnsweredWithin(FIRST_ANSWER_MS))) return;
    if (!this.#ended.signal.aborted) this.stop('abandoned');
  }

  /** It is over. */
  end(): void {
    clearTimeout(this.#cancelling);
    this.#ended.abort();
  }

  async #keepAsking(): Promise<void> {
    const { signal } = this.#ended;
    for (let missed = 0; missed < MISSED_ANSWERS; ) {
      this.#isAnswered = false;
      // Waits for the queue while that is out of reach: builds cannot answer either.
      await this.reporter.ask();
      await delay(ASK_MS, undefined, { signal, ref: false });
      missed = this.#isAnswered ? 0 : missed + 1;
    }
    this.stop('abandoned');
  }

  async #isAnsweredWithin(milliseconds: number): Promise<boolean> {
    const signal = AbortSignal.any([this.#ended.signal, this.signal]);
    const late = delay(milliseconds, false, { signal, ref: false }).catch(() => true);
    return Promise.race([this.#answer.promise.then(() => true), late]);
  }
}
