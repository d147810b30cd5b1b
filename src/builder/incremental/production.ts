// Production of one firmware: runs the toolchain, observes what it read, and stores the result under that.
import path from 'node:path';
import { GloveboxError } from '../../errors.ts';
import { isInside } from '../../system/paths.ts';
import { describeSystemError, isSystemError } from '../../system/system-error.ts';
import { InputReader } from '../inputs/input-reader.ts';
import type { Target } from '../matrix/target.ts';
import { MemoryTable } from '../output/memory-use.ts';
import type { CompileOutcome } from '../toolchains/toolchain.ts';
import { fingerprint, type InputSnapshot } from './fingerprint.ts';
import { boundOf, type DescribedTarget, type LookupOptions, type TargetQuery } from './lookup.ts';
import type { CompileEvent, CompileFailure, CompileResult, CompileSuccess } from './result.ts';
import { type DeclaredInputs, declare, observe } from './snapshot.ts';
import { checkArtifacts, emptyDirectory } from './staging.ts';

export interface CompileRequest {
  /** The target's {@link CachingCompiler.describe}, perhaps from another thread. Default: it is described now. */
  described?: DescribedTarget | undefined;
  /** Directory for the artifacts: empty, the caller's own, absolute. It stays empty unless the result is ok. */
  directory: string;
  /** Build directory for the compiler: empty, the caller's own, absolute. The caller removes it. */
  buildDirectory: string;
  /** The file that gets the compiler's full output. Its directory exists. */
  logFile: string;
  /** How many processes the compiler itself may run at once. Default: 1. */
  jobs?: number | undefined;
  /** See `CompileJob.incremental`. */
  incremental?: boolean | undefined;
  /** See `CompileJob.onConfigured`. */
  onConfigured?: (() => Promise<number>) | undefined;
  /** The trace context, given to the compiler as `TRACEPARENT`. It is not part of any fingerprint. Default: none. */
  traceparent?: string | undefined;
  /** Stops the compiler, or the wait for another producer. */
  signal?: AbortSignal | undefined;
  onEvent?: ((event: CompileEvent) => void) | undefined;
  /** Called with the process group of every child that starts, and again when it has ended. */
  onProcess?: ((event: 'started' | 'ended', processGroup: number) => void) | undefined;
}

/** A target that is ready to be compiled. */
export interface Prepared {
  query: TargetQuery;
  declared: DeclaredInputs;
  /** The declared inputs before the compile. */
  before: InputSnapshot;
}

export interface Job extends Prepared {
  target: Target;
  request: CompileRequest;
  /** Whether nothing is stored. Default: false. */
  isTrial?: boolean;
}

export class Production {
  readonly #options: LookupOptions;

  constructor(options: LookupOptions) {
    this.#options = options;
  }

  /**
   * Runs the compiler, whose result is stored. Resolves with `inputs` when it is stored under them.
   *
   * @param mayStore whether this caller still is the one that compiles the target. If another one took over because
   *   this process was stopped or too slow, its older result must not mix with the newer one. Default: it is
   */
  async run(
    job: Job,
    mayStore = () => Promise.resolve(true),
  ): Promise<{ result: CompileResult; inputs?: InputSnapshot }> {
    const { target, request, query } = job;
    const { onEvent, directory, buildDirectory, logFile, jobs = 1 } = request;
    const signal = request.signal ?? new AbortController().signal;
    onEvent?.({ type: 'compiling', jobs, logFile });
    const started = Date.now();
    const clock = performance.now();
    let waited = 0;
    const onConfigured = async () => {
      const since = performance.now();
      const turn = await request.onConfigured?.();
      waited = performance.now() - since;
      return turn ?? jobs;
    };
    const table = new MemoryTable();
    let outcome: CompileOutcome;
    try {
      outcome = await this.#options.toolchain.compile({
        target,
        described: { identity: query.base.toolchain, surroundings: query.surroundings },
        buildDirectory,
        artifactDirectory: directory,
        jobs,
        logFile,
        traceparent: request.traceparent,
        signal,
        incremental: request.incremental,
        onConfigured,
        onPath: path => onEvent?.({ type: 'path', path }),
        onOutput: line => {
          table.line(line);
          onEvent?.({ type: 'output', line });
        },
        onProcess: request.onProcess,
      });
      if (outcome.ok) checkArtifacts(outcome.artifacts, directory);
    } catch (error) {
      emptyDirectory(directory);
      return { result: { ...failure('output', error, directory), logFile } };
    }
    const compileDuration = performance.now() - clock - waited;
    if (signal.aborted || !outcome.ok) emptyDirectory(directory);
    if (signal.aborted) return { result: cancelled() };
    if (!outcome.ok) return { result: { ...outcome, logFile } };
    const { artifacts, warnings = [], ccache } = outcome;
    const memory = table.use;
    const files = artifacts.map(artifact => artifact.path);
    const compiled = {
      ok: true,
      source: 'compiled',
      files,
      compileDuration,
      compiledAt: Date.now(),
      warnings,
      ...(ccache && { ccache }),
      ...(memory && { memory }),
    } as const;
    const result: CompileSuccess = { ...compiled, stored: false };
    const inputs = await this.#observe(outcome, started, job);
    if (!inputs) return { result };
    result.read = inputs.files.map(([file]) => file);
    Object.assign(result, boundOf(inputs, query));
    const { builds, firmware, configDirectory } = this.#options;
    const key = await fingerprint(query.digest, inputs);
    if (job.isTrial) return { result: { ...result, fingerprint: key } };
    if (!(await mayStore())) return { result };
    result.fingerprint = key;
    if (!(await firmware.store(key, artifacts, { compileDuration, warnings, memory }))) return { result };
    await builds.remember(query.digest, inputs, job.declared);
    await builds.setLastBase(configDirectory, query.base);
    const made = { base: query.base, digest: query.digest, key };
    return { result: { ...result, stored: true, made }, inputs };
  }

  /** The inputs that the compiler read; undefined, with a warning, if they changed during the compile. */
  async #observe(
    outcome: CompileOutcome & { ok: true },
    started: number,
    { target, request, query, declared }: Job,
  ): Promise<InputSnapshot | undefined> {
    const isOutsideBuild = (file: string) => !isInside(path.resolve(file), request.buildDirectory);
    const observed = outcome.observed && {
      ...outcome.observed,
      files: outcome.observed.files.filter(isOutsideBuild),
      directories: outcome.observed.directories.filter(isOutsideBuild),
      absent: outcome.observed.absent.filter(isOutsideBuild),
    };
    const { paths } = query;
    const warn = (why: string) =>
      request.onEvent?.({
        type: 'warning',
        message: `${target.artifactName} is not kept for the next build: ${why}`,
      });
    if (outcome.untraceable !== undefined) {
      warn(outcome.untraceable);
      return undefined;
    }
    try {
      const after = await declare(await this.#options.toolchain.declaredInputs(), paths);
      const readers = { before: query.reader, after: new InputReader(this.#options.builds.digests) };
      const observation = await observe(observed, { before: declared, after }, readers, started, paths);
      const changed = [...(outcome.changedDuringBuild ?? []), ...observation.changed];
      if (changed.length === 0) return observation.inputs;
      const more = changed.length > 3 ? ` and ${changed.length - 3} more` : '';
      warn(`${changed.slice(0, 3).join(', ')}${more} changed while it was compiled.`);
    } catch (error) {
      if (!(error instanceof GloveboxError)) throw error;
      warn(error.message);
    }
    return undefined;
  }
}

export function cancelled(): CompileFailure {
  return { ok: false, reason: 'cancelled', message: 'The build was cancelled.', lastLines: [] };
}

/** Turns an expected error into a result, and rethrows a bug. */
export function failure(reason: CompileFailure['reason'], error: unknown, place: string): CompileFailure {
  if (isSystemError(error)) {
    return { ok: false, reason, message: describeSystemError(error, place), lastLines: [] };
  }
  if (!(error instanceof GloveboxError)) throw error;
  return { ok: false, reason, message: error.message, lastLines: [] };
}
