// Distribution: a build's targets in the queue. Follows the job of each, whoever asked for it first, and claims jobs that
// no agent has begun for this machine.
//
//   offered ──► waiting ──► active ──► settled
//                 │ ▲         │ (its agent is gone)
//         claimed ▼ └─────────┘
//               compiled here, as an active job like any other
//
// Events tell what happens; jobs that are quiet for a while are looked up, since events can be lost with a connection.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { JobsOptions } from 'bullmq';
import { shownQueue } from '../../config/agents-config.ts';
import {
  asMessage,
  asResult,
  type JobData,
  type JobFailure,
  type JobMessage,
  type JobRefusal,
  type JobResult,
} from './job.ts';
import { JobReporter } from './job-reporter.ts';
import {
  CONTROL,
  closeAll,
  connectionTo,
  type Job,
  KEPT,
  LOCK_MS,
  loadBullmq,
  MAX_STALLED,
  type Queue,
  QueueError,
  type QueueEvents,
  type QueueEventsProducer,
  STALLED_CHECK_MS,
  type Worker,
  whenReady,
} from './queue.ts';
import { formatWorkerName, workerOfClient } from './worker-name.ts';

/** A target that an agent may build. */
export interface Offer {
  /** The digest that identifies the work. */
  lease: string;
  data: JobData;
  onEvent: (event: OfferEvent) => void;
}

export type OfferEvent =
  /** In the queue; `why` if an agent had begun it. */
  | { type: 'queued'; why?: string | undefined }
  | { type: 'preparing'; by: string; text: string }
  | { type: 'compiling'; by: string; jobs: number; roots: JobMessage['roots'] }
  | { type: 'output'; line: string }
  /** One sentence for the user. */
  | { type: 'warning'; message: string };

export type OfferOutcome =
  | { end: 'built'; result: JobResult }
  | { end: 'failed'; by: string; failure: JobFailure; roots: JobMessage['roots'] }
  /** It is to be compiled here. With the claim, if the job is this machine's now. */
  | { end: 'here'; claim?: Claim | undefined };

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

export interface DistributionOptions {
  /** The queue's address. */
  queue: string;
  /** The name of the queue of the targets' toolchain. */
  name: string;
  /** This machine and user, for people. */
  label: string;
  jobs: number;
  ability: string;
  /** Called whenever {@link Distribution.claim} may succeed where it did not before. */
  onChange: () => void;
  onWarning: (message: string) => void;
}

/** Milliseconds between look-ups of quiet jobs. */
const LOOK_MS = 1_000;
/** A job without an event for this long is looked up. */
const QUIET_MS = 4_000;
/** Jobs looked up at once. */
const LOOKED_UP = 50;
/** Without an answer of the queue for this long, everything is compiled here. */
const GIVE_UP_MS = 25_000;
/** How many agents may refuse a target because of their own trouble. */
const MAX_REFUSALS = 2;
/** How long cancelling may wait for the queue. */
const CANCEL_LIMIT_MS = 800;
/** A timer that does not keep the process alive. */
const UNREF = { ref: false };

interface Entry {
  offer: Offer;
  /** Of the job; changes if it has to be added again. */
  id: string;
  state: 'adding' | 'waiting' | 'active' | 'claimed' | 'settled';
  outcome: PromiseWithResolvers<OfferOutcome>;
  /** By `performance.now()`. */
  heardAt: number;
  /** The attempt that is followed, and the number of its next line. */
  run: string | undefined;
  nextLine: number;
  /** The last phase that was passed on. */
  told: string;
  roots: JobMessage['roots'];
  last: JobMessage | undefined;
  refusals: number;
}

/** One build's share of a queue. */
export class Distribution {
  readonly #options: DistributionOptions;
  readonly #queue: Queue<JobData, JobResult>;
  readonly #events: QueueEvents;
  readonly #worker: Worker<JobData, JobResult>;
  readonly #control: QueueEventsProducer;
  readonly #entries = new Map<string, Entry>();
  /** Every unsettled entry, in the order of the offers. */
  readonly #open = new Set<Entry>();
  /** Tokens of claimed jobs, by id. */
  readonly #locks = new Map<string, string>();
  readonly #timers: NodeJS.Timeout[] = [];
  #heardAt = performance.now();
  #isLooking = false;
  #isClosed = false;
  #isGivenUp = false;

  private constructor(
    options: DistributionOptions,
    queue: Queue<JobData, JobResult>,
    events: QueueEvents,
    worker: Worker<JobData, JobResult>,
    control: QueueEventsProducer,
  ) {
    this.#options = options;
    this.#queue = queue;
    this.#events = events;
    this.#worker = worker;
    this.#control = control;
    const ignore = () => {};
    queue.on('error', ignore);
    events.on('error', ignore);
    worker.on('error', ignore);
    control.on('error', ignore);
    events.on('active', ({ jobId }) => this.#onActive(jobId));
    events.on('waiting', ({ jobId, prev }) => this.#onWaiting(jobId, prev));
    events.on('stalled', ({ jobId }) => this.#onWaiting(jobId, 'active'));
    events.on('progress', ({ jobId, data }) => this.#onProgress(jobId, data));
    events.on('completed', ({ jobId, returnvalue }) => this.#onCompleted(jobId, returnvalue));
    events.on('failed', ({ jobId, failedReason }) => void this.#onFailed(jobId, failedReason));
    events.on('removed', ({ jobId }) => this.#onGone(jobId));
    // Dead agents are noticed even if no other agent is left.
    void worker.startStalledCheckTimer();
    this.#timers.push(
      setInterval(() => void this.#lookUp(), LOOK_MS),
      setInterval(() => void this.#extendLocks(), LOCK_MS / 2),
    );
  }

  /**
   * Opens the queue. Rejects with a `GloveboxError`, one sentence, within two seconds: a package is missing, the queue
   * cannot be used, or no agent there can build these targets.
   */
  static async open(options: DistributionOptions): Promise<Distribution> {
    const { queue: address, name, label, jobs, ability } = options;
    const bullmq = loadBullmq();
    const connection = connectionTo(address);
    const queue = new bullmq.Queue<JobData, JobResult>(name, connection);
    await whenReady(address, [queue]);
    const agents = (await queue.getWorkers()).filter(client => workerOfClient(client)?.role === 'agent');
    if (agents.length === 0) {
      await closeAll([queue]);
      throw new QueueError(`No agent on the queue ${shownQueue(address)} can build this (${ability}).`);
    }
    const events = new bullmq.QueueEvents(name, connection);
    const control = new bullmq.QueueEventsProducer(CONTROL, connection);
    const worker = new bullmq.Worker<JobData, JobResult>(name, null, {
      ...connection,
      ...KEPT,
      name: formatWorkerName({ role: 'build', label, pid: process.pid, jobs, ability }),
      autorun: false,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: MAX_STALLED,
    });
    await whenReady(address, [events, control, worker]);
    return new Distribution(options, queue, events, worker, control);
  }

  /** Puts a target into the queue, and resolves when its job has ended or is to be done here. Never rejects. */
  offer(offer: Offer): Promise<OfferOutcome> {
    const entry: Entry = {
      ...{ offer, id: '', state: 'adding', outcome: Promise.withResolvers(), heardAt: performance.now() },
      ...{ run: undefined, nextLine: 0, told: '', roots: undefined, last: undefined, refusals: 0 },
    };
    this.#open.add(entry);
    if (this.#isGivenUp || this.#isClosed) this.#settle(entry, { end: 'here' });
    else void this.#add(entry);
    return entry.outcome.promise;
  }

  /**
   * Claims one of the offered targets that no agent has begun, the last first: agents take the first. Its offer resolves
   * with the claim then. Resolves to whether there was one.
   */
  async claim(): Promise<boolean> {
    const entry = [...this.#open].findLast(({ state }) => state === 'waiting');
    if (entry === undefined || this.#isClosed) return false;
    const token = randomUUID();
    let job: Job<JobData, JobResult> | undefined;
    try {
      const wanted = await this.#queue.getJob(entry.id);
      if (wanted === undefined) this.#onGone(entry.id);
      // To the head of the queue, where the next line takes it, unless an agent was faster.
      await wanted?.changePriority({ lifo: true });
      job = await this.#worker.getNextJob(token, { block: false });
    } catch {
      // The queue is out of reach. The look-ups notice it.
      return false;
    }
    if (job === undefined) {
      entry.heardAt = Number.NEGATIVE_INFINITY;
      return false;
    }
    const taken = this.#entries.get(job.id!);
    if (taken === undefined || taken.state === 'settled' || taken.state === 'claimed') {
      // It belongs to another build, whose targets are not compiled here.
      await job.moveToWait(token).catch(() => {});
      return false;
    }
    this.#locks.set(job.id!, token);
    taken.state = 'claimed';
    this.#open.delete(taken);
    taken.outcome.resolve({ end: 'here', claim: this.#claimOf(taken, job, token) });
    return true;
  }

  /** Ends the job of a target, unless another build wants it, too. For a stopped build. */
  async cancel(lease: string): Promise<void> {
    const entries = [...this.#open].filter(({ offer }) => offer.lease === lease);
    for (const entry of entries) this.#settle(entry, { end: 'here' });
    await Promise.race([
      Promise.all(entries.map(entry => this.#withdraw(entry))),
      delay(CANCEL_LIMIT_MS, undefined, UNREF),
    ]);
  }

  /** Ends the jobs of all targets, as {@link cancel} does. */
  async cancelAll(): Promise<void> {
    const entries = [...this.#open];
    for (const entry of entries) this.#settle(entry, { end: 'here' });
    await Promise.race([
      Promise.all(entries.map(entry => this.#withdraw(entry))),
      delay(CANCEL_LIMIT_MS, undefined, UNREF),
    ]);
  }

  /** Everything that is still open is to be compiled here. */
  giveUp(): void {
    this.#isGivenUp = true;
    const entries = [...this.#open];
    for (const entry of entries) this.#settle(entry, { end: 'here' });
    for (const entry of entries) void this.#withdraw(entry);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearInterval(timer);
    await closeAll([this.#events, this.#worker, this.#queue, this.#control]);
  }

  async #add(entry: Entry): Promise<void> {
    const { lease, data } = entry.offer;
    const jobId = randomUUID();
    entry.state = 'adding';
    entry.heardAt = performance.now();
    // Known before it is added: its first events may arrive before the answer.
    this.#rename(entry, jobId);
    const options: JobsOptions = { jobId, deduplication: { id: lease }, ...KEPT };
    try {
      const job = await this.#queue.add(data.target, data, options);
      this.#heard();
      if (entry.state !== 'adding') return;
      this.#enterWaiting(entry);
      // Another build has asked before: its job is followed.
      if (job.id !== jobId) {
        this.#rename(entry, job.id!);
        await this.#join(entry);
      }
    } catch {
      // The queue was lost, perhaps after the job was added. The look-ups find out.
      if (entry.state === 'adding') entry.heardAt = Number.NEGATIVE_INFINITY;
    }
  }

  #rename(entry: Entry, id: string): void {
    if (this.#entries.get(entry.id) === entry) this.#entries.delete(entry.id);
    entry.id = id;
    this.#entries.set(id, entry);
  }

  /** Catches up with a job that began earlier. */
  async #join(entry: Entry): Promise<void> {
    const [job, { logs }] = await Promise.all([
      this.#queue.getJob(entry.id),
      this.#queue.getJobLogs(entry.id),
    ]);
    if (job === undefined) return this.#onGone(entry.id);
    const message = asMessage(job.progress);
    if (message && entry.run === undefined) {
      this.#follow(entry, { ...message, lines: [] });
      const lines = logs.flatMap(row => row.split('\n'));
      if (lines.length > entry.nextLine) this.#pass(entry, entry.nextLine, lines.slice(entry.nextLine));
    }
    await this.#apply(entry, job);
  }

  /** Applies a job's stored state. */
  async #apply(entry: Entry, job: Job<JobData, JobResult>): Promise<void> {
    const state = await job.getState();
    this.#heard();
    entry.heardAt = performance.now();
    if (entry.state === 'settled' || entry.state === 'claimed') return;
    if (state === 'completed') this.#onCompleted(entry.id, job.returnvalue);
    else if (state === 'failed') await this.#onFailed(entry.id, job.failedReason, job.progress);
    else if (state === 'active') this.#onActive(entry.id);
    else if (state === 'unknown') this.#onGone(entry.id);
    else if (entry.state !== 'waiting') this.#enterWaiting(entry);
  }

  #enterWaiting(entry: Entry, why?: string): void {
    entry.state = 'waiting';
    entry.told = 'queued';
    entry.offer.onEvent({ type: 'queued', why });
    this.#options.onChange();
  }

  #find(id: string): Entry | undefined {
    this.#heard();
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.state === 'settled' || entry.state === 'claimed') return undefined;
    entry.heardAt = performance.now();
    return entry;
  }

  #onActive(id: string): void {
    const entry = this.#find(id);
    if (entry) entry.state = 'active';
  }

  #onWaiting(id: string, before: string | undefined): void {
    const entry = this.#find(id);
    if (entry === undefined || before !== 'active' || entry.state !== 'active') return;
    const by = entry.last?.by;
    this.#enterWaiting(entry, by === undefined ? undefined : `${by} did not finish it`);
  }

  #onProgress(id: string, data: unknown): void {
    const entry = this.#find(id);
    const message = entry && asMessage(data);
    if (entry === undefined || message === undefined) return;
    entry.state = 'active';
    this.#follow(entry, message);
    if (message.isQuestion) void this.#control.publishEvent({ eventName: 'wanted', job: id }).catch(() => {});
  }

  #follow(entry: Entry, message: JobMessage): void {
    const { onEvent } = entry.offer;
    const { by, run, phase, text = '', jobs = 1, roots, from = 0, lines = [] } = message;
    if (entry.run !== run) {
      entry.run = run;
      entry.nextLine = 0;
    }
    entry.last = message;
    entry.roots = roots ?? entry.roots;
    const told = `${run} ${phase} ${phase === 'preparing' ? text : ''}`;
    if (told !== entry.told) {
      entry.told = told;
      if (phase === 'preparing') onEvent({ type: 'preparing', by, text });
      else if (phase === 'compiling') onEvent({ type: 'compiling', by, jobs, roots });
    }
    if (lines.length > 0) this.#pass(entry, from, lines);
  }

  /** Passes lines on, each once. */
  #pass(entry: Entry, from: number, lines: readonly string[]): void {
    for (const line of lines.slice(Math.max(0, entry.nextLine - from)))
      entry.offer.onEvent({ type: 'output', line });
    entry.nextLine = Math.max(entry.nextLine, from + lines.length);
  }

  #onCompleted(id: string, returned: unknown): void {
    const entry = this.#find(id);
    if (entry === undefined) return;
    const result = asResult(returned);
    this.#settle(entry, result === undefined ? { end: 'here' } : { end: 'built', result });
  }

  async #onFailed(id: string, reason: string | undefined, progress?: unknown): Promise<void> {
    const entry = this.#find(id);
    if (entry === undefined) return;
    let last = asMessage(progress) ?? entry.last;
    if (last?.phase !== 'failed' && last?.phase !== 'refused' && last?.phase !== 'cancelled') {
      // Its last message was lost.
      const job = await this.#queue.getJob(id).catch(() => undefined);
      last = asMessage(job?.progress) ?? last;
      if (this.#find(id) !== entry) return;
    }
    if (last?.phase === 'failed' && last.failure !== undefined) {
      this.#settle(entry, { end: 'failed', by: last.by, failure: last.failure, roots: entry.roots });
    } else if (last?.phase === 'cancelled') {
      // By another build, before this one followed.
      void this.#add(entry);
    } else this.#onRefused(entry, last, reason);
  }

  #onRefused(entry: Entry, last: JobMessage | undefined, reason: string | undefined): void {
    const { kind = 'trouble', why = reason ?? 'it did not say why' } = last?.refusal ?? {};
    const { target } = entry.offer.data;
    const by = last?.by ?? 'An agent';
    entry.refusals++;
    const again = kind === 'trouble' && entry.refusals <= MAX_REFUSALS;
    const rest = again ? 'Another one may take it.' : 'It is compiled here.';
    if (kind === 'trust') {
      this.#options.onWarning(`The agent ${by} refuses this build: ${why}. Everything is compiled here.`);
      this.giveUp();
      return;
    }
    entry.offer.onEvent({
      type: 'warning',
      message: `The agent ${by} did not build ${target}: ${why}. ${rest}`,
    });
    if (again) void this.#add(entry);
    else this.#settle(entry, { end: 'here' });
  }

  /** The job was removed by another build, or lost by the queue. */
  #onGone(id: string): void {
    const entry = this.#find(id);
    if (entry !== undefined && !this.#isClosed) void this.#add(entry);
  }

  #settle(entry: Entry, outcome: OfferOutcome): void {
    if (entry.state === 'settled') return;
    entry.state = 'settled';
    this.#open.delete(entry);
    entry.outcome.resolve(outcome);
    this.#options.onChange();
  }

  /** Removes a job that waits, and asks the agent that has begun it to stop. */
  async #withdraw({ id }: Entry): Promise<void> {
    try {
      // Fails if it is active.
      await this.#queue.remove(id).then(removed => {
        if (removed === 0) throw new Error('active');
      });
    } catch {
      await this.#control.publishEvent({ eventName: 'cancel', job: id }).catch(() => {});
    }
  }

  #heard(): void {
    this.#heardAt = performance.now();
  }

  /** Looks quiet jobs up. */
  async #lookUp(): Promise<void> {
    if (this.#isLooking || this.#isClosed || this.#open.size === 0) return;
    if (performance.now() - this.#heardAt > GIVE_UP_MS && !this.#isGivenUp) {
      this.#options.onWarning(
        `The queue ${shownQueue(this.#options.queue)} does not answer any more, so the rest is compiled here.`,
      );
      this.giveUp();
      return;
    }
    this.#isLooking = true;
    try {
      const since = performance.now() - QUIET_MS;
      const quiet = [...this.#open].filter(({ heardAt }) => heardAt < since).slice(0, LOOKED_UP);
      // At least one, as a sign of life.
      const looked = quiet.length > 0 ? quiet : [...this.#open].slice(0, 1);
      for (const entry of looked) {
        const job = await Promise.race([
          this.#queue.getJob(entry.id),
          delay(GIVE_UP_MS, 'late' as const, UNREF),
        ]);
        if (job === 'late' || this.#isClosed) return;
        this.#heard();
        if (job !== undefined) await this.#apply(entry, job);
        else this.#onGone(entry.id);
      }
    } catch {
      // The connection was lost. The next look-up tries again.
    } finally {
      this.#isLooking = false;
    }
  }

  async #extendLocks(): Promise<void> {
    if (this.#locks.size === 0) return;
    const [ids, tokens] = [[...this.#locks.keys()], [...this.#locks.values()]];
    await this.#worker.extendJobLocks(ids, tokens, LOCK_MS).catch(() => {});
  }

  #claimOf(entry: Entry, job: Job<JobData, JobResult>, token: string): Claim {
    const { label } = this.#options;
    const reporter = new JobReporter(job, { by: label, run: randomUUID() });
    const end = async (finish: () => Promise<unknown>) => {
      await this.#inTime(reporter.flushed());
      // Fails if the lock was lost: another has the job then.
      await this.#inTime(finish().catch(() => {}));
      this.#locks.delete(job.id!);
      entry.state = 'settled';
    };
    const fail = (message: string) => {
      const { UnrecoverableError } = loadBullmq();
      return end(() => job.moveToFailed(new UnrecoverableError(message), token, false));
    };
    return {
      reporter,
      complete: fingerprint =>
        end(() => job.moveToCompleted({ fingerprint, by: label, source: 'compiled' }, token, false)),
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

  /** Does not wait for a queue that does not answer: what is built here is built. */
  async #inTime(work: Promise<unknown>): Promise<void> {
    await Promise.race([work, delay(2_000, undefined, UNREF)]);
  }
}
