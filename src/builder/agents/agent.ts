// Agent: takes targets from queues, compiles them for others, and uploads the firmware.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openRemoteTier } from '../../cache/remote/open.ts';
import { type RemoteOptions, resolveRemoteOptions } from '../../cache/remote/options.ts';
import { shownQueue } from '../../config/agents-config.ts';
import { defaultCacheRoot } from '../../config/environment.ts';
import { remoteOptionsFor } from '../../config/remote-config.ts';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import { cacheOptionsFor, type UserConfig } from '../../config/user-config.ts';
import { GloveboxError } from '../../errors.ts';
import { createCompilationBuildCacheService } from '../incremental/index.ts';
import { COMPILATION_TAG } from '../incremental/tag.ts';
import { createFirmwareCacheService } from '../output/firmware.ts';
import { CompilePool } from '../workers/pool.ts';
import type { AgentEvent, AgentEventBody } from './agent-events.ts';
import { agentDirectory, type JobContext } from './agent-job.ts';
import { type Capability, findCapability } from './capability.ts';
import { asControlEvent, type ControlEvent } from './job.ts';
import { cleanJobDirectories } from './job-directory.ts';
import { JobInputs } from './job-inputs.ts';
import { type AgentParts, aborted, JobWorkers } from './job-workers.ts';
import {
  CONTROL,
  closeAll,
  connectionTo,
  loadBullmq,
  OFFERED,
  type Queue,
  QueueError,
  type QueueEvents,
  type Worker,
  whenReady,
  workerOptions,
} from './queue.ts';
import { ownLabel } from './worker-name.ts';
import { WorkspaceQueues } from './workspace-queues.ts';

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

const RETRY_MS = 2_000;
/** Interval of the checks for leftovers of killed agents, and for changed workspaces. */
const CHECK_MS = 60_000;

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

/** Connections for which an agent waits at its start. */
interface Connections {
  /** For what is not a job. */
  probe: Queue;
  /** Messages of builds to agents. */
  control: QueueEvents;
}

class Agent {
  readonly #options: AgentOptions;
  readonly #parts: AgentParts;
  readonly #workers: JobWorkers;
  readonly #workspaces: WorkspaceQueues[] = [];
  /** Show which tools this agent has; they take nothing. */
  readonly #signs: Worker[] = [];
  #isStopping = false;
  #isLost = false;

  constructor(bullmq: typeof import('bullmq'), options: AgentOptions, remote: RemoteOptions) {
    const { jobs = availableParallelism(), name = ownLabel() } = options;
    this.#options = options;
    this.#parts = {
      ...{ bullmq, name, jobs, address: options.queue, trust: resolveRemoteOptions(remote).trust },
      context: contextOf(options, remote, jobs, message => this.#emit({ type: 'warning', message })),
      emit: event => this.#emit(event),
    };
    this.#workers = new JobWorkers(this.#parts, queue => {
      for (const one of this.#workspaces) void one.check(queue).catch(() => {});
    });
  }

  async run(): Promise<void> {
    const { stop, abort, queue } = this.#options;
    const { name, jobs, context } = this.#parts;
    const stopped = AbortSignal.any([stop, abort]);
    const checking = setInterval(() => void this.#check(), CHECK_MS);
    let connections: Connections | undefined;
    try {
      await this.#check();
      const capabilities = await this.#capabilities(stopped);
      if (stopped.aborted) return;
      connections = await this.#connect(stopped);
      if (connections === undefined || stopped.aborted) return;
      this.#watch(connections.probe);
      const serving = this.#serve(capabilities, connections, stopped);
      const accepts = await Promise.race([serving, aborted(stopped).then(() => undefined)]);
      if (accepts !== undefined) {
        const shown = shownQueue(queue);
        this.#emit({ type: 'agent-started', name, pid: process.pid, jobs, queue: shown, accepts });
        await aborted(stopped);
      }
      this.#isStopping = true;
      this.#emit({ type: 'agent-stopping', jobs: this.#workers.running });
      await this.#workers.close(abort);
    } finally {
      clearInterval(checking);
      await closeAll([...this.#signs, ...(connections ? [connections.control, connections.probe] : [])]);
      await context.pool.close();
      await context.tier.close();
    }
    this.#emit({ type: 'agent-stopped' });
  }

  async #capabilities(signal: AbortSignal): Promise<Capability[]> {
    const { userConfig, configDirectory, accept = DEFAULT_ACCEPT } = this.#options;
    const { builds, cacheRoot } = this.#parts.context;
    const found: Capability[] = [];
    const lacking: string[] = [];
    for (const kind of new Set(accept)) {
      const capability = await findCapability(kind, {
        ...{ userConfig, configDirectory, signal, cacheRoot, cache: builds.cache },
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

  /** Begins to take jobs. Resolves to what it accepts. */
  async #serve(
    capabilities: readonly Capability[],
    { probe, control }: Connections,
    signal: AbortSignal,
  ): Promise<{ kind: ToolchainKind; queue: string; detail: string }[]> {
    const { workspace } = this.#options.userConfig.build;
    this.#listen(control);
    const accepted: Capability[] = [];
    for (const capability of capabilities) {
      const { kind, tools, detail, needsWorkspace } = capability;
      try {
        if (needsWorkspace) {
          const [parts, workers] = [this.#parts, this.#workers];
          const queues = new WorkspaceQueues({ parts, workers, capability, workspace, probe, signal });
          await queues.begin();
          this.#workspaces.push(queues);
          if (workspace === undefined) await this.#show(capability);
        } else await this.#workers.serve({ name: tools, capability, detail });
        accepted.push(capability);
      } catch (error) {
        if (!(error instanceof GloveboxError)) throw error;
        this.#emit({ type: 'agent-unable', kind, why: error.message });
        if (capabilities.length === 1) throw error;
      }
    }
    return accepted.map(({ kind, tools, detail }) => ({ kind, queue: tools, detail }));
  }

  /** Shows builds that this agent has tools, and can make workspaces for them. It takes nothing by that. */
  async #show({ kind, tools, detail }: Capability): Promise<void> {
    const { bullmq, address, name: label, jobs } = this.#parts;
    const ability = `${kind} (${detail}), with any workspace that it can make`;
    const sign = new bullmq.Worker(tools, null, {
      ...workerOptions(address, { role: 'agent', label, pid: process.pid, jobs, ability }),
      autorun: false,
    });
    sign.on('error', () => {});
    this.#signs.push(sign);
    await sign.waitUntilReady();
  }

  /** Listens to builds. */
  #listen(control: QueueEvents): void {
    const on = (name: string, listener: (event: ControlEvent) => void) =>
      control.on(name as never, ((event: unknown) => listener(asControlEvent(event))) as never);
    on('cancel', ({ job }) => this.#workers.cancel(job));
    on('wanted', ({ job }) => this.#workers.answered(job));
    on(OFFERED, event => {
      for (const one of this.#workspaces) one.onOffered(event);
    });
  }

  /** Connects to the queue, and waits for it if it cannot be reached. */
  async #connect(stopped: AbortSignal): Promise<Connections | undefined> {
    const { bullmq, address } = this.#parts;
    while (!stopped.aborted) {
      const probe = new bullmq.Queue(CONTROL, connectionTo(address));
      const control = new bullmq.QueueEvents(CONTROL, connectionTo(address));
      try {
        await whenReady(address, [probe, control]);
        this.#setLost(undefined);
        return { probe, control };
      } catch (error) {
        if (!(error instanceof QueueError) || /password|permission/.test(error.message)) throw error;
        this.#setLost(error.message.replace(/\.$/, ''));
        await Promise.race([aborted(stopped), delay(RETRY_MS)]);
      }
    }
    return undefined;
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

  async #check(): Promise<void> {
    await cleanJobDirectories(agentDirectory(this.#parts.context.cacheRoot)).catch(() => {});
    for (const one of this.#workspaces) await one.check().catch(() => {});
  }

  #emit(event: AgentEventBody): void {
    this.#options.onEvent({ at: Date.now(), ...event } as AgentEvent);
  }
}

function contextOf(
  { userConfig, cacheRoot: wanted }: AgentOptions,
  remote: RemoteOptions,
  jobs: number,
  onWarning: (message: string) => void,
): JobContext {
  const cacheRoot = path.resolve(
    wanted ?? cacheOptionsFor(userConfig, COMPILATION_TAG).cacheRoot ?? defaultCacheRoot(),
  );
  const cacheOptions = { cacheRoot };
  // An agent runs for days, and does not keep a person waiting.
  const budget = { budgetMs: 30_000, refillMs: 60_000 };
  const tier = openRemoteTier({ ...remote, budget, onWarning });
  return {
    ...{ userConfig, cacheOptions, cacheRoot, tier },
    builds: createCompilationBuildCacheService(userConfig, cacheOptions),
    firmware: createFirmwareCacheService(userConfig, cacheOptions),
    pool: new CompilePool(jobs),
    jobs: Math.max(1, Math.floor(availableParallelism() / jobs)),
    inputs: new JobInputs(tier),
  };
}
