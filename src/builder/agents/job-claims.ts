// Claims of jobs: a machine that builds its own targets compiles them as jobs like any other, which other builds follow.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { BuildQueue } from './build-queue.ts';
import type { JobData, JobFailure, JobRefusal, JobResult } from './job.ts';
import { JobReporter } from './job-reporter.ts';
import { type Job, LOCK_MS, loadBullmq } from './queue.ts';

/** A job that this machine has claimed. One of the methods that end it must be called, once. */
export interface Claim {
  reporter: JobReporter;
  complete(fingerprint: string): Promise<void>;
  fail(failure: JobFailure): Promise<void>;
  /** Others do it themselves. */
  refuse(refusal: JobRefusal): Promise<void>;
  /** This build is stopped; others that want it add it again. */
  cancel(): Promise<void>;
}

/** Longest wait for the queue: a target that was compiled here is delivered without its answer. */
const LIMIT_MS = 2_000;

/** Holds the locks of claimed jobs. */
export class JobClaims {
  readonly #queue: Pick<BuildQueue, 'queue' | 'worker'>;
  readonly #label: string;
  /** By id. */
  readonly #tokens = new Map<string, string>();
  readonly #timer: NodeJS.Timeout;

  /** @param label the name of this machine, for people */
  constructor(queue: Pick<BuildQueue, 'queue' | 'worker'>, label: string) {
    this.#queue = queue;
    this.#label = label;
    this.#timer = setInterval(() => void this.#extend(), LOCK_MS / 2);
  }

  /**
   * Claims a waiting job. Resolves to the claim of this or another own job; undefined if an agent was faster, or the
   * queue is out of reach.
   */
  async claim(id: string, isOwn: (id: string) => boolean): Promise<{ id: string; claim: Claim } | undefined> {
    const { queue, worker } = this.#queue;
    const token = randomUUID();
    try {
      // To the head of the queue, where the next line takes it, unless an agent was faster.
      await (await queue.getJob(id))?.changePriority({ lifo: true });
      const job = await worker.getNextJob(token, { block: false });
      if (job === undefined) return undefined;
      if (isOwn(job.id!)) return { id: job.id!, claim: this.#claimOf(job, token) };
      // It belongs to another build, whose targets are not compiled here.
      await job.moveToWait(token);
    } catch {
      // The watch over the jobs notices it.
    }
    return undefined;
  }

  #claimOf(job: Job<JobData, JobResult>, token: string): Claim {
    const id = job.id!;
    this.#tokens.set(id, token);
    const by = this.#label;
    const reporter = new JobReporter(job, { by, run: randomUUID() });
    const end = async (finish: () => Promise<unknown>) => {
      await inTime(reporter.flushed());
      // Fails if the lock was lost: another has the job then.
      await inTime(finish().catch(() => {}));
      this.#tokens.delete(id);
    };
    const fail = (message: string) => {
      const { UnrecoverableError } = loadBullmq();
      return end(() => job.moveToFailed(new UnrecoverableError(message), token, false));
    };
    return {
      reporter,
      complete: fingerprint =>
        end(() => job.moveToCompleted({ fingerprint, by, source: 'compiled' }, token, false)),
      fail: failure => {
        reporter.end('failed', { failure });
        return fail(failure.message);
      },
      refuse: refusal => {
        reporter.end('refused', { refusal });
        return fail(refusal.why);
      },
      cancel: () => {
        reporter.end('cancelled');
        return fail('the build that asked for it was stopped');
      },
    };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #extend(): Promise<void> {
    if (this.#tokens.size === 0) return;
    const [ids, tokens] = [[...this.#tokens.keys()], [...this.#tokens.values()]];
    await this.#queue.worker.extendJobLocks(ids, tokens, LOCK_MS).catch(() => {});
  }
}

async function inTime(work: Promise<unknown>): Promise<void> {
  await Promise.race([work, delay(LIMIT_MS, undefined, { ref: false })]);
}
