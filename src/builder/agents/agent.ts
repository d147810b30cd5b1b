// Agent: takes targets from a queue, compiles them for others, and uploads the firmware.
//
//   Worker (BullMQ), one for each capability ── job ──► signature ──► AgentJob ──► fingerprint
//   its main thread only waits: a lock that is not renewed in time is given away, so compilers run in pool threads
import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { openRemoteTier } from '../../cache/remote/open.ts';
import { type RemoteOptions, resolveRemoteOptions } from '../../cache/remote/options.ts';
import type { TrustedKey } from '../../cache/remote/signing.ts';
import { shownQueue } from '../../config/agents-config.ts';
import { defaultCacheRoot } from '../../config/environment.ts';
import { remoteOptionsFor } from '../../config/remote-config.ts';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import { cacheOptionsFor, type UserConfig } from '../../config/user-config.ts';
import { createCompilationBuildCacheService } from '../incremental/index.ts';
import { COMPILATION_TAG } from '../incremental/tag.ts';
import { createFirmwareCacheService } from '../output/firmware.ts';
import { CompilePool } from '../workers/pool.ts';
import type { AgentEvent, AgentEventBody, JobEnd } from './agent-events.ts';
import { agentDirectory, type JobContext, type JobOutcome, runJob } from './agent-job.ts';
import { type Capability, findCapability } from './capability.ts';
import { decodeJob, type JobData, type JobMessage, type JobRefusal, type JobResult } from './job.ts';
import { cleanJobDirectories } from './job-directory.ts';
import { JobReporter } from './job-reporter.ts';
import {
  CONTROL,
  closeAll,
  connectionTo,
  describeQueueError,
  type Job,
  KEPT,
  LOCK_MS,
  loadBullmq,
  MAX_STALLED,
  type Queue,
  QueueError,
  type QueueEvents,
  STALLED_CHECK_MS,
  type Worker,
  whenReady,
} from './queue.ts';
import { formatWorkerName, ownLabel } from './worker-name.ts';

/** The default of `accept`: what runs in a container cannot touch the rest of the machine. */
export const DEFAULT_ACCEPT: readonly ToolchainKind[] = ['container'];

export interface AgentOptions {
  /** The queue's address. */
  queue: string;
  userConfig: UserConfig;
  /** The directory whose configuration names the command. Absolute. */
  configDirectory: string;
  /** The name for people. Default: the user and the host. */
  name?: string | undefined;
  /** Targets compiled at once. Default: the number of cores. */
  jobs?: number | undefined;
  /** Kinds of toolchain. Default: {@link DEFAULT_ACCEPT}. */
  accept?: readonly ToolchainKind[] | undefined;
  /** Default: set by configuration and environment, else the platform's cache directory. */
  cacheRoot?: string | undefined;
  /** Ends the agent after its current jobs. */
  stop: AbortSignal;
  /** Ends it at once: its jobs go back to the queue. */
  abort: AbortSignal;
  onEvent: (event: AgentEvent) => void;
}

/** How long an agent in trouble takes no jobs. */
const REST_MS = 10_000;
/** A build that still wants a job answers within this time. */
const ANSWER_MS = 1_000;
const RETRY_MS = 2_000;
const CLEAN_MS = 60_000;
const CLOSE_MS = 3_000;

/**
 * Runs an agent until `stop` or `abort`. Rejects with a `GloveboxError` if it cannot begin: a package is missing, the
 * queue refuses it, there is no remote cache to write to, or it can build nothing. A queue that cannot be reached is
 * waited for.
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const bullmq = loadBullmq();
  const remote = remoteOf(options.userConfig);
  const agent = new Agent(bullmq, options, remote);
  await agent.run();
}

function remoteOf(userConfig: UserConfig): RemoteOptions {
  const remote = remoteOptionsFor(userConfig);
  if (remote?.mode === 'read-write') return remote;
  throw new QueueError(
    remote === undefined
      ? 'An agent needs a remote cache, through which firmware reaches the builds. Set GLOVEBOX_REMOTE, or remote.url in the config file.'
      : 'An agent must write to the remote cache. Set GLOVEBOX_REMOTE_MODE=read-write, or remote.mode in the config file.',
  );
}

interface RunningJob {
  controller: AbortController;
  /** Why it was aborted. */
  why: 'cancelled' | 'returned' | 'lost' | undefined;
  reporter: JobReporter;
  /** Running while the agent waits for builds that still want the job. */
  question: NodeJS.Timeout | undefined;
}

class Agent {
  readonly #bullmq: typeof import('bullmq');
  readonly #options: AgentOptions;
  readonly #jobs: number;
  readonly #name: string;
  readonly #cacheRoot: string;
  readonly #trust: readonly TrustedKey[];
  readonly #context: JobContext;
  readonly #workers: Worker[] = [];
  readonly #running = new Map<string, RunningJob>();
  #resting: NodeJS.Timeout | undefined;
  #isStopping = false;
  #isLost = false;

  constructor(bullmq: typeof import('bullmq'), options: AgentOptions, remote: RemoteOptions) {
    const { userConfig, onEvent, jobs = availableParallelism(), name = ownLabel() } = options;
    this.#bullmq = bullmq;
    this.#options = options;
    this.#jobs = jobs;
    this.#name = name;
    this.#cacheRoot = path.resolve(
      options.cacheRoot ?? cacheOptionsFor(userConfig, COMPILATION_TAG).cacheRoot ?? defaultCacheRoot(),
    );
    this.#trust = resolveRemoteOptions(remote).trust;
    const cacheOptions = { cacheRoot: this.#cacheRoot };
    this.#context = {
      ...{ userConfig, cacheOptions, cacheRoot: this.#cacheRoot },
      builds: createCompilationBuildCacheService(userConfig, cacheOptions),
      firmware: createFirmwareCacheService(userConfig, cacheOptions),
      tier: openRemoteTier({
        ...remote,
        // An agent runs for days, and has nobody who waits at its terminal.
        budget: { budgetMs: 30_000, refillMs: 60_000 },
        onWarning: message => onEvent({ at: Date.now(), type: 'warning', message }),
      }),
      pool: new CompilePool(jobs),
      jobs: Math.max(1, Math.floor(availableParallelism() / jobs)),
      archives: new Map(),
    };
  }

  async run(): Promise<void> {
    const { stop, abort } = this.#options;
    const stopped = AbortSignal.any([stop, abort]);
    const cleaning = setInterval(() => void this.#clean(), CLEAN_MS);
    let control: QueueEvents | undefined;
    let probe: Queue | undefined;
    try {
      await this.#clean();
      const capabilities = await this.#capabilities(stopped);
      if (stopped.aborted) return;
      [probe, control] = await this.#connect(stopped);
      if (probe === undefined || stopped.aborted) return;
      for (const capability of capabilities) this.#workers.push(this.#work(capability));
      this.#watch(probe);
      const { queue } = this.#options;
      const accepts = capabilities.map(({ kind, queue: name, detail }) => ({ kind, queue: name, detail }));
      await Promise.race([
        Promise.all(this.#workers.map(worker => worker.waitUntilReady())),
        aborted(stopped),
      ]);
      this.#emit({
        ...{ type: 'agent-started', name: this.#name, pid: process.pid, jobs: this.#jobs },
        ...{ queue: shownQueue(queue), accepts },
      });
      await aborted(stopped);
      this.#isStopping = true;
      this.#emit({ type: 'agent-stopping', jobs: this.#running.size });
      const returnAll = () => {
        for (const job of this.#running.values()) this.#abort(job, 'returned');
      };
      abort.addEventListener('abort', returnAll, { once: true });
      if (abort.aborted) returnAll();
      await this.#closeWorkers(abort);
    } finally {
      clearInterval(cleaning);
      clearTimeout(this.#resting);
      await closeAll([control, probe].filter(one => one !== undefined));
      await this.#context.pool.close();
      await this.#context.tier.close();
    }
    this.#emit({ type: 'agent-stopped' });
  }

  async #capabilities(signal: AbortSignal): Promise<Capability[]> {
    const { userConfig, configDirectory, accept = DEFAULT_ACCEPT } = this.#options;
    const found: Capability[] = [];
    const lacking: string[] = [];
    for (const kind of new Set(accept)) {
      const capability = await findCapability(kind, {
        ...{ userConfig, configDirectory, signal, cacheRoot: this.#cacheRoot },
        cache: this.#context.builds.cache,
        onText: text => this.#emit({ type: 'agent-preparing', text }),
      });
      if (signal.aborted) return [];
      if (typeof capability !== 'string') found.push(capability);
      else {
        lacking.push(`  ${kind}: ${capability}`);
        this.#emit({ type: 'agent-unable', kind, why: capability });
      }
    }
    if (found.length > 0) return found;
    throw new QueueError(`This machine can build nothing that the agent may accept:\n${lacking.join('\n')}`);
  }

  /** Connects to the queue, and waits for it if it cannot be reached. */
  async #connect(stopped: AbortSignal): Promise<[Queue, QueueEvents] | []> {
    const { queue } = this.#options;
    while (!stopped.aborted) {
      const probe = new this.#bullmq.Queue(CONTROL, connectionTo(queue));
      const control = new this.#bullmq.QueueEvents(CONTROL, connectionTo(queue));
      try {
        await whenReady(queue, [probe, control]);
        control.on('cancel' as never, ((event: { job?: string }) => this.#onCancel(event.job)) as never);
        control.on('wanted' as never, ((event: { job?: string }) => this.#onWanted(event.job)) as never);
        this.#setLost(undefined);
        return [probe, control];
      } catch (error) {
        if (!(error instanceof QueueError) || /password|permission/.test(error.message)) throw error;
        this.#setLost(error.message.replace(/\.$/, ''));
        await Promise.race([aborted(stopped), new Promise(resolve => setTimeout(resolve, RETRY_MS))]);
      }
    }
    return [];
  }

  /** Reports when the queue is lost, and when it is back. */
  #watch(probe: Queue): void {
    probe.on('ioredis:close', () => {
      if (this.#isLost || this.#isStopping) return;
      this.#setLost('The queue has closed the connection');
      // Answered once the connection is back.
      probe.getJobCounts('waiting').then(
        () => this.#setLost(undefined),
        () => {},
      );
    });
  }

  #setLost(why: string | undefined): void {
    if (this.#isLost === (why !== undefined)) return;
    this.#isLost = why !== undefined;
    this.#emit(why === undefined ? { type: 'queue-found' } : { type: 'queue-lost', why });
  }

  #work(capability: Capability): Worker {
    const { kind, detail } = capability;
    const worker: Worker<JobData, JobResult> = new this.#bullmq.Worker<JobData, JobResult>(
      capability.queue,
      // Its three parameters have BullMQ pass the signal.
      (job, token, signal) => this.#process(capability, worker, job, token!, signal!),
      {
        ...connectionTo(this.#options.queue),
        ...KEPT,
        name: formatWorkerName({
          ...{ role: 'agent', label: this.#name, pid: process.pid, jobs: this.#jobs },
          ability: `${kind} (${detail})`,
        }),
        concurrency: this.#jobs,
        lockDuration: LOCK_MS,
        stalledInterval: STALLED_CHECK_MS,
        maxStalledCount: MAX_STALLED,
        runRetryDelay: 1_000,
      },
    );
    worker.on('error', error => {
      // The loss of the connection is reported by itself, and that of a lock with its job.
      if (/could not renew lock|Missing lock|Lock mismatch|Missing key for job/.test(error.message)) return;
      if ((error as NodeJS.ErrnoException).code !== undefined || this.#isLost) return;
      this.#emit({ type: 'warning', message: `The queue: ${describeQueueError(error)}.` });
    });
    worker.on('lockRenewalFailed', ids => {
      for (const id of ids) {
        const job = this.#running.get(id);
        if (job) this.#abort(job, 'lost');
      }
    });
    return worker as Worker;
  }

  /** Processes a job as BullMQ wants it: returns its result, or throws. */
  async #process(
    capability: Capability,
    worker: Worker,
    job: Job<JobData, JobResult>,
    token: string,
    signal: AbortSignal,
  ): Promise<JobResult> {
    if (this.#running.size >= this.#jobs || this.#resting !== undefined) {
      // Taken while another capability used the last place. Others may have room.
      await this.#pause(worker);
      await job.moveToWait(token);
      throw new this.#bullmq.WaitingError();
    }
    const id = job.id!;
    const { target = '', from = '' } = job.data;
    const began = performance.now();
    const running: RunningJob = {
      ...{ controller: new AbortController(), why: undefined, question: undefined },
      reporter: new JobReporter(job, { by: this.#name, run: randomUUID() }),
    };
    this.#running.set(id, running);
    if (this.#running.size >= this.#jobs) await this.#pauseOthers(worker);
    signal.addEventListener('abort', () => this.#abort(running, 'lost'), { once: true });
    this.#emit({ type: 'job-taken', job: id, target, from });
    const ended = (end: JobEnd, message?: string) => {
      const duration = performance.now() - began;
      this.#emit({ type: 'job-ended', job: id, target, from, end, duration, ...(message && { message }) });
    };
    try {
      const outcome = await this.#run(capability, job, token, running);
      if (running.why === 'returned') {
        await job.moveToWait(token);
        ended('returned');
        throw new this.#bullmq.WaitingError();
      }
      if (running.why === 'lost' || outcome.end === 'lost') {
        ended('lost');
        throw new this.#bullmq.UnrecoverableError('another agent has it');
      }
      return await this.#finish(outcome, running, ended);
    } finally {
      clearTimeout(running.question);
      this.#running.delete(id);
      if (this.#resting === undefined && !this.#isStopping) {
        for (const one of this.#workers) if (one.isPaused()) void one.resume();
      }
    }
  }

  async #run(
    capability: Capability,
    job: Job<JobData, JobResult>,
    token: string,
    { controller, reporter }: RunningJob,
  ): Promise<JobOutcome> {
    const lease = job.deduplicationId ?? '';
    const decoded = decodeJob(job.data, lease, this.#trust);
    if ('why' in decoded) return { end: 'refused', refusal: decoded };
    if (job.attemptsStarted > 1) await job.clearLogs().catch(() => {});
    return runJob(decoded.request, capability, this.#context, {
      signal: controller.signal,
      onState: (state: Pick<JobMessage, 'phase' | 'text' | 'jobs' | 'roots'>) => reporter.enter(state),
      onLine: line => reporter.line(line),
      isOwn: async () => {
        if (controller.signal.aborted) return false;
        try {
          await job.extendLock(token, LOCK_MS);
          return true;
        } catch {
          // The lock ran out, and nobody has taken the job since.
          return (await job.getState().catch(() => 'unknown')) === 'waiting';
        }
      },
    });
  }

  async #finish(
    outcome: JobOutcome,
    running: RunningJob,
    ended: (end: JobEnd, message?: string) => void,
  ): Promise<JobResult> {
    const { reporter } = running;
    const { UnrecoverableError } = this.#bullmq;
    switch (outcome.end) {
      case 'failed':
        reporter.end('failed', { failure: outcome.failure });
        await reporter.flushed();
        ended('failed', outcome.failure.message);
        throw new UnrecoverableError(outcome.failure.message);
      case 'refused':
        reporter.end('refused', { refusal: outcome.refusal });
        await reporter.flushed();
        ended('refused', outcome.refusal.why);
        if (outcome.refusal.kind === 'trouble') this.#rest(outcome.refusal);
        throw new UnrecoverableError(outcome.refusal.why);
      case 'compiled':
      case 'cached':
        await reporter.flushed();
        ended(outcome.end);
        return {
          fingerprint: outcome.fingerprint,
          by: this.#name,
          source: outcome.end === 'compiled' ? 'compiled' : 'cache',
        };
      default:
        reporter.end('cancelled');
        await reporter.flushed();
        ended('cancelled');
        throw new UnrecoverableError('the build that asked for it was stopped');
    }
  }

  /** A build was stopped. Others may want the same job, so they are asked. */
  #onCancel(id: string | undefined): void {
    const job = this.#running.get(id ?? '');
    if (job === undefined || job.question !== undefined) return;
    job.reporter.ask();
    job.question = setTimeout(() => this.#abort(job, 'cancelled'), ANSWER_MS);
  }

  #onWanted(id: string | undefined): void {
    const job = this.#running.get(id ?? '');
    if (job === undefined) return;
    clearTimeout(job.question);
    job.question = undefined;
  }

  #abort(job: RunningJob, why: RunningJob['why']): void {
    job.why ??= why;
    job.controller.abort();
  }

  /** Takes no jobs for a while. */
  #rest({ why }: JobRefusal): void {
    if (this.#resting !== undefined || this.#isStopping) return;
    this.#emit({ type: 'agent-resting', why, seconds: REST_MS / 1000 });
    for (const worker of this.#workers) void this.#pause(worker);
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      if (this.#isStopping) return;
      for (const worker of this.#workers) if (worker.isPaused()) void worker.resume();
    }, REST_MS);
  }

  async #pauseOthers(except: Worker): Promise<void> {
    await Promise.all(this.#workers.filter(worker => worker !== except).map(worker => this.#pause(worker)));
  }

  async #pause(worker: Worker): Promise<void> {
    await worker.pause(true).catch(() => {});
  }

  /** Waits for current jobs, and then, or once the agent is to end at once, only briefly for the queue. */
  async #closeWorkers(abort: AbortSignal): Promise<void> {
    const closing = Promise.all(this.#workers.map(worker => worker.close().catch(() => {})));
    const late = aborted(abort).then(() => delay(CLOSE_MS));
    await Promise.race([closing, late, this.#idle()]);
  }

  /** Resolves when no job has run for a while: a worker whose connection was lost may never say that it is closed. */
  async #idle(): Promise<void> {
    for (let since = Date.now(); Date.now() - since < CLOSE_MS; await delay(100))
      if (this.#running.size > 0) since = Date.now();
  }

  async #clean(): Promise<void> {
    await cleanJobDirectories(agentDirectory(this.#cacheRoot)).catch(() => {});
  }

  #emit(event: AgentEventBody): void {
    this.#options.onEvent({ at: Date.now(), ...event } as AgentEvent);
  }
}

function delay(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
}
