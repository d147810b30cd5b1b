// Outcomes of a run's targets: delivers their firmware, reports what became of each, and counts.
import { GloveboxError } from '../errors.ts';
import { describeSystemError, isSystemError } from '../system/system-error.ts';
import type { Diagnosis } from './diagnosis/diagnosis.ts';
import type { BuildSummary, EventBody } from './events.ts';
import type { CompilationBuildCacheService, CompileFailure, CompileSuccess } from './incremental/index.ts';
import { type MetricsService, type TargetMetrics, type TargetTime, timeSaved } from './metrics.ts';
import { type FirmwareSize, firmwareSize, sizeWarning } from './output/firmware-size.ts';
import type { OutputDirectory } from './output/output.ts';
import type { Plan } from './plan.ts';
import type { BuiltTarget } from './verify.ts';
import type { WorkerFailure } from './workers/pool.ts';

export interface TargetOutcomesOptions {
  plan: Plan;
  builds: CompilationBuildCacheService;
  metrics: MetricsService;
  emit: (event: EventBody) => void;
}

export class TargetOutcomes {
  readonly summary: BuildSummary;
  /** Delivered targets, by artifact name. */
  readonly built = new Map<string, BuiltTarget & { isCompiled: boolean }>();
  readonly #options: TargetOutcomesOptions;
  readonly #recording: Promise<unknown>[] = [];
  readonly #sizes = new Map<string, FirmwareSize>();
  /** By artifact name. */
  readonly #times = new Map<string, TargetTime>();
  #read: Set<string> | undefined = new Set();

  constructor(options: TargetOutcomesOptions) {
    this.#options = options;
    this.summary = {
      ...{ compiled: 0, cached: 0, remote: 0, failed: 0, cancelled: 0, agents: 0 },
      ...{ duration: 0, saved: 0, outputDirectory: options.plan.outputDirectory },
    };
  }

  /** Every file that any target read; undefined once the files of one target are unknown. */
  get read(): ReadonlySet<string> | undefined {
    return this.#read;
  }

  /**
   * Publishes a target's files in the output directory, and reports it; returns their paths there.
   *
   * @param isIncremental whether it was compiled upon its last build
   */
  deliver(
    target: string,
    result: CompileSuccess,
    output: OutputDirectory,
    began: number,
    isIncremental = false,
  ): string[] {
    const files = output.publish(target, result.files);
    const {
      source,
      compileDuration,
      compiledAt,
      fingerprint,
      warnings,
      read,
      signer,
      bound,
      memory,
      agent,
      ccache,
    } = result;
    if (read === undefined) this.#read = undefined;
    for (const file of read ?? []) this.#read?.add(file);
    for (const message of warnings) this.#options.emit({ type: 'warning', target, message });
    const duration = performance.now() - began;
    const isCompiled = source === 'compiled' || source === 'agent';
    if (isCompiled) this.summary.compiled++;
    else this.summary.cached++;
    if (source === 'agent') this.summary.agents++;
    if (source === 'remote') this.summary.remote++;
    this.#times.set(target, { compileDuration, cached: !isCompiled });
    const mayBeIncremental = isIncremental || source === 'cache';
    const built = { target, files, fingerprint, mayBeIncremental, isCompiled: source === 'compiled' };
    this.built.set(target, built);
    const counted = source === 'remote' ? 'cache' : source === 'agent' ? 'compiled' : source;
    this.#record({ target, result: counted, duration, compileDuration });
    const size = firmwareSize(files);
    this.#options.emit({
      type: 'target-finished',
      ...{ target, source, files, duration, compileDuration, compiledAt },
      ...(size && { size: size.bytes }),
      ...(memory && { memory }),
      ...(fingerprint !== undefined && { fingerprint }),
      ...(signer !== undefined && { signer }),
      ...(bound !== undefined && { bound }),
      ...(ccache !== undefined && { ccache }),
      ...(agent !== undefined && { agent }),
    });
    if (size) this.#sizes.set(target, size);
    return files;
  }

  /** Warns of firmware whose size is very different from that of the last build. */
  async #compareSizes(): Promise<void> {
    const { plan, builds, emit } = this.#options;
    const before = await builds.exchangeSizes(plan.configDirectory, this.#sizes);
    for (const [target, last] of before) {
      const message = sizeWarning(last, this.#sizes.get(target)!);
      if (message) emit({ type: 'warning', target, message });
    }
  }

  /** Reports a target that failed; a cancelled one counts as cancelled. */
  fail(
    target: string,
    failure: CompileFailure | WorkerFailure,
    began: number,
    diagnosis?: Diagnosis | undefined,
    agent?: string,
  ): void {
    if (failure.reason === 'cancelled') {
      this.cancel(target);
      return;
    }
    this.summary.failed++;
    const { ok: _, excerpt: __, ...told } = failure;
    const duration = performance.now() - began;
    this.#times.set(target, { compileDuration: duration, cached: false });
    this.#record({ target, result: 'failed', duration });
    this.#options.emit({
      ...{ ...told, reason: failure.reason, type: 'target-failed', target, duration },
      ...(diagnosis && { diagnosis }),
      ...(agent !== undefined && { agent }),
    });
  }

  /** Reports a target that was cancelled. */
  cancel(target: string): false {
    this.summary.cancelled++;
    this.#record({ target, result: 'cancelled', duration: 0 });
    this.#options.emit({ type: 'target-cancelled', target });
    return false;
  }

  #record(metrics: TargetMetrics): void {
    this.#recording.push(this.#options.metrics.record(metrics));
  }

  /** Waits for what is recorded, and completes the summary. */
  async finish(durationMs: () => number): Promise<void> {
    await Promise.all([...this.#recording, this.#compareSizes()]);
    this.summary.duration = durationMs();
    const { targets, jobs } = this.#options.plan;
    const times = targets.map(({ artifactName }) => this.#times.get(artifactName));
    this.summary.saved = timeSaved(
      times.filter(time => time !== undefined),
      jobs,
      this.summary.duration,
    );
  }
}

/** The expected errors of this thread, as a target's failure. A bug is rethrown. */
export function failureOf(error: unknown, place: string): CompileFailure {
  if (isSystemError(error)) {
    return { ok: false, reason: 'output', message: describeSystemError(error, place), lastLines: [] };
  }
  if (!(error instanceof GloveboxError)) throw error;
  const { code, message } = error;
  const reason =
    code === 'GLOVEBOX_INPUT' ? 'inputs' : code === 'GLOVEBOX_CANNOT_START' ? 'cannot-start' : 'output';
  return { ok: false, reason, message, lastLines: [] };
}
