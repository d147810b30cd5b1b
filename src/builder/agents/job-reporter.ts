// Reporter of a job: its phases and output, as progress messages in batches. A compiler that prints ten thousand lines a
// second must not flood the queue.

import type { JobMessage } from './job.ts';
import type { Job } from './queue.ts';

/** At most ten messages a second. */
const INTERVAL_MS = 100;
/** Characters in one message. */
const MAX_BATCH = 8 * 1024;
/** Characters that wait. More are left out: the queue is too slow, or out of reach. */
const MAX_WAITING = 256 * 1024;

/** Reports one attempt at a job. Never rejects and never makes its caller wait, also while the queue is out of reach. */
export class JobReporter {
  readonly #job: Pick<Job, 'updateProgress' | 'log'>;
  readonly #intro: Pick<JobMessage, 'by' | 'run'>;
  #state: Pick<JobMessage, 'phase' | 'text' | 'jobs' | 'roots'> = { phase: 'preparing' };
  #waiting: string[] = [];
  #size = 0;
  #leftOut = 0;
  #sent = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();
  #isSending = false;
  #at = Number.NEGATIVE_INFINITY;

  constructor(job: Pick<Job, 'updateProgress' | 'log'>, intro: Pick<JobMessage, 'by' | 'run'>) {
    this.#job = job;
    this.#intro = intro;
  }

  /** Enters a phase. */
  enter(state: Pick<JobMessage, 'phase' | 'text' | 'jobs' | 'roots'>): void {
    this.#flushAll();
    this.#state = state;
    void this.#send({});
  }

  /** Ends with a failure or a refusal. */
  end(phase: 'failed' | 'refused' | 'cancelled', result: Pick<JobMessage, 'failure' | 'refusal'> = {}): void {
    this.#flushAll();
    this.#state = { ...this.#state, phase, text: undefined };
    void this.#send(result);
  }

  /** Asks whether any build still wants the job. Resolves when that was sent. */
  ask(): Promise<void> {
    return this.#send({ isQuestion: true });
  }

  /** A line of the compiler's output. */
  line(text: string): void {
    if (this.#size > MAX_WAITING) {
      this.#leftOut++;
      return;
    }
    this.#waiting.push(text);
    this.#size += text.length + 1;
    const wait = this.#at + INTERVAL_MS - performance.now();
    // The lines of one chunk share a message.
    this.#timer ??= setTimeout(() => this.#flush(), Math.max(0, wait));
  }

  /** Resolves when everything was sent. */
  async flushed(): Promise<void> {
    this.#flushAll();
    await this.#sending;
  }

  #flushAll(): void {
    while (this.#waiting.length > 0) this.#flush(true);
  }

  #flush(isLast = false): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    // One message at a time: what comes meanwhile is one batch.
    if (this.#isSending && !isLast) {
      this.#timer = setTimeout(() => this.#flush(), INTERVAL_MS);
      return;
    }
    const lines: string[] = [];
    let size = 0;
    while (this.#waiting.length > 0 && size < MAX_BATCH) {
      const line = this.#waiting.shift()!.slice(0, MAX_BATCH);
      size += line.length + 1;
      lines.push(line);
    }
    this.#size = this.#waiting.reduce((sum, line) => sum + line.length + 1, 0);
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#flush(), INTERVAL_MS);
    else if (this.#leftOut > 0) {
      lines.push(`[${this.#leftOut} lines are left out]`);
      this.#leftOut = 0;
    }
    const from = this.#sent;
    this.#sent += lines.length;
    void this.#send({ from, lines });
  }

  #send(message: Partial<JobMessage>): Promise<void> {
    this.#at = performance.now();
    const whole: JobMessage = { ...this.#intro, ...this.#state, ...message };
    this.#isSending = true;
    const sending = this.#sending
      .then(async () => {
        if (whole.lines !== undefined) await this.#job.log(whole.lines.join('\n'));
        await this.#job.updateProgress(whole);
      })
      .catch(() => {})
      .then(() => {
        if (this.#sending === sending) this.#isSending = false;
      });
    this.#sending = sending;
    return sending;
  }
}
