// Watch over the jobs of a build: looks quiet ones up, since events can be lost with a connection, and notices when the
// queue does not answer any more.
import type { FollowedJob } from './followed-job.ts';
import type { JobData, JobResult } from './job.ts';
import type { Job, Queue } from './queue.ts';

/** Milliseconds between look-ups. */
const LOOK_MS = 1_000;
/** A job without an event for this long is looked up. */
const QUIET_MS = 4_000;
/** Jobs looked up at once. */
const LOOKED_UP = 50;
/** Without an answer for this long, the queue counts as lost. */
const GIVE_UP_MS = 25_000;

export interface QueueWatchOptions {
  queue: Queue<JobData, JobResult>;
  /** The jobs that have not ended. */
  open: ReadonlySet<FollowedJob>;
  /** The stored state of a job. */
  onFound: (followed: FollowedJob, job: Job<JobData, JobResult>) => Promise<void>;
  onGone: (followed: FollowedJob) => void;
  /** The queue does not answer. */
  onSilent: () => void;
}

export class QueueWatch {
  readonly #options: QueueWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #heardAt = performance.now();
  #isLooking = false;
  #isClosed = false;

  constructor(options: QueueWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** The queue answered, or told something. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { queue, open, onFound, onGone, onSilent } = this.#options;
    if (open.size === 0) return;
    const now = performance.now();
    // Also while a look-up waits, which may be for ever.
    if (now - this.#heardAt > GIVE_UP_MS) return onSilent();
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const quiet = [...open].filter(one => one.isQuietSince(now - QUIET_MS)).slice(0, LOOKED_UP);
      // At least one, as a sign of life.
      const looked = quiet.length > 0 ? quiet : [...open].slice(0, 1);
      for (const followed of looked) {
        const job = await queue.getJob(followed.id);
        if (this.#isClosed) return;
        this.heard();
        if (job !== undefined) await onFound(followed, job);
        else onGone(followed);
      }
    } catch {
      // The connection was lost. The next look-up tries again.
    } finally {
      this.#isLooking = false;
    }
  }
}
