// One job of an agent: its inputs laid out, compared with the request, compiled, and its firmware uploaded.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { RemoteTier } from '../../cache/remote/remote-tier.ts';
import type { UserConfig } from '../../config/user-config.ts';
import { GloveboxError } from '../../errors.ts';
import { describeSystemError, isSystemError } from '../../system/system-error.ts';
import {
  type CompilationBuildCacheService,
  type CompileEvent,
  type CompileSuccess,
  createZmkWestService,
  type IdentifiedTarget,
  type ServiceOptions,
} from '../incremental/index.ts';
import { SharedFirmware } from '../incremental/shared-firmware.ts';
import type { FirmwareCacheService } from '../output/firmware.ts';
import { loadToolchain } from '../toolchains/load.ts';
import type { CompilePool } from '../workers/pool.ts';
import { InvalidArchiveError } from './input-archive.ts';
import type { JobFailure, JobMessage, JobRefusal, JobRequest } from './job.ts';
import { type JobDirectory, takeJobDirectory } from './job-directory.ts';
import type { JobInputs } from './job-inputs.ts';
import type { ServedQueue } from './served-queue.ts';

/** The parts of an agent that its jobs share. */
export interface JobContext {
  userConfig: UserConfig;
  cacheOptions: ServiceOptions;
  cacheRoot: string;
  builds: CompilationBuildCacheService;
  firmware: FirmwareCacheService;
  tier: RemoteTier;
  pool: CompilePool;
  /** Processes that one compiler may run at once. */
  jobs: number;
  inputs: JobInputs;
}

export interface JobHooks {
  signal: AbortSignal;
  onState: (state: Pick<JobMessage, 'phase' | 'text' | 'jobs' | 'roots'>) => void;
  onLine: (line: string) => void;
  /** Resolves once it is known whether any build still wants the job; if none does, the signal is aborted then. */
  confirm: () => Promise<void>;
  /** Resolves to whether the job is still this agent's. */
  isOwn: () => Promise<boolean>;
}

export type JobOutcome =
  | { end: 'compiled' | 'cached'; fingerprint: string }
  | { end: 'failed'; failure: JobFailure }
  | { end: 'refused'; refusal: JobRefusal }
  | { end: 'cancelled' }
  | { end: 'lost' };

const NO_SPACE_LEFT = 'no space is left on its disk';
/** Messages of compilers for which there was no space. */
const NO_SPACE = /no space left on device|ENOSPC|disk quota exceeded/i;

/** Builds a job. Resolves when nothing of it is left on this machine; rejects only for bugs. */
export async function runJob(
  request: JobRequest,
  served: ServedQueue,
  context: JobContext,
  hooks: JobHooks,
): Promise<JobOutcome> {
  let directory: JobDirectory | undefined;
  try {
    directory = await takeJobDirectory(agentDirectory(context.cacheRoot));
    return await new AgentJob(request, served, context, hooks, directory).run();
  } catch (error) {
    if (hooks.signal.aborted) return { end: 'cancelled' };
    return refused('trouble', reasonOf(error, directory?.inputs ?? context.cacheRoot));
  } finally {
    await directory?.release();
  }
}

/** The directory of all jobs of agents with this cache. */
export function agentDirectory(cacheRoot: string): string {
  return path.join(cacheRoot, 'agents');
}

class AgentJob {
  readonly #request: JobRequest;
  readonly #served: ServedQueue;
  readonly #context: JobContext;
  readonly #hooks: JobHooks;
  readonly #directory: JobDirectory;

  constructor(
    request: JobRequest,
    served: ServedQueue,
    context: JobContext,
    hooks: JobHooks,
    directory: JobDirectory,
  ) {
    this.#request = request;
    this.#served = served;
    this.#context = context;
    this.#hooks = hooks;
    this.#directory = directory;
  }

  async run(): Promise<JobOutcome> {
    const { target, places, lease, base } = this.#request;
    const { userConfig, cacheOptions, cacheRoot, builds, firmware, tier } = this.#context;
    const { signal, confirm } = this.#hooks;
    const { inputs, output } = this.#directory;
    const refusal = await this.#context.inputs.layOut(this.#request.inputs, inputs, signal);
    if (refusal !== undefined) return { end: 'refused', refusal };
    const configDirectory = path.join(inputs, places.config);
    const directory = path.join(inputs, places.directory);
    mkdirSync(configDirectory, { recursive: true });
    const { capability, workspace } = this.#served;
    const description = await capability.toolchainFor(
      this.#request,
      { configDirectory, directory, outputDirectory: output, cacheRoot, workspace },
      signal,
    );
    const toolchain = await loadToolchain(description, { cache: builds.cache });
    const compiler = createZmkWestService({ toolchain, configDirectory, builds, firmware });
    const found = await compiler.identify(target, signal);
    if (signal.aborted) return { end: 'cancelled' };
    if ('reason' in found) return refused('trouble', withoutPeriod(found.message));
    if (found.described.digest !== base)
      return refused('mismatch', 'its tools, image, workspace or variables are not those of this build');
    if (found.lease !== lease) return refused('mismatch', 'the inputs differ there from those of this build');
    if (found.bound !== undefined) return refused('unshared', found.bound);

    const { artifacts } = this.#directory;
    const shared = new SharedFirmware(tier, builds, firmware);
    const remote = await compiler.restoreShared(target, shared, artifacts, signal);
    if (remote.ok && remote.fingerprint !== undefined)
      return { end: 'cached', fingerprint: remote.fingerprint };
    const local = await compiler.restore(target, artifacts, signal);
    if (signal.aborted) return { end: 'cancelled' };
    if (local.ok) return this.#share(shared, found, local, 'cached');

    await confirm();
    if (signal.aborted) return { end: 'cancelled' };
    const roots = {
      ...{ inputs, log: this.#directory.logFile },
      ...('workspace' in description && { workspace: description.workspace }),
    };
    const task = { toolchain: description, configDirectory, userConfig, cacheOptions, target };
    const { build, logFile } = this.#directory;
    const result = await this.#context.pool.run(
      {
        ...task,
        ...{ described: found.described, directory: artifacts, buildDirectory: build, logFile },
        jobs: this.#context.jobs,
      },
      event => this.#relay(event, roots),
      signal,
    );
    if (signal.aborted) return { end: 'cancelled' };
    if (result.ok)
      return this.#share(shared, found, result, result.source === 'compiled' ? 'compiled' : 'cached');
    const { reason, message, exitCode, lastLines, excerpt } = result;
    if (reason === 'cancelled') return { end: 'cancelled' };
    const isOwn = reason === 'exit-status' || reason === 'no-artifacts' || reason === 'wrong-board';
    if (isOwn && !lastLines.some(line => NO_SPACE.test(line)))
      return { end: 'failed', failure: { reason, message, exitCode, lastLines, excerpt } };
    return refused('trouble', isOwn ? NO_SPACE_LEFT : withoutPeriod(message));
  }

  #relay(event: CompileEvent, roots: NonNullable<JobMessage['roots']>): void {
    const { onState, onLine } = this.#hooks;
    if (event.type === 'compiling') onState({ phase: 'compiling', jobs: event.jobs, roots });
    else if (event.type === 'output') onLine(event.line);
    else if (event.type === 'waiting')
      onState({ phase: 'preparing', text: `process ${event.pid} there is compiling the same` });
  }

  /** Uploads the firmware, unless another agent has the job meanwhile: a late result changes nothing. */
  async #share(
    shared: SharedFirmware,
    { described }: IdentifiedTarget,
    result: CompileSuccess,
    end: 'compiled' | 'cached',
  ): Promise<JobOutcome> {
    const { fingerprint, bound } = result;
    if (bound !== undefined) return refused('unshared', bound);
    if (fingerprint === undefined || !result.stored)
      return refused('trouble', 'its inputs changed there during the compile');
    if (!(await this.#hooks.isOwn())) return { end: 'lost' };
    const { base, digest } = described;
    const isStored = await shared.store({ base, digest, key: fingerprint }, result, result.files);
    if (!isStored) return refused('trouble', 'it could not upload the firmware to the remote cache');
    return { end, fingerprint };
  }
}

function refused(kind: JobRefusal['kind'], why: string): JobOutcome {
  return { end: 'refused', refusal: { kind, why } };
}

/** The reason in words, without a period; rethrows a bug. */
export function reasonOf(error: unknown, place: string): string {
  if (isSystemError(error) && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) return NO_SPACE_LEFT;
  if (isSystemError(error)) return withoutPeriod(describeSystemError(error, place));
  if (error instanceof GloveboxError || error instanceof InvalidArchiveError)
    return withoutPeriod(error.message);
  throw error;
}

function withoutPeriod(sentence: string): string {
  return sentence.replace(/\.$/, '');
}
