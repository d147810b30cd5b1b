// One run of a build plan. Targets in the cache are restored; the others are compiled in worker threads, in parallel.

import pLimit from 'p-limit';
import { addToHistory, REMOTE_HISTORY_TAG } from '../cache/remote/history.ts';
import { openRemoteTier } from '../cache/remote/open.ts';
import { DEFAULT_CONFIG_PATH } from '../config/toolchain-options.ts';
import { GloveboxError } from '../errors.ts';
import { createCacheFromUserConfig } from '../registry.ts';
import type { Claim } from './agents/distribution.ts';
import type { Distributor, SharedClaim } from './agents/distributor.ts';
import type { Diagnosis } from './diagnosis/diagnosis.ts';
import { EventSink } from './event-sink.ts';
import type { BuildListener, BuildSummary, EventBody, RemoteUse } from './events.ts';
import {
  type CachingCompiler,
  type CompilationBuildCacheService,
  type CompileEvent,
  type CompileFailure,
  type CompileSuccess,
  createCompilationBuildCacheService,
  createZmkWestService,
  describeSystemError,
  isSystemError,
  type Toolchain,
} from './incremental/index.ts';
import { SharedFirmware } from './incremental/shared-firmware.ts';
import type { Target } from './matrix/target.ts';
import type { TargetMetrics } from './metrics/metrics.ts';
import { createMetricsService, type MetricsService } from './metrics/service.ts';
import { type TargetTime, timeSaved } from './metrics/time-saved.ts';
import type { RunOptions } from './options.ts';
import { createFirmwareCacheService, type FirmwareCacheService } from './output/firmware.ts';
import { type FirmwareSize, firmwareSize, sizeWarning } from './output/firmware-size.ts';
import { OutputDirectory } from './output/output.ts';
import type { Plan } from './plan.ts';
import { loadToolchain } from './toolchains/load.ts';
import { TargetTracing } from './tracing.ts';
import type { BuiltTarget } from './verify.ts';
import type { CompileSession } from './workers/compile-session.ts';
import type { FamilySchedule } from './workers/family-schedule.ts';
import type { WorkerFailure } from './workers/pool.ts';

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

/** What compiles the targets of a run. */
interface Compiling {
  session: CompileSession;
  schedule: FamilySchedule;
  output: OutputDirectory;
}

class BuildRun {
  readonly #plan: Plan;
  readonly #options: RunOptions;
  readonly #started: number;
  readonly #builds: CompilationBuildCacheService;
  readonly #firmware: FirmwareCacheService;
  readonly #toolchain: Toolchain;
  readonly #compiler: CachingCompiler;
  readonly #metrics: MetricsService;
  readonly #shared: SharedFirmware | undefined;
  /** Why targets are not in the local cache, by artifact name. Kept until the remote cache has answered. */
  readonly #reasons = new Map<string, string[]>();
  readonly #recording: Promise<unknown>[] = [];
  /** By artifact name. */
  readonly #built = new Map<string, BuiltTarget & { isCompiled: boolean }>();
  /** Targets that took objects of their last build over, by artifact name. */
  readonly #upon = new Set<string>();
  /** Claimed jobs whose firmware is being uploaded. */
  readonly #ending: Promise<void>[] = [];
  readonly #signal: AbortSignal;
  readonly #summary: BuildSummary;
  /** By artifact name. */
  readonly #times = new Map<string, TargetTime>();
  /** Every file that any target read; undefined once the files of one target are unknown. */
  #read: Set<string> | undefined = new Set();
  readonly #events: EventSink;
  #warnedOfCache = false;

  constructor(
    plan: Plan,
    builds: CompilationBuildCacheService,
    toolchain: Toolchain,
    { options, started, stop, signal }: RunContext,
  ) {
    const { configDirectory, userConfig, cacheOptions, outputDirectory } = plan;
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
    this.#metrics = createMetricsService({ userConfig });
    this.#signal = signal;
    const none = {
      compiled: 0,
      agents: 0,
      cached: 0,
      remote: 0,
      failed: 0,
      cancelled: 0,
      duration: 0,
      saved: 0,
    };
    this.#summary = { ...none, outputDirectory };
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
      if (left.length > 0) await this.#compileAll(left, output);
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
    if (this.#isStopped(name)) return this.#cancel(name);
    this.#emit({ type: 'target-checking', target: name });
    try {
      const result = await this.#compiler.restore(target, directory, this.#signal);
      if (!result.ok) {
        this.#missed(name, result.why);
        return true;
      }
      this.#deliver(name, result, output, began);
    } catch (error) {
      if (this.#signal.aborted) return this.#cancel(name);
      this.#fail(name, failureOf(error, output.path), began);
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
    if (this.#isStopped(name)) return this.#cancel(name);
    try {
      const result = await this.#compiler.restoreShared(target, shared, output.stage(), this.#signal);
      if (!result.ok) {
        this.#missed(name, result.why);
        return true;
      }
      this.#deliver(name, result, output, began);
      return false;
    } catch (error) {
      if (this.#isStopped(name)) return this.#cancel(name);
      this.#fail(name, failureOf(error, output.path), began);
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

  async #compileAll(targets: Target[], output: OutputDirectory): Promise<void> {
    const threads = Math.min(this.#plan.jobs, targets.length);
    // Loaded late: a build that finds everything in the cache needs none of it.
    const { CompileSession } = await import('./workers/compile-session.ts');
    const { FamilySchedule } = await import('./workers/family-schedule.ts');
    const schedule = new FamilySchedule({ cores: this.#plan.cores, threads, targets });
    let session: CompileSession | undefined;
    const compileHere = (target: Target, claimed?: SharedClaim) =>
      this.#compileInTurn(target, { session: session!, schedule, output }, claimed);
    const opening = this.#openDistributor(() => session!, compileHere, output);
    try {
      session = await CompileSession.open(this.#plan, threads);
    } catch (error) {
      await (await opening)?.close();
      throw error;
    }
    const cancel = () => session.cancel();
    try {
      this.#signal.addEventListener('abort', cancel, { once: true });
      if (this.#signal.aborted) cancel();
      const distributor = await opening;
      if (distributor !== undefined) {
        await distributor.build(targets, threads, this.#ending);
        return;
      }
      const queue = targets.values();
      const work = async () => {
        // All workers share one iterator: each takes the next target.
        for (const target of queue) await compileHere(target);
      };
      const workers = Array.from({ length: threads }, () => work().catch(bug => this.#events.stopFor(bug)));
      await Promise.all(workers);
    } finally {
      this.#signal.removeEventListener('abort', cancel);
      await session.close();
    }
  }

  /** Opens the queue of agents, if there is one to use. */
  async #openDistributor(
    session: () => CompileSession,
    compileHere: (target: Target, claimed?: SharedClaim) => Promise<void>,
    output: OutputDirectory,
  ): Promise<Distributor | undefined> {
    const shared = this.#shared;
    if (this.#plan.agents === undefined || shared === undefined || this.#signal.aborted) return undefined;
    const { openDistributor } = await import('./agents/distributor.ts');
    return openDistributor({
      ...{ plan: this.#plan, toolchain: this.#toolchain, compiler: this.#compiler, tier: shared.tier },
      signal: this.#signal,
      signalOf: target => this.#options.signalOf?.(target),
      emit: event => this.#emit(event),
      compileHere,
      deliverBuilt: (target, by, source, began) =>
        this.#deliverBuilt(target, shared, output, { by, source, began }),
      fail: (target, failure, began, by) => this.#diagnose(target, failure, began, session(), by),
      cancel: target => void this.#cancel(target),
      onBug: error => this.#events.stopFor(error),
      logFile: target => session().logFile(target),
    });
  }

  /** Fetches what an agent has compiled, and delivers it. */
  async #deliverBuilt(
    target: Target,
    shared: SharedFirmware,
    output: OutputDirectory,
    { by, source, began }: { by: string; source: 'compiled' | 'cache'; began: number },
  ): Promise<boolean> {
    const name = target.artifactName;
    try {
      const result = await this.#compiler.restoreShared(target, shared, output.stage(), this.#signal, true);
      if (!result.ok) {
        if (this.#isStopped(name)) return false;
        const why = result.why.length === 0 ? 'the remote cache does not deliver it' : result.why.join(', ');
        const message = `${name} was built by ${by}, but cannot be had: ${why}. It is compiled here.`;
        this.#emit({ type: 'warning', message });
        return false;
      }
      const told = source === 'compiled' ? ({ ...result, source: 'agent', agent: by } as const) : result;
      this.#deliver(name, told, output, began);
    } catch (error) {
      if (this.#isStopped(name)) return false;
      this.#fail(name, failureOf(error, output.path), began);
    }
    return true;
  }

  /** Compiles a target, and lets those go on that waited for its objects. */
  async #compileInTurn(target: Target, parts: Compiling, claimed?: SharedClaim): Promise<void> {
    let isCompiled = false;
    try {
      isCompiled = await this.#compile(target, parts, claimed);
    } finally {
      parts.schedule.leave(target, isCompiled);
    }
  }

  /** Resolves to whether it was compiled here. */
  async #compile(
    target: Target,
    { session, schedule, output }: Compiling,
    claimed?: SharedClaim,
  ): Promise<boolean> {
    const name = target.artifactName;
    if (this.#isStopped(name)) {
      await claimed?.claim.cancel();
      return this.#cancel(name);
    }
    const began = performance.now();
    try {
      if (claimed !== undefined && (await this.#restoreClaimed(target, output, claimed, began))) return false;
      const described = await this.#compiler.describe(target, this.#signal);
      const result =
        'reason' in described
          ? described
          : await session.compile({
              ...{ target, described },
              directory: output.stage(),
              onEvent: (event, thread) => {
                this.#relay(name, event, thread);
                if (claimed !== undefined) relayToFollowers(event, claimed);
              },
              // Only what was built pristine goes to other machines.
              incremental: claimed === undefined && this.#isIncremental,
              onConfigured: () => this.#enter(target, schedule),
              traceparent: this.#options.traceparentOf?.(name),
              signal: this.#options.signalOf?.(name),
            });
      if (result.ok) {
        const isFound = await this.#deliverAndShare(name, result, output, began);
        if (claimed !== undefined) this.#ending.push(completeClaim(claimed.claim, result, isFound));
        return result.source === 'compiled';
      }
      if (result.reason === 'cancelled' || this.#isStopped(name)) {
        await claimed?.claim.cancel();
        this.#cancel(name);
      } else {
        await Promise.all([
          claimed && failClaim(claimed.claim, result),
          this.#diagnose(target, result, began, session),
        ]);
      }
    } catch (error) {
      await claimed?.claim.refuse({ kind: 'trouble', why: 'its machine could not deliver it' });
      this.#fail(name, failureOf(error, output.path), began);
    }
    return false;
  }

  /** Waits until it is the target's turn to compile its objects; resolves to how many processes it may run. */
  async #enter(target: Target, schedule: FamilySchedule): Promise<number> {
    const name = target.artifactName;
    const stop = this.#options.signalOf?.(name);
    let isHeld = false;
    const onWait = (behind: string) => {
      isHeld = true;
      this.#emit({ type: 'target-held', target: name, behind });
    };
    const signal = stop === undefined ? this.#signal : AbortSignal.any([this.#signal, stop]);
    const jobs = await schedule.enter(target, onWait, signal);
    if (isHeld && !signal.aborted) this.#emit({ type: 'target-resumed', target: name, jobs });
    return jobs;
  }

  /** Finds out what the next build may take over. */
  async prepareNext(): Promise<void> {
    const { recordAll } = await import('./toolchains/record-all.ts');
    const { targets, cores } = this.#plan;
    const built = targets.filter(({ artifactName }) => this.#built.get(artifactName)?.isCompiled);
    await recordAll(this.#toolchain, built, { signal: this.#signal, jobs: cores });
  }

  get #isIncremental(): boolean {
    const { incremental } = this.#plan;
    return incremental === 'always' || (incremental === 'watch' && this.#options.isWatched === true);
  }

  /** Compiles every target once more, pristine, and replaces what differs. */
  async #verify(output: OutputDirectory): Promise<void> {
    const { verifyTargets } = await import('./verify.ts');
    const built = [...this.#built.values()];
    this.#summary.different = 0;
    await verifyTargets(this.#plan, built, {
      ...{ output, signal: this.#signal, firmware: this.#firmware },
      onOutput: (target, line) => this.#emit({ type: 'target-output', target, line }),
      onVerified: (target, different, message) => {
        if (different === undefined) {
          if (message !== undefined) this.#emit({ type: 'warning', target, message });
          return;
        }
        if (different.length > 0) this.#summary.different = (this.#summary.different ?? 0) + 1;
        this.#emit({ type: 'target-verified', target, different });
        if (message !== undefined) this.#emit({ type: 'warning', target, message });
      },
    });
  }

  /** Delivers a claimed target if another machine has compiled it meanwhile. */
  async #restoreClaimed(
    target: Target,
    output: OutputDirectory,
    { claim }: SharedClaim,
    began: number,
  ): Promise<boolean> {
    const shared = this.#shared;
    if (shared === undefined) return false;
    const result = await this.#compiler.restoreShared(target, shared, output.stage(), this.#signal, true);
    if (!result.ok || result.fingerprint === undefined) return false;
    this.#deliver(target.artifactName, result, output, began);
    await claim.complete(result.fingerprint);
    return true;
  }

  /** Reports a failure with its cause. */
  async #diagnose(
    target: Target,
    failure: CompileFailure | WorkerFailure,
    began: number,
    session: CompileSession,
    agent?: string,
  ): Promise<void> {
    session.keepLogs();
    const { configDirectory, buildFile } = this.#plan;
    // The import itself fails if the process is out of file descriptors. The failure is then reported
    // without a diagnosis.
    const diagnosing = import('./diagnosis/index.ts').then(({ diagnose }) =>
      diagnose({ configDirectory, buildFile, board: target.board, ...failure }),
    );
    this.#fail(target.artifactName, failure, began, await diagnosing.catch(() => undefined), agent);
  }

  #isStopped(target: string): boolean {
    return this.#signal.aborted || (this.#options.signalOf?.(target)?.aborted ?? false);
  }

  #relay(target: string, event: CompileEvent, thread: number): void {
    // `checking` and `missed` were emitted before the target went to the thread.
    if (event.type === 'waiting') this.#emit({ type: 'target-waiting', target, thread, pid: event.pid });
    else if (event.type === 'compiling') this.#emit({ ...event, type: 'target-compiling', target, thread });
    else if (event.type === 'path') {
      if (event.path.kind === 'incremental') this.#upon.add(target);
      else this.#upon.delete(target);
      this.#emit({ type: 'target-path', target, path: event.path });
    } else if (event.type === 'output') this.#emit({ type: 'target-output', target, line: event.line });
    else if (event.type === 'warning') this.#emit(event);
  }

  /**
   * Delivers a target, and uploads it if other machines can use it and it was built pristine. Resolves to the upload's
   * end.
   */
  async #deliverAndShare(
    target: string,
    result: CompileSuccess,
    output: OutputDirectory,
    began: number,
  ): Promise<Promise<boolean>[]> {
    const { made, bound } = result;
    const isOfUse =
      made !== undefined &&
      bound === undefined &&
      !this.#upon.has(target) &&
      this.#shared?.tier.mode === 'read-write';
    const tell = isOfUse ? await this.#shared?.prepare(made, result) : undefined;
    const files = this.#deliver(target, result, output, began);
    // In an array, so that it is not awaited with the delivery.
    return tell === undefined ? [] : [tell(files)];
  }

  #deliver(target: string, result: CompileSuccess, output: OutputDirectory, began: number): string[] {
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
    for (const message of warnings) this.#emit({ type: 'warning', target, message });
    const duration = performance.now() - began;
    const isCompiled = source === 'compiled' || source === 'agent';
    if (isCompiled) this.#summary.compiled++;
    else this.#summary.cached++;
    if (source === 'agent') this.#summary.agents++;
    if (source === 'remote') this.#summary.remote++;
    this.#times.set(target, { compileDuration, cached: !isCompiled });
    const mayBeIncremental = source === 'compiled' ? this.#upon.has(target) : source === 'cache';
    const built = { target, files, fingerprint, mayBeIncremental, isCompiled: source === 'compiled' };
    this.#built.set(target, built);
    const counted = source === 'remote' ? 'cache' : source === 'agent' ? 'compiled' : source;
    this.#record({ target, result: counted, duration, compileDuration });
    const size = firmwareSize(files);
    this.#emit({
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
    if (size) this.#recording.push(this.#compareSize(target, size));
    return files;
  }

  /** Warns if the firmware's size is very different from that of the last build. */
  async #compareSize(target: string, size: FirmwareSize): Promise<void> {
    const { configDirectory } = this.#plan;
    const before = await this.#builds.lastSize(configDirectory, target);
    const message = before && sizeWarning(before, size);
    if (message) this.#emit({ type: 'warning', target, message });
    if (before?.kind === size.kind && before.bytes === size.bytes) return;
    await this.#builds.setLastSize(configDirectory, target, size);
  }

  #fail(
    target: string,
    failure: CompileFailure | WorkerFailure,
    began: number,
    diagnosis?: Diagnosis | undefined,
    agent?: string,
  ): void {
    if (failure.reason === 'cancelled') {
      this.#cancel(target);
      return;
    }
    this.#summary.failed++;
    const { ok: _, excerpt: __, ...told } = failure;
    const duration = performance.now() - began;
    this.#times.set(target, { compileDuration: duration, cached: false });
    this.#record({ target, result: 'failed', duration });
    this.#emit({
      ...{ ...told, reason: failure.reason, type: 'target-failed', target, duration },
      ...(diagnosis && { diagnosis }),
      ...(agent !== undefined && { agent }),
    });
  }

  #cancel(target: string): false {
    this.#summary.cancelled++;
    this.#record({ target, result: 'cancelled', duration: 0 });
    this.#emit({ type: 'target-cancelled', target });
    return false;
  }

  #record(metrics: TargetMetrics): void {
    this.#recording.push(this.#metrics.record(metrics));
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
    await Promise.all(this.#recording);
    const remoteCache = await this.#endSharing();
    this.#summary.duration = performance.now() - this.#started;
    const { targets, jobs } = this.#plan;
    const times = targets.map(({ artifactName }) => this.#times.get(artifactName));
    this.#summary.saved = timeSaved(
      times.filter(time => time !== undefined),
      jobs,
      this.#summary.duration,
    );
    this.#emit({ type: 'build-finished', ...this.#summary, ...(remoteCache && { remoteCache }) });
    this.#events.throwBug();
    return this.#summary;
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
    const { compiled, cached } = this.#summary;
    if (toolchain.kind === 'command' || this.#read === undefined || this.#options.isPartial) return;
    if (compiled + cached < targets.length) return;
    const { configPath = DEFAULT_CONFIG_PATH } = userConfig.build;
    const { unusedKeymaps } = await import('./diagnosis/unused-keymaps.ts');
    const found = await unusedKeymaps({ configDirectory, configPath, targets, read: this.#read });
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

/** Passes the events of a target that is compiled here on to other builds that follow it. */
function relayToFollowers(event: CompileEvent, { claim, roots }: SharedClaim): void {
  if (event.type === 'compiling') claim.reporter.enter({ phase: 'compiling', jobs: event.jobs, roots });
  else if (event.type === 'output') claim.reporter.line(event.line);
}

/** Ends a claimed job once other builds can fetch its firmware. */
async function completeClaim(
  claim: Claim,
  { fingerprint, bound }: CompileSuccess,
  uploads: readonly Promise<boolean>[],
): Promise<void> {
  const isFound = (await Promise.all(uploads))[0] ?? false;
  if (isFound && fingerprint !== undefined) await claim.complete(fingerprint);
  else await claim.refuse({ kind: 'unshared', why: bound ?? 'it is not in the remote cache' });
}

/** Ends a claimed job with its failure. */
async function failClaim(claim: Claim, failure: CompileFailure | WorkerFailure): Promise<void> {
  const { reason, message, exitCode, lastLines, excerpt } = failure;
  if (reason === 'exit-status' || reason === 'no-artifacts' || reason === 'wrong-board')
    await claim.fail({ reason, message, exitCode, lastLines, excerpt });
  else await claim.refuse({ kind: 'trouble', why: message.replace(/\.$/, '') });
}

/** The expected errors of this thread, as a target's failure. A bug is rethrown. */
function failureOf(error: unknown, place: string): CompileFailure {
  if (isSystemError(error)) {
    return { ok: false, reason: 'output', message: describeSystemError(error, place), lastLines: [] };
  }
  if (!(error instanceof GloveboxError)) throw error;
  const { code, message } = error;
  const reason =
    code === 'GLOVEBOX_INPUT' ? 'inputs' : code === 'GLOVEBOX_CANNOT_START' ? 'cannot-start' : 'output';
  return { ok: false, reason, message, lastLines: [] };
}
