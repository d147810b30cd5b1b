// One run of a build plan. Targets in the cache are restored; the others are compiled in worker threads, in parallel.
import pLimit from 'p-limit';
import { addToHistory, REMOTE_HISTORY_TAG } from '../cache/remote/history.ts';
import { openRemoteTier } from '../cache/remote/open.ts';
import { DEFAULT_CONFIG_PATH } from '../config/toolchain-options.ts';
import { GloveboxError } from '../errors.ts';
import { createCacheFromUserConfig } from '../registry.ts';
import { EventSink } from './event-sink.ts';
import type { BuildListener, BuildSummary, EventBody, RemoteUse } from './events.ts';
import {
  type CachingCompiler,
  type CompilationBuildCacheService,
  createCompilationBuildCacheService,
  createZmkWestService,
  type Toolchain,
} from './incremental/index.ts';
import { SharedFirmware } from './incremental/shared-firmware.ts';
import type { Target } from './matrix/target.ts';
import { createMetricsService } from './metrics.ts';
import type { RunOptions } from './options.ts';
import { createFirmwareCacheService, type FirmwareCacheService } from './output/firmware.ts';
import { OutputDirectory } from './output/output.ts';
import type { Plan } from './plan.ts';
import { failureOf, TargetOutcomes } from './target-outcomes.ts';
import { loadToolchain } from './toolchains/load.ts';
import { TargetTracing } from './tracing.ts';

/** Limit on concurrent lookups in the remote cache. */
const ASKED_AT_ONCE = 16;

/** Arguments of a run besides its plan. */
export interface RunContext {
  /**
   * The toolchain, if its preparation has already begun; see `Toolchain.prepare`. Default: it is loaded from the plan.
   */
  prepared: Toolchain | undefined;
  options: RunOptions;
  /** By `performance.now()`. */
  started: number;
  /** Ends what `prepared` began, and this run. */
  stop: AbortController;
  /** Aborts with `stop`, and with the caller's own signal. */
  signal: AbortSignal;
}

/** Builds the targets of a plan, or with `dryRun` only reports what would happen; see `build`. */
export async function runPlan(plan: Plan, context: RunContext): Promise<BuildSummary> {
  const builds = createCompilationBuildCacheService(plan.userConfig, plan.cacheOptions);
  const toolchain = context.prepared ?? (await loadToolchain(plan.toolchain, { cache: builds.cache }));
  const run = new BuildRun(plan, builds, toolchain, context);
  if (context.prepared !== undefined) await run.openCaches();
  if (context.options.dryRun) return run.plan();
  const summary = await run.build();
  if (plan.incremental === 'always' && !context.options.isWatched) await run.prepareNext();
  return summary;
}

class BuildRun {
  readonly #plan: Plan;
  readonly #options: RunOptions;
  readonly #started: number;
  readonly #builds: CompilationBuildCacheService;
  readonly #firmware: FirmwareCacheService;
  readonly #toolchain: Toolchain;
  readonly #compiler: CachingCompiler;
  readonly #shared: SharedFirmware | undefined;
  /** Why targets are not in the local cache, by artifact name. Kept until the remote cache has answered. */
  readonly #reasons = new Map<string, string[]>();
  readonly #signal: AbortSignal;
  readonly #outcomes: TargetOutcomes;
  readonly #events: EventSink;
  #warnedOfCache = false;

  constructor(
    plan: Plan,
    builds: CompilationBuildCacheService,
    toolchain: Toolchain,
    { options, started, stop, signal }: RunContext,
  ) {
    const { configDirectory, userConfig, cacheOptions } = plan;
    this.#plan = plan;
    this.#options = options;
    this.#started = started;
    this.#builds = builds;
    this.#firmware = createFirmwareCacheService(userConfig, cacheOptions);
    this.#toolchain = toolchain;
    this.#compiler = createZmkWestService({
      toolchain,
      configDirectory,
      builds: this.#builds,
      firmware: this.#firmware,
    });
    this.#shared =
      plan.remote &&
      new SharedFirmware(
        openRemoteTier({
          ...plan.remote,
          onWarning: message => this.#emit({ type: 'warning', message }),
        }),
        this.#builds,
        this.#firmware,
      );
    this.#signal = signal;
    this.#outcomes = new TargetOutcomes({
      ...{ plan, builds, metrics: createMetricsService({ userConfig }) },
      emit: event => this.#emit(event),
    });
    const tracing = new TargetTracing(configDirectory);
    const onEvent: BuildListener = event => {
      tracing.event(event);
      options.onEvent(event);
    };
    this.#events = new EventSink(onEvent, stop);
  }

  /** Opens the caches now. Otherwise they open on first use. */
  async openCaches(): Promise<void> {
    for (const { cache } of [this.#builds, this.#firmware]) await cache.has('whichever key');
  }

  /** Reports what a build would do. */
  async plan(): Promise<BuildSummary> {
    this.#emitStart();
    await this.#emitNotes();
    for (const target of this.#plan.targets) {
      if (this.#signal.aborted) break;
      const name = target.artifactName;
      try {
        const found = await this.#compiler.lookup(target, this.#signal);
        const planned = { type: 'target-planned', target: name } as const;
        if (found.hit) this.#emit({ ...planned, plan: 'cache', why: [], compiledAt: found.compiledAt });
        else if (this.#shared && (await this.#compiler.isShared(target, this.#shared, this.#signal)))
          this.#emit({ ...planned, plan: 'remote', why: [] });
        else this.#emit({ ...planned, plan: 'compile', why: found.why });
      } catch (error) {
        if (this.#signal.aborted) break;
        if (!(error instanceof GloveboxError)) throw error;
        this.#emit({ type: 'target-planned', target: name, plan: 'compile', why: [error.message] });
      }
    }
    return this.#finish();
  }

  /** Builds the targets. */
  async build(): Promise<BuildSummary> {
    const output = await OutputDirectory.open(this.#plan.outputDirectory);
    try {
      this.#emitStart();
      await this.#emitNotes();
      const missed: Target[] = [];
      // One staging directory for all: restored files move on at once, and a miss leaves nothing behind.
      const directory = output.stage();
      for (const target of this.#plan.targets) {
        if (await this.#restore(target, directory, output)) missed.push(target);
      }
      await this.#warnOfCache();
      const left = await this.#restoreShared(missed, output);
      if (left.length > 0) await this.#compile(left, output);
      await this.#emitUnusedKeymaps();
      if (this.#options.verify) await this.#verify(output);
    } finally {
      await output.close();
    }
    return this.#finish();
  }

  /** Restores a target from the cache; resolves to whether it has to be compiled. */
  async #restore(target: Target, directory: string, output: OutputDirectory): Promise<boolean> {
    const name = target.artifactName;
    const began = performance.now();
    if (this.#isStopped(name)) return this.#outcomes.cancel(name);
    this.#emit({ type: 'target-checking', target: name });
    try {
      const result = await this.#compiler.restore(target, directory, this.#signal);
      if (!result.ok) {
        this.#missed(name, result.why);
        return true;
      }
      this.#outcomes.deliver(name, result, output, began);
    } catch (error) {
      if (this.#signal.aborted) return this.#outcomes.cancel(name);
      this.#outcomes.fail(name, failureOf(error, output.path), began);
    }
    return false;
  }

  /** Restores targets from the remote cache; resolves to those that have to be compiled. */
  async #restoreShared(targets: Target[], output: OutputDirectory): Promise<Target[]> {
    const shared = this.#shared;
    if (shared === undefined) return targets;
    const limit = pLimit(ASKED_AT_ONCE);
    const isLeft = await Promise.all(
      targets.map(target => limit(() => this.#restoreOneShared(target, shared, output))),
    );
    return targets.filter((_, index) => isLeft[index]);
  }

  async #restoreOneShared(target: Target, shared: SharedFirmware, output: OutputDirectory): Promise<boolean> {
    const name = target.artifactName;
    const began = performance.now();
    if (this.#isStopped(name)) return this.#outcomes.cancel(name);
    try {
      const result = await this.#compiler.restoreShared(target, shared, output.stage(), this.#signal);
      if (!result.ok) {
        this.#missed(name, result.why);
        return true;
      }
      this.#outcomes.deliver(name, result, output, began);
      return false;
    } catch (error) {
      if (this.#isStopped(name)) return this.#outcomes.cancel(name);
      this.#outcomes.fail(name, failureOf(error, output.path), began);
      return false;
    }
  }

  /** Reports why a target has to be compiled, once the last cache has missed. */
  #missed(name: string, why: string[]): void {
    const before = this.#reasons.get(name);
    if (this.#shared !== undefined && before === undefined) {
      this.#reasons.set(name, why);
      return;
    }
    this.#emit({ type: 'target-missed', target: name, why: [...(before ?? []), ...why] });
  }

  async #compile(targets: Target[], output: OutputDirectory): Promise<void> {
    // Loaded late: a build that finds everything in the cache needs none of it.
    const { CompilePhase } = await import('./compile-phase.ts');
    const phase = new CompilePhase({
      ...{ plan: this.#plan, options: this.#options, toolchain: this.#toolchain, compiler: this.#compiler },
      ...{ shared: this.#shared, outcomes: this.#outcomes, events: this.#events, output },
      ...{ signal: this.#signal, isIncremental: this.#isIncremental },
      isStopped: target => this.#isStopped(target),
    });
    await phase.compile(targets);
  }

  /** Finds out which objects the next build may reuse. */
  async prepareNext(): Promise<void> {
    const { recordAll } = await import('./toolchains/record-all.ts');
    const { targets, cores } = this.#plan;
    const built = targets.filter(({ artifactName }) => this.#outcomes.built.get(artifactName)?.isCompiled);
    await recordAll(this.#toolchain, built, { signal: this.#signal, jobs: cores });
  }

  get #isIncremental(): boolean {
    const { incremental } = this.#plan;
    return incremental === 'always' || (incremental === 'watch' && this.#options.isWatched === true);
  }

  /** Compiles every target once more, pristine, and replaces what differs. */
  async #verify(output: OutputDirectory): Promise<void> {
    const { verifyTargets } = await import('./verify.ts');
    const built = [...this.#outcomes.built.values()];
    const { summary } = this.#outcomes;
    summary.different = 0;
    await verifyTargets(this.#plan, built, {
      ...{ output, signal: this.#signal, firmware: this.#firmware },
      onOutput: (target, line) => this.#emit({ type: 'target-output', target, line }),
      onVerified: (target, different, message) => {
        if (different === undefined) {
          if (message !== undefined) this.#emit({ type: 'warning', target, message });
          return;
        }
        if (different.length > 0) summary.different = (summary.different ?? 0) + 1;
        this.#emit({ type: 'target-verified', target, different });
        if (message !== undefined) this.#emit({ type: 'warning', target, message });
      },
    });
  }

  #isStopped(target: string): boolean {
    return this.#signal.aborted || (this.#options.signalOf?.(target)?.aborted ?? false);
  }

  #emitStart(): void {
    const { configDirectory, outputDirectory, targets, jobs, toolchain } = this.#plan;
    this.#emit({
      type: 'build-started',
      ...{ configDirectory, outputDirectory, targets, jobs },
      toolchain: toolchain.kind,
      pid: process.pid,
    });
  }

  async #finish(): Promise<BuildSummary> {
    await this.#warnOfCache();
    const remoteCache = await this.#endSharing();
    await this.#outcomes.finish(() => performance.now() - this.#started);
    const { summary } = this.#outcomes;
    this.#emit({ type: 'build-finished', ...summary, ...(remoteCache && { remoteCache }) });
    this.#events.throwBug();
    return summary;
  }

  /** Waits for uploads within limits, and adds this build's use of the remote cache to its history. */
  async #endSharing(): Promise<RemoteUse | undefined> {
    const shared = this.#shared;
    if (shared === undefined) return undefined;
    const { tier, counts } = shared;
    if (this.#signal.aborted) tier.drop();
    const drop = () => tier.drop();
    this.#signal.addEventListener('abort', drop, { once: true });
    await shared.close();
    this.#signal.removeEventListener('abort', drop);
    const stats = tier.stats();
    const { userConfig, cacheOptions } = this.#plan;
    const history = createCacheFromUserConfig(userConfig, { ...cacheOptions, tag: REMOTE_HISTORY_TAG });
    await addToHistory(history, tier.url, { ...stats, ...counts });
    return { url: tier.url, ...counts, refused: stats.refused };
  }

  /**
   * Emits the warnings about the config and the toolchain. A toolchain that cannot be asked is reported with each
   * target.
   */
  async #emitNotes(): Promise<void> {
    for (const message of this.#plan.warnings) this.#emit({ type: 'warning', message });
    try {
      const notes = (await this.#toolchain.notes?.(this.#signal)) ?? [];
      for (const message of notes) this.#emit({ type: 'warning', message });
    } catch (error) {
      if (!this.#signal.aborted && !(error instanceof GloveboxError)) throw error;
    }
  }

  /** Warns about keymaps that no target used, if that is certain. */
  async #emitUnusedKeymaps(): Promise<void> {
    const { configDirectory, targets, toolchain, userConfig } = this.#plan;
    const { compiled, cached } = this.#outcomes.summary;
    if (toolchain.kind === 'command' || this.#outcomes.read === undefined || this.#options.isPartial) return;
    if (compiled + cached < targets.length) return;
    const { configPath = DEFAULT_CONFIG_PATH } = userConfig.build;
    const { unusedKeymaps } = await import('./diagnosis/unused-keymaps.ts');
    const found = await unusedKeymaps({ configDirectory, configPath, targets, read: this.#outcomes.read });
    for (const message of found) this.#emit({ type: 'warning', message });
  }

  /** Warns, once, that a store cannot be used. */
  async #warnOfCache(): Promise<void> {
    for (const { cache } of [this.#builds, this.#firmware]) {
      if (this.#warnedOfCache) return;
      const { degraded, tag } = await cache.stats();
      if (degraded === undefined) continue;
      this.#warnedOfCache = true;
      this.#emit({
        type: 'warning',
        message: `The cache '${tag}' cannot be used, so nothing is kept for the next build: ${degraded}`,
        cacheReason: degraded,
      });
    }
  }

  #emit(event: EventBody): void {
    this.#events.emit(event);
  }
}
