// Workers of an agent: take jobs from the queues that it serves, in all as many at once as it compiles.
//
//   Worker (BullMQ), one for each queue ── job ──► signature ──► AgentJob ──► fingerprint
//   its main thread only waits: a lock that is not renewed in time is given away, so compilers run in pool threads
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { TrustedKey } from '../../cache/remote/signing.ts';
import type { AgentEventBody, JobEnd } from './agent-events.ts';
import { type JobContext, type JobOutcome, runJob } from './agent-job.ts';
import { decodeJob, type JobData, type JobRefusal, type JobResult } from './job.ts';
import { JobReporter } from './job-reporter.ts';
import { describeQueueError, type Job, LOCK_MS, type Queue, type Worker, workerOptions } from './queue.ts';
import { RunningJob } from './running-job.ts';
import type { ServedQueue } from './served-queue.ts';
import { workerOfClient } from './worker-name.ts';

/** The parts of an agent that its workers share. */
export interface AgentParts {
  bullmq: typeof import('bullmq');
  /** The queue's address. */
  address: string;
  /** The name for people. */
  name: string;
  /** Targets compiled at once. */
  jobs: number;
  trust: readonly TrustedKey[];
  context: JobContext;
  emit: (event: AgentEventBody) => void;
}

/** How long an agent in trouble takes no jobs. */
const REST_MS = 10_000;
/** How long the end of a job may wait for the queue: an agent must be able to end although that is lost. */
const ANSWER_LIMIT_MS = 20_000;
const CLOSE_MS = 3_000;

export class JobWorkers {
  readonly #parts: AgentParts;
  /** Told that a job of a queue was refused. */
  readonly #onRefused: (queue: string) => void;
  /** By queue. */
  readonly #workers = new Map<string, Worker>();
  readonly #running = new Map<string, RunningJob>();
  #resting: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(parts: AgentParts, onRefused: (queue: string) => void) {
    this.#parts = parts;
    this.#onRefused = onRefused;
  }

  /** Jobs that run. */
  get running(): number {
    return this.#running.size;
  }

  /** Begins to take the jobs of a queue. Resolves once it does. */
  async serve(served: ServedQueue): Promise<void> {
    const { bullmq, address, name, jobs, emit } = this.#parts;
    const ability = `${served.capability.kind} (${served.detail})`;
    const worker: Worker<JobData, JobResult> = new bullmq.Worker<JobData, JobResult>(
      served.name,
      // Its three parameters have BullMQ pass the signal.
      (job, token, signal) => this.#process(served, worker, job, token!, signal!),
      {
        ...workerOptions(address, { role: 'agent', label: name, pid: process.pid, jobs, ability }),
        concurrency: jobs,
        runRetryDelay: 1_000,
      },
    );
    worker.on('error', error => {
      // The loss of the connection is reported by itself, and that of a lock with its job.
      if (/could not renew lock|Missing lock|Lock mismatch|Missing key for job/.test(error.message)) return;
      if ((error as NodeJS.ErrnoException).code !== undefined || /Connection is closed/.test(error.message))
        return;
      emit({ type: 'warning', message: `The queue: ${describeQueueError(error)}.` });
    });
    worker.on('lockRenewalFailed', ids => {
      for (const id of ids) this.#running.get(id)?.stop('lost');
    });
    this.#workers.set(served.name, worker as Worker);
    await worker.waitUntilReady();
  }

  /** Takes no more jobs of a queue. */
  async leave(queue: string): Promise<void> {
    const worker = this.#workers.get(queue);
    this.#workers.delete(queue);
    await worker?.close().catch(() => {});
  }

  /** A build was stopped. */
  cancel(id: string): void {
    this.#running.get(id)?.cancel();
  }

  /** A build wants the job. */
  answered(id: string): void {
    this.#running.get(id)?.answered();
  }

  /** Takes no more jobs, and resolves when the current ones have ended. With `abort`, they go back to the queue at once. */
  async close(abort: AbortSignal): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#resting);
    const returnAll = () => {
      for (const job of this.#running.values()) job.stop('returned');
    };
    abort.addEventListener('abort', returnAll, { once: true });
    if (abort.aborted) returnAll();
    const closing = Promise.all([...this.#workers.values()].map(worker => worker.close().catch(() => {})));
    const late = aborted(abort).then(() => delay(CLOSE_MS));
    await Promise.race([closing, late, this.#idle()]);
  }

  /** Resolves when no job has run for a while: a worker whose connection was lost may never say that it is closed. */
  async #idle(): Promise<void> {
    for (let since = Date.now(); Date.now() - since < CLOSE_MS; await delay(100))
      if (this.#running.size > 0) since = Date.now();
  }

  /** Processes a job as BullMQ wants it: returns its result, or throws. */
  async #process(
    served: ServedQueue,
    worker: Worker,
    job: Job<JobData, JobResult>,
    token: string,
    signal: AbortSignal,
  ): Promise<JobResult> {
    const { bullmq, name, jobs, emit } = this.#parts;
    if (this.#running.size >= jobs || this.#resting !== undefined) {
      // Taken while another queue used the last place. Others may have room.
      await pause(worker);
      await job.moveToWait(token);
      throw new bullmq.WaitingError();
    }
    const id = job.id!;
    const { target = '', from = '' } = job.data;
    const began = performance.now();
    const running = new RunningJob(new JobReporter(job, { by: name, run: randomUUID() }));
    this.#running.set(id, running);
    if (this.#running.size >= jobs) await this.#pauseOthers(worker);
    signal.addEventListener('abort', () => running.stop('lost'), { once: true });
    emit({ type: 'job-taken', job: id, target, from });
    const ended = (end: JobEnd, message?: string) => {
      const duration = performance.now() - began;
      emit({ type: 'job-ended', job: id, target, from, end, duration, ...(message && { message }) });
    };
    try {
      const outcome = await this.#run(served, worker, job, token, running);
      if (running.why === 'returned') {
        await job.moveToWait(token);
        ended('returned');
        throw new bullmq.WaitingError();
      }
      if (running.why === 'lost' || outcome.end === 'lost') {
        ended('lost');
        throw new bullmq.UnrecoverableError('another agent has it');
      }
      return await this.#finish(served, outcome, running, ended);
    } finally {
      running.end();
      this.#running.delete(id);
      if (this.#resting === undefined) this.#resume();
    }
  }

  async #run(
    served: ServedQueue,
    worker: Worker,
    job: Job<JobData, JobResult>,
    token: string,
    running: RunningJob,
  ): Promise<JobOutcome> {
    const { reporter, signal } = running;
    const lease = job.deduplicationId ?? '';
    const decoded = decodeJob(job.data, lease, this.#parts.trust);
    if ('why' in decoded) return { end: 'refused', refusal: decoded };
    if (job.attemptsStarted > 1) await job.clearLogs().catch(() => {});
    return runJob(decoded.request, served, this.#parts.context, {
      signal,
      onState: state => reporter.enter(state),
      onLine: line => reporter.line(line),
      confirm: () => running.confirm(() => this.#hasBuilds(worker)),
      isOwn: async () => {
        if (signal.aborted) return false;
        const late = delay(ANSWER_LIMIT_MS, false, { ref: false });
        return Promise.race([isStillOwn(job, token), late]);
      },
    });
  }

  /** Whether any build is connected to a queue, so that it may wait for its jobs. */
  async #hasBuilds(worker: Worker): Promise<boolean> {
    const { bullmq } = this.#parts;
    // Has the worker's connection, so there is nothing to close.
    const queue: Queue = new bullmq.Queue(worker.name, {
      connection: await worker.getBackend().client,
    } as never);
    const clients = await queue.getWorkers();
    return clients.some(client => workerOfClient(client)?.role === 'build');
  }

  async #finish(
    served: ServedQueue,
    outcome: JobOutcome,
    { reporter, why }: RunningJob,
    ended: (end: JobEnd, message?: string) => void,
  ): Promise<JobResult> {
    const { UnrecoverableError } = this.#parts.bullmq;
    switch (outcome.end) {
      case 'failed':
        reporter.end('failed', { failure: outcome.failure });
        await sent(reporter);
        ended('failed', outcome.failure.message);
        throw new UnrecoverableError(outcome.failure.message);
      case 'refused':
        reporter.end('refused', { refusal: outcome.refusal });
        await sent(reporter);
        ended('refused', outcome.refusal.why);
        if (outcome.refusal.kind === 'trouble') this.#rest(outcome.refusal);
        this.#onRefused(served.name);
        throw new UnrecoverableError(outcome.refusal.why);
      case 'compiled':
      case 'cached':
        await sent(reporter);
        ended(outcome.end);
        return {
          fingerprint: outcome.fingerprint,
          by: this.#parts.name,
          source: outcome.end === 'compiled' ? 'compiled' : 'cache',
        };
      default:
        reporter.end('cancelled');
        await sent(reporter);
        ended(why === 'abandoned' ? 'abandoned' : 'cancelled');
        throw new UnrecoverableError('no build waits for it any more');
    }
  }

  /** Takes no jobs for a while. */
  #rest({ why }: JobRefusal): void {
    if (this.#resting !== undefined || this.#isStopping) return;
    this.#parts.emit({ type: 'agent-resting', why, seconds: REST_MS / 1000 });
    for (const worker of this.#workers.values()) void pause(worker);
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      this.#resume();
    }, REST_MS);
  }

  #resume(): void {
    if (this.#isStopping) return;
    for (const worker of this.#workers.values()) if (worker.isPaused()) void worker.resume();
  }

  async #pauseOthers(except: Worker): Promise<void> {
    const others = [...this.#workers.values()].filter(worker => worker !== except);
    await Promise.all(others.map(pause));
  }
}

/** Waits until a job's messages are sent. */
async function sent(reporter: JobReporter): Promise<void> {
  await Promise.race([reporter.flushed(), delay(ANSWER_LIMIT_MS, undefined, { ref: false })]);
}

/** Whether no other agent has the job; renews its lock. */
async function isStillOwn(job: Job, token: string): Promise<boolean> {
  try {
    await job.extendLock(token, LOCK_MS);
    return true;
  } catch {
    // The lock ran out, and no other agent has taken the job since.
    return (await job.getState().catch(() => 'unknown')) === 'waiting';
  }
}

async function pause(worker: Worker): Promise<void> {
  await worker.pause(true).catch(() => {});
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
}
