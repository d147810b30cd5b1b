// Compile session: worker threads, build directories and logs, all removed when the work is done.
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { removeStale, temporaryName } from '../../system/stale-files.ts';
import { remedyOf } from '../../system/system-error.ts';
import type { CompileResult, DescribedTarget } from '../incremental/index.ts';
import type { Target } from '../matrix/target.ts';
import { LogDirectory } from '../output/logs.ts';
import { OutputError } from '../output/output.ts';
import type { Plan } from '../plan.ts';
import { CompilePool, type PoolListener, type WorkerFailure } from './pool.ts';

const SCRATCH_PREFIX = 'glovebox-build-';
/** Matches the directories of this version and of earlier ones. */
const SCRATCH = /^glovebox-build-(\d{1,10}-.*)$/s;

/** One target to compile in a session. */
export interface SessionJob {
  target: Target;
  /** Default: the target is described when it is compiled. */
  described?: DescribedTarget;
  /** Directory for the artifacts; empty. */
  directory: string;
  onEvent: PoolListener;
  /** See `CompileJob.incremental`. */
  incremental: boolean;
  /** See `CompileTask`. */
  isTrial?: boolean;
  /** See `RunOptions.traceparentOf`. */
  traceparent?: string | undefined;
  /** Stops only this target. */
  signal?: AbortSignal;
  /** See `CompileJob.onConfigured`. */
  onConfigured?: () => Promise<number>;
}

/** Compiles as many targets in parallel as it has threads. */
export class CompileSession {
  readonly #plan: Plan;
  readonly #scratch: string;
  readonly #pool: CompilePool;
  readonly #logs: LogDirectory;
  readonly #jobs: number;
  #count = 0;

  private constructor(plan: Plan, scratch: string, pool: CompilePool, logs: LogDirectory, jobs: number) {
    this.#plan = plan;
    this.#scratch = scratch;
    this.#pool = pool;
    this.#logs = logs;
    this.#jobs = jobs;
  }

  /** Rejects with a `GloveboxError` if directories or threads cannot be created. */
  static async open(plan: Plan, threads: number): Promise<CompileSession> {
    const scratch = await makeScratch();
    let pool: CompilePool | undefined;
    try {
      pool = new CompilePool(threads);
      const logs = await LogDirectory.open(plan.logRoot, plan.configDirectory, scratch);
      return new CompileSession(plan, scratch, pool, logs, Math.max(1, Math.floor(plan.cores / threads)));
    } catch (error) {
      await pool?.close();
      await rm(scratch, { recursive: true, force: true });
      throw error;
    }
  }

  /** Compiles in a free thread; the caller guarantees one. Resolves when nothing of the compiler is left. */
  async compile(job: SessionJob): Promise<CompileResult | WorkerFailure> {
    const { target, described, directory, traceparent, onEvent, incremental, isTrial = false } = job;
    const { toolchain, configDirectory, userConfig, cacheOptions } = this.#plan;
    const buildDirectory = path.join(this.#scratch, String(this.#count++));
    mkdirSync(buildDirectory);
    try {
      const logFile = this.#logs.file(target.artifactName);
      const task = {
        toolchain,
        configDirectory,
        userConfig,
        cacheOptions,
        target,
        described,
        directory,
        buildDirectory,
        incremental,
        isTrial,
        traceparent,
      };
      const { signal, onConfigured } = job;
      return await this.#pool.run({ ...task, logFile, jobs: this.#jobs }, onEvent, signal, onConfigured);
    } finally {
      await rm(buildDirectory, { recursive: true, force: true });
    }
  }

  /** Stops every compile, and those that begin later. */
  cancel(): void {
    this.#pool.cancel();
  }

  /** The log file of a target that is compiled elsewhere. Empty. */
  logFile(artifactName: string): string {
    return this.#logs.file(artifactName);
  }

  /** Keeps the logs, because a message named one of them. */
  keepLogs(): void {
    this.#logs.keep();
  }

  /** Ends the threads and removes the build directories. No compile may begin afterwards. */
  async close(): Promise<void> {
    await this.#pool.close();
    await rm(this.#scratch, { recursive: true, force: true });
    await this.#logs.close();
  }
}

/** Creates the parent of the build directories. */
async function makeScratch(): Promise<string> {
  try {
    await removeStale(os.tmpdir(), { kind: 'directory', pattern: SCRATCH });
    const scratch = path.join(os.tmpdir(), temporaryName(SCRATCH_PREFIX));
    mkdirSync(scratch, { mode: 0o700 });
    return scratch;
  } catch (error) {
    const what = `Cannot make a directory to compile in: ${(error as Error).message}`;
    throw new OutputError(`${what}. ${remedyOf(error, os.tmpdir())}, or set TMPDIR.`, { cause: error });
  }
}
