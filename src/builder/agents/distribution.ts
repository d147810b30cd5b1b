// Distribution: a build's targets in the queue. Follows the job of each, whichever build requested it first, and claims jobs that
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
import { type BuildQueue, type BuildQueueOptions, openBuildQueue } from './build-queue.ts';
import { FollowedJob, type Offer, type OfferOutcome } from './followed-job.ts';
import { asMessage, asNotice, asResult, type JobData, type JobMessage, type JobResult } from './job.ts';
import { JobClaims } from './job-claims.ts';
import { DECLINED, type Job, KEPT, OFFERED, PREPARING } from './queue.ts';
import { QueueWatch } from './queue-watch.ts';

export interface DistributionOptions extends BuildQueueOptions {
  /** Called whenever {@link Distribution.claim} may succeed where it did not before. */
  onChange: () => void;
  onWarning: (message: string) => void;
}

/** Milliseconds between offers to agents, which may have come since. */
const OFFER_MS = 5_000;
/** How many agents may refuse a target because of their own trouble. */
const MAX_REFUSALS = 2;
/** How long cancelling may wait for the queue. */
const CANCEL_LIMIT_MS = 800;
/** A timer that does not keep the process alive. */
const UNREF = { ref: false };

/** One build's share of a queue. */
export class Distribution {
  readonly #options: DistributionOptions;
  readonly #queue: BuildQueue;
  readonly #claims: JobClaims;
  readonly #jobs = new Map<string, FollowedJob>();
  /** Every unsettled job, in the order of the offers. */
  readonly #open = new Set<FollowedJob>();
  readonly #watch: QueueWatch;
  readonly #offering: NodeJS.Timeout;
  /** Warnings about agents that decline, each given once. */
  readonly #warned = new Set<string>();
  #hasOffered = false;
  #isClosed = false;
  #isGivenUp = false;

  private constructor(options: DistributionOptions, queue: BuildQueue) {
    this.#options = options;
    this.#queue = queue;
    this.#claims = new JobClaims(queue, options.label);
    const { events } = queue;
    events.on('active', ({ jobId }) => this.#onActive(jobId));
    events.on('waiting', ({ jobId, prev }) => this.#onWaiting(jobId, prev));
    events.on('stalled', ({ jobId }) => this.#onWaiting(jobId, 'active'));
    events.on('progress', ({ jobId, data }) => this.#onProgress(jobId, data));
    events.on('completed', ({ jobId, returnvalue }) => this.#onCompleted(jobId, returnvalue));
    events.on('failed', ({ jobId, failedReason }) => void this.#onFailed(jobId, failedReason));
    events.on('removed', ({ jobId }) => this.#onGone(jobId));
    events.on(PREPARING as never, ((notice: unknown) => this.#onPreparing(notice)) as never);
    events.on(DECLINED as never, ((notice: unknown) => this.#onDeclined(notice)) as never);
    this.#watch = new QueueWatch({
      ...{ queue: queue.queue, open: this.#open },
      onFound: (followed, job) => this.#apply(followed, job),
      onGone: ({ id }) => this.#onGone(id),
      onSilent: () => this.#onSilent(),
    });
    this.#offering = setInterval(() => this.#tellAgents(), OFFER_MS);
  }

  /** Opens the queue. Rejects as {@link openBuildQueue} does. */
  static async open(options: DistributionOptions): Promise<Distribution> {
    return new Distribution(options, await openBuildQueue(options));
  }

  /** Puts a target into the queue, and resolves when its job has ended or is to be done here. Never rejects. */
  offer(offer: Offer): Promise<OfferOutcome> {
    const followed = new FollowedJob(offer);
    this.#open.add(followed);
    if (this.#isGivenUp || this.#isClosed) this.#settle(followed, { end: 'here' });
    else void this.#add(followed);
    return followed.outcome.promise;
  }

  /**
   * Claims one of the offered targets that no agent has begun, the last first: agents take the first. Its offer resolves
   * with the claim then. Resolves to whether there was one.
   */
  async claim(): Promise<boolean> {
    const last = [...this.#open].findLast(({ state }) => state === 'waiting');
    if (last === undefined || this.#isClosed) return false;
    const isOwn = (id: string) => this.#jobs.get(id)?.isOpen ?? false;
    const claimed = await this.#claims.claim(last.id, isOwn);
    // An agent was faster, it is gone, or the queue is out of reach: it is looked up.
    if (claimed === undefined) {
      last.doubt();
      return false;
    }
    const taken = this.#jobs.get(claimed.id)!;
    taken.state = 'claimed';
    this.#open.delete(taken);
    taken.outcome.resolve({ end: 'here', claim: claimed.claim });
    return true;
  }

  /** Ends the job of a target, unless another build wants it, too. For a stopped build. */
  async cancel(lease: string): Promise<void> {
    await this.#cancel([...this.#open].filter(({ offer }) => offer.lease === lease));
  }

  /** Ends the jobs of all targets, as {@link cancel} does. */
  async cancelAll(): Promise<void> {
    await this.#cancel([...this.#open]);
  }

  /** Everything that is still open is to be compiled here. */
  giveUp(): void {
    this.#isGivenUp = true;
    void this.#cancel([...this.#open]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#offering);
    this.#watch.close();
    this.#claims.close();
    await this.#queue.close();
  }

  async #add(followed: FollowedJob): Promise<void> {
    const { lease, data } = followed.offer;
    const jobId = randomUUID();
    followed.state = 'adding';
    followed.heard();
    // Known before it is added: its first events may arrive before the answer.
    this.#rename(followed, jobId);
    const options: JobsOptions = { jobId, deduplication: { id: lease }, ...KEPT };
    try {
      const job = await this.#queue.queue.add(data.target, data, options);
      this.#watch.heard();
      if (followed.state !== 'adding') return;
      this.#enterWaiting(followed);
      // Another build has asked before: its job is followed.
      if (job.id !== jobId) {
        this.#rename(followed, job.id!);
        await this.#join(followed);
      }
      if (!this.#hasOffered) this.#tellAgents();
    } catch {
      // The queue was lost, perhaps after the job was added. The look-ups find out.
      if (followed.state === 'adding') followed.doubt();
    }
  }

  #rename(followed: FollowedJob, id: string): void {
    if (this.#jobs.get(followed.id) === followed) this.#jobs.delete(followed.id);
    followed.id = id;
    this.#jobs.set(id, followed);
  }

  /** Catches up with a job that began earlier. */
  async #join(followed: FollowedJob): Promise<void> {
    const { queue } = this.#queue;
    const [job, { logs }] = await Promise.all([queue.getJob(followed.id), queue.getJobLogs(followed.id)]);
    if (job === undefined) return this.#onGone(followed.id);
    const message = asMessage(job.progress);
    if (message) {
      followed.catchUp(
        message,
        logs.flatMap(row => row.split('\n')),
      );
    }
    await this.#apply(followed, job);
  }

  /** Applies a job's stored state. */
  async #apply(followed: FollowedJob, found: Job<JobData, JobResult>): Promise<void> {
    const state = await found.getState();
    // If it has ended since it was read, its result was not there yet.
    const hasEnded = state === 'completed' || state === 'failed';
    const job = hasEnded ? ((await this.#queue.queue.getJob(found.id!)) ?? found) : found;
    this.#watch.heard();
    followed.heard();
    if (!followed.isOpen) return;
    if (state === 'completed') this.#onCompleted(followed.id, job.returnvalue);
    else if (state === 'failed') await this.#onFailed(followed.id, job.failedReason, job.progress);
    else if (state === 'active') this.#onActive(followed.id);
    else if (state === 'unknown') this.#onGone(followed.id);
    else if (followed.state !== 'waiting') this.#enterWaiting(followed);
  }

  #enterWaiting(followed: FollowedJob, why?: string): void {
    followed.enterWaiting(why);
    this.#options.onChange();
  }

  #find(id: string): FollowedJob | undefined {
    this.#watch.heard();
    const followed = this.#jobs.get(id);
    if (!followed?.isOpen) return undefined;
    followed.heard();
    return followed;
  }

  #onActive(id: string): void {
    const followed = this.#find(id);
    if (followed) followed.state = 'active';
  }

  #onWaiting(id: string, before: string | undefined): void {
    const followed = this.#find(id);
    if (followed === undefined || before !== 'active' || followed.state !== 'active') return;
    const by = followed.last?.by;
    this.#enterWaiting(followed, by === undefined ? undefined : `${by} did not finish it`);
  }

  #onProgress(id: string, data: unknown): void {
    const followed = this.#find(id);
    const message = followed && asMessage(data);
    if (followed === undefined || message === undefined) return;
    followed.state = 'active';
    followed.follow(message);
    if (message.isQuestion) void this.#publish('wanted', { job: id });
  }

  /** An agent makes itself able to build these targets, and told so for the job that it looked at. */
  #onPreparing(notice: unknown): void {
    const { job, by, text } = asNotice(notice);
    this.#find(job)?.preparing(by, text);
  }

  /** An agent with the right tools does not take these targets. */
  #onDeclined(notice: unknown): void {
    const { by, text } = asNotice(notice);
    const warning = `The agent ${by} takes none of these targets: ${text}.`;
    if (this.#open.size === 0 || this.#warned.has(warning)) return;
    this.#warned.add(warning);
    this.#options.onWarning(warning);
  }

  #onCompleted(id: string, returned: unknown): void {
    const followed = this.#find(id);
    if (followed === undefined) return;
    const result = asResult(returned);
    this.#settle(followed, result === undefined ? { end: 'here' } : { end: 'built', result });
  }

  async #onFailed(id: string, reason: string | undefined, progress?: unknown): Promise<void> {
    const followed = this.#find(id);
    if (followed === undefined) return;
    let last = asMessage(progress) ?? followed.last;
    if (last?.phase !== 'failed' && last?.phase !== 'refused' && last?.phase !== 'cancelled') {
      // Its last message was lost.
      const job = await this.#queue.queue.getJob(id).catch(() => undefined);
      last = asMessage(job?.progress) ?? last;
      if (this.#find(id) !== followed) return;
    }
    if (last?.phase === 'failed' && last.failure !== undefined) {
      this.#settle(followed, { end: 'failed', by: last.by, failure: last.failure, roots: followed.roots });
    } else if (last?.phase === 'cancelled') {
      // By another build, before this one followed, or because this one did not answer in time.
      void this.#add(followed);
    } else this.#onRefused(followed, last, reason);
  }

  #onRefused(followed: FollowedJob, last: JobMessage | undefined, reason: string | undefined): void {
    const { kind = 'trouble', why = reason ?? 'it did not say why' } = last?.refusal ?? {};
    const { target } = followed.offer.data;
    const by = last?.by ?? 'An agent';
    followed.refusals++;
    const again = kind === 'trouble' && followed.refusals <= MAX_REFUSALS;
    const rest = again ? 'Another one may take it.' : 'It is compiled here.';
    if (kind === 'trust') {
      this.#options.onWarning(`The agent ${by} refuses this build: ${why}. Everything is compiled here.`);
      this.giveUp();
      return;
    }
    followed.offer.onEvent({
      type: 'warning',
      message: `The agent ${by} did not build ${target}: ${why}. ${rest}`,
    });
    if (again) void this.#add(followed);
    else this.#settle(followed, { end: 'here' });
  }

  /** The job was removed by another build, or lost by the queue. */
  #onGone(id: string): void {
    const followed = this.#find(id);
    if (followed !== undefined && !this.#isClosed) void this.#add(followed);
  }

  #onSilent(): void {
    if (this.#isGivenUp) return;
    const shown = shownQueue(this.#options.queue);
    this.#options.onWarning(`The queue ${shown} does not answer any more, so the rest is compiled here.`);
    this.giveUp();
  }

  #settle(followed: FollowedJob, outcome: OfferOutcome): void {
    if (followed.state === 'settled') return;
    followed.state = 'settled';
    this.#open.delete(followed);
    followed.outcome.resolve(outcome);
    this.#options.onChange();
  }

  async #cancel(cancelled: readonly FollowedJob[]): Promise<void> {
    for (const followed of cancelled) this.#settle(followed, { end: 'here' });
    await Promise.race([
      Promise.all(cancelled.map(followed => this.#withdraw(followed))),
      delay(CANCEL_LIMIT_MS, undefined, UNREF),
    ]);
  }

  /** Removes a job that waits, and asks the agent that has begun it to stop. */
  async #withdraw({ id }: FollowedJob): Promise<void> {
    try {
      // Fails if it is active.
      const removed = await this.#queue.queue.remove(id);
      if (removed !== 0) return;
    } catch {
      // The agent is asked.
    }
    await this.#publish('cancel', { job: id });
  }

  /** Tells agents that could make the workspace which queue wants it, as long as a target waits. */
  #tellAgents(): void {
    const { tools, jobs } = this.#options.names;
    const first = [...this.#open].find(({ state }) => state === 'waiting');
    if (tools === jobs || first === undefined) return;
    this.#hasOffered = true;
    void this.#publish(OFFERED, { queue: jobs, job: first.id });
  }

  async #publish(eventName: string, data: Record<string, string>): Promise<void> {
    await this.#queue.control.publishEvent({ eventName, ...data }).catch(() => {});
  }
}
