// Queues of an agent for jobs that need a workspace: one for each workspace that it has. A build that finds no agent for
// its queue offers it; an agent with the right tools looks at a waiting job then, without taking it, makes the
// workspace for its west.yml, once, and serves the queue if the workspace is in the state that the queue is for.
//
//   offered ──► preparing ──► served ──► left, when it is not offered for a while or the workspace changes
//                        └──► declined, for a while
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { GloveboxError } from '../../errors.ts';
import { createToolchain } from '../toolchains/index.ts';
import { findWorkspace, type WorkspaceEvent, WorkspaceService } from '../workspace/index.ts';
import { agentDirectory, reasonOf } from './agent-job.ts';
import { type Capability, queuesOf } from './capability.ts';
import { type ControlEvent, decodeJob, type JobData, type JobRequest, type JobSettings } from './job.ts';
import { takeJobDirectory } from './job-directory.ts';
import type { AgentParts, JobWorkers } from './job-workers.ts';
import { DECLINED, kindOfQueue, PREPARING, type Queue } from './queue.ts';

/** A declined queue is looked at again after this time if it is offered: `main` may have moved here, too. */
const DECLINED_MS = 5 * 60_000;
/** The same, if something failed. */
const TROUBLE_MS = 20_000;
/** A queue that is not offered for so long is left. */
const UNUSED_MS = 10 * 60_000;

interface QueueState {
  state: 'preparing' | 'served' | 'declined';
  /** Said last about it. */
  text: string;
  /** Of a served one. */
  workspace?: string;
  settings?: JobSettings;
  /** When it was offered last, and until when it is not looked at again; by `performance.now()`. */
  offeredAt: number;
  until: number;
}

export interface WorkspaceQueuesOptions {
  parts: AgentParts;
  workers: JobWorkers;
  capability: Capability;
  /** The only workspace, absolute. Default: one for each `west.yml`, made by need. */
  workspace: string | undefined;
  /** A connected queue, whose connection is used. */
  probe: Queue;
  /** Aborts when the agent ends. */
  signal: AbortSignal;
}

export class WorkspaceQueues {
  readonly #options: WorkspaceQueuesOptions;
  /** By name. */
  readonly #queues = new Map<string, QueueState>();
  /** Preparations run one after the other: each may fetch hundreds of megabytes. */
  #preparing: Promise<void> = Promise.resolve();

  constructor(options: WorkspaceQueuesOptions) {
    this.#options = options;
  }

  /**
   * Serves the queue of the only workspace, if there is just one. Rejects with a `GloveboxError` if that cannot be used.
   */
  async begin(): Promise<void> {
    const { workspace } = this.#options;
    if (workspace !== undefined) await this.#serve(await this.#queueOf(workspace, {}), workspace, {});
  }

  /** A build offers a queue. */
  onOffered({ queue, job }: ControlEvent): void {
    const { capability, workspace } = this.#options;
    const isOurs = queue.startsWith(`${capability.tools}-`) && kindOfQueue(queue) !== undefined;
    if (!isOurs || workspace !== undefined) return;
    const now = performance.now();
    const known = this.#queues.get(queue);
    if (known !== undefined) known.offeredAt = now;
    if (known?.state === 'served') return;
    if (known !== undefined && now < known.until) {
      // Said again, for builds that have begun since.
      void this.#say(queue, known.state === 'declined' ? DECLINED : PREPARING, job, known.text);
      return;
    }
    const state: QueueState = {
      ...{ state: 'preparing', text: 'waiting for another workspace that is made first' },
      ...{ offeredAt: now, until: Number.POSITIVE_INFINITY },
    };
    this.#queues.set(queue, state);
    this.#preparing = this.#preparing.then(() => this.#prepare(queue, job, state));
  }

  /** A job of a queue was refused, or time has passed: leaves queues whose workspace has changed, or that are not used. */
  async check(queue?: string): Promise<void> {
    const { workspace: only } = this.#options;
    const served = [...this.#queues].filter(
      ([name, { state }]) => state === 'served' && name === (queue ?? name),
    );
    for (const [name, { workspace, settings, offeredAt }] of served) {
      const current = await this.#queueOf(workspace!, settings!).catch(() => undefined);
      const isUnused = only === undefined && performance.now() - offeredAt > UNUSED_MS;
      if (current === name && !isUnused) continue;
      this.#queues.delete(name);
      await this.#options.workers.leave(name);
      const why = isUnused ? 'no build has offered it for a while' : 'its workspace has changed';
      this.#options.parts.emit({ type: 'queue-declined', queue: name, why });
    }
    if (only !== undefined && this.#queues.size === 0) await this.begin().catch(() => {});
  }

  /** Makes the workspace that a queue needs, and serves it, or tells why not. Never rejects. */
  async #prepare(queue: string, job: string, state: QueueState): Promise<void> {
    const { signal, parts } = this.#options;
    const onText = (text: string) => {
      state.text = text;
      parts.emit({ type: 'agent-preparing', text });
      void this.#say(queue, PREPARING, job, text);
    };
    const decline = async (why: string, milliseconds: number) => {
      Object.assign(state, { state: 'declined', text: why, until: performance.now() + milliseconds });
      parts.emit({ type: 'queue-declined', queue, why });
      await this.#say(queue, DECLINED, job, why);
    };
    try {
      const data = await this.#look(queue, job);
      // It has ended meanwhile. The next offer names another one.
      if (data === undefined) return void this.#queues.delete(queue);
      const decoded = decodeJob(data.data, data.lease, parts.trust);
      if ('why' in decoded) return await decline(decoded.why, TROUBLE_MS);
      const { settings } = decoded.request;
      const workspace = await this.#workspaceFor(queue, decoded.request, onText);
      if (signal.aborted) return;
      if (workspace !== undefined) await this.#serve(queue, workspace, settings);
      else await decline(mismatchOf(settings), DECLINED_MS);
    } catch (error) {
      if (signal.aborted) return;
      await decline(reasonOf(error, parts.context.cacheRoot), TROUBLE_MS);
    }
  }

  async #serve(queue: string, workspace: string, settings: JobSettings): Promise<void> {
    const { workers, capability, parts } = this.#options;
    const detail = `${capability.detail}, workspace ${path.basename(workspace)}`;
    await workers.serve({ name: queue, capability, workspace, detail });
    const now = performance.now();
    this.#queues.set(queue, { state: 'served', text: '', workspace, settings, offeredAt: now, until: now });
    parts.emit({ type: 'queue-served', queue, detail });
  }

  /** The data of a job, which stays where it is. */
  async #look(queue: string, job: string): Promise<{ data: JobData; lease: string } | undefined> {
    const { bullmq } = this.#options.parts;
    const looking = new bullmq.Queue<JobData>(queue, await this.#connection());
    try {
      const found = await looking.getJob(job);
      return found && { data: found.data, lease: found.deduplicationId ?? '' };
    } finally {
      await looking.close();
    }
  }

  /** The workspace in the state that a queue is for: an existing one, or a new one; undefined if there is none. */
  async #workspaceFor(
    queue: string,
    { inputs: key, places, settings }: JobRequest,
    onText: (text: string) => void,
  ): Promise<string | undefined> {
    const { signal, parts } = this.#options;
    const { userConfig, cacheRoot, inputs } = parts.context;
    const directory = await takeJobDirectory(agentDirectory(cacheRoot));
    try {
      const refusal = await inputs.layOut(key, directory.inputs, signal);
      if (refusal !== undefined) throw new GloveboxError('GLOVEBOX_AGENTS', refusal.why);
      const configDirectory = path.join(directory.inputs, places.config);
      mkdirSync(configDirectory, { recursive: true });
      const { configPath } = settings;
      const forJob = { ...userConfig, build: { ...userConfig.build, configPath } };
      const isRight = async (one: string) => (await this.#queueOf(one, settings)) === queue;
      const found = await findWorkspace(configDirectory, { userConfig: forJob, cacheRoot });
      if (found !== undefined && (await isRight(found))) return found;
      const manifest = path.join(configPath ?? 'config', 'west.yml');
      const what = `${found === undefined ? 'making' : 'updating'} the workspace for ${manifest}`;
      onText(`${what}, once`);
      const onEvent = (event: WorkspaceEvent) => {
        if (event.type === 'waiting') onText('waiting for another process that makes the workspace');
        else if (event.type === 'project') onText(`${what}: ${event.name}`);
      };
      const service = new WorkspaceService({ userConfig: forJob, cacheRoot });
      const { workspace } = await (found === undefined
        ? service.create(configDirectory, { signal, onEvent })
        : service.update(configDirectory, { signal, onEvent }));
      return (await isRight(workspace.path)) ? workspace.path : undefined;
    } finally {
      await directory.release();
    }
  }

  /** The queue of a workspace in its present state. */
  async #queueOf(workspace: string, settings: JobSettings): Promise<string> {
    const { capability, parts, signal } = this.#options;
    const { cacheRoot, builds } = parts.context;
    // Nothing of a config counts.
    const nowhere = agentDirectory(cacheRoot);
    mkdirSync(nowhere, { recursive: true, mode: 0o700 });
    const places = {
      ...{ configDirectory: nowhere, directory: nowhere, outputDirectory: nowhere },
      ...{ cacheRoot, workspace },
    };
    const description = await capability.toolchainFor({ settings }, places, signal);
    const queues = await queuesOf(createToolchain(description, { cache: builds.cache }), signal);
    return queues!.jobs;
  }

  /** Says something about a queue to the builds that follow its jobs. */
  async #say(queue: string, eventName: string, job: string, text: string): Promise<void> {
    const { bullmq, name } = this.#options.parts;
    const saying = new bullmq.QueueEventsProducer(queue, await this.#connection());
    // If the queue was lost, it is said again with the next offer.
    await saying.publishEvent({ eventName, job, by: name, text }).catch(() => {});
    await saying.close();
  }

  /** The agent's connection, which stays open when what uses it is closed. */
  async #connection(): Promise<{ connection: never }> {
    return { connection: (await this.#options.probe.getBackend().client) as never };
  }
}

function mismatchOf({ configPath = 'config' }: JobSettings): string {
  const manifest = path.join(configPath, 'west.yml');
  return `its workspace for ${manifest} is not in the state of yours: another revision, or local changes`;
}
