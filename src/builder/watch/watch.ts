// Watch mode: builds what a saved change affects, and no more. Builds that the change makes obsolete are stopped.
//
//   saved ──► FileWatcher ──► Debouncer ──► scan: plan and inputs, what is different?
//                                            ├─ running targets that read it: stopped
//                                            ├─ other running targets: go on, and are checked again when they end
//                                            └─ all others: looked up, and built if their firmware is not current
//
// File system events only trigger a scan. The scan itself finds the changes, so no event has to be accurate.
import path from 'node:path';
import { GloveboxError } from '../../errors.ts';
import { buildPlan } from '../build.ts';
import { EventSink } from '../event-sink.ts';
import type { BuildEvent, EventBody } from '../events.ts';
import { createZmkWestService, openCompilationCache, type Toolchain } from '../incremental/index.ts';
import { PathBase } from '../inputs/path-base.ts';
import type { Target } from '../matrix/target.ts';
import type { BuildOptions } from '../options.ts';
import { type Plan, planBuild } from '../plan.ts';
import { loadToolchain } from '../toolchains/load.ts';
import { recordAll } from '../toolchains/record-all.ts';
import { type DebounceOptions, Debouncer } from './debouncer.ts';
import { changesOf, type Inputs, readInputs } from './declared-inputs.ts';
import { FileWatcher } from './file-watcher.ts';
import { IdleWork } from './idle-work.ts';
import { RunningTargets } from './running-targets.ts';
import { Verification } from './verification.ts';
import { Wakeups } from './wakeups.ts';

export interface WatchOptions extends Omit<BuildOptions, 'dryRun' | 'verify'>, DebounceOptions {}

/**
 * Builds every target of a config directory, then again what each saved change affects, until `signal` aborts. Resolves
 * when everything is stopped and cleaned up. Events: `build-started` at first and whenever the targets or the settings
 * change, the events of targets, and those of watching; no `build-finished`. Rejects as `build` does if nothing can be
 * built at the start. A later error is an event, and the next change tries again.
 */
export async function watchBuild(options: WatchOptions): Promise<void> {
  const watch = new Watch(options, await planBuild(options));
  await watch.run();
}

/** State of a plan at one moment. */
interface WatchState {
  plan: Plan;
  toolchain: Toolchain;
  inputs: Inputs;
}

/** Phase of the watch. What has happened meanwhile is in its {@link Wakeups}. */
type Phase =
  /** Targets are being built, or their results are still to be looked at. */
  | { is: 'building' }
  /** Everything is built, and that was announced. */
  | { is: 'waiting' }
  /** The latest change cannot be built. Targets that were running may be running still. */
  | { is: 'problem'; message: string; before: 'building' | 'waiting' };

class Watch {
  readonly #options: WatchOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #files: FileWatcher;
  readonly #debouncer: Debouncer;
  readonly #running = new RunningTargets();
  readonly #idle = new IdleWork();
  readonly #verification = new Verification(event => this.#emit(event));
  /** Runs that are building or cleaning up. */
  readonly #runs = new Set<Promise<void>>();
  readonly #paths: PathBase;
  #plan: Plan;
  #state: WatchState | undefined;
  readonly #wakeups = new Wakeups();
  #phase: Phase = { is: 'building' };
  /** Warnings that were already emitted, which every save would repeat. */
  #warned: ReadonlySet<string> = new Set();
  readonly #events: EventSink;

  constructor(options: WatchOptions, plan: Plan) {
    this.#options = options;
    this.#events = new EventSink(options.onEvent, this.#stop);
    this.#plan = plan;
    this.#paths = new PathBase(plan.configDirectory);
    this.#signal = options.signal ? AbortSignal.any([options.signal, this.#stop.signal]) : this.#stop.signal;
    this.#debouncer = new Debouncer(() => this.#wakeups.add('saved'), options);
    this.#files = new FileWatcher({
      onChange: () => {
        // The build that follows needs the cores.
        this.#idle.interrupt();
        this.#debouncer.trigger();
      },
      onError: error => this.#emit({ type: 'warning', message: watchErrorMessage(error) }),
    });
  }

  async run(): Promise<void> {
    const onAbort = () => this.#wakeups.add('aborted');
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      const state = await this.#scan(this.#plan);
      this.#state = state;
      this.#announce();
      this.#build(state.plan.targets);
      while (!this.#signal.aborted) {
        await this.#wakeups.wait();
        if (this.#signal.aborted) break;
        const isSaved = this.#wakeups.take().has('saved');
        await this.#update(isSaved).catch(error => this.#report(error));
        this.#waitIfDone();
      }
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
      this.#stop.abort();
      this.#debouncer.close();
      await this.#idle.stop().catch(error => this.#events.stopFor(error));
      await Promise.all(this.#runs);
      await this.#files.close();
    }
    this.#events.throwBug();
  }

  /** Starts watching, then reads the current state. */
  async #scan(plan: Plan): Promise<WatchState> {
    const cache = openCompilationCache(plan.userConfig, plan.cacheOptions);
    const toolchain = await loadToolchain(plan.toolchain, { cache });
    const except = [plan.outputDirectory, plan.cacheOptions.cacheRoot ?? plan.outputDirectory];
    for (;;) {
      const inputs = await readInputs(toolchain);
      const files = [...plan.userConfig.sources, plan.buildFile, ...inputs.keys()];
      // Files that changed between reading and watching would go unnoticed.
      if (!(await this.#files.set({ tree: plan.configDirectory, except, files })))
        return { plan, toolchain, inputs };
    }
  }

  /** Acts on the targets that have ended and, if files were saved, on the changes since the last scan. */
  async #update(isSaved: boolean): Promise<void> {
    await this.#idle.stop();
    const before = this.#state!;
    let state = before;
    let changes: string[] = [];
    let files: string[] = [];
    if (isSaved) {
      state = await this.#scan(await planBuild(this.#options));
      ({ files, changes } = changesOf(before.inputs, state.inputs, this.#paths));
    }
    if (this.#phase.is === 'problem') this.#phase = { is: 'building' };
    const settingsChanged = settingsKey(state.plan) !== settingsKey(before.plan);
    const matrixChanged = JSON.stringify(state.plan.targets) !== JSON.stringify(before.plan.targets);
    if (matrixChanged) changes.unshift(`the targets of ${path.basename(state.plan.buildFile)} changed`);
    if (settingsChanged) changes.unshift('the configuration changed');
    const targets = new Map(state.plan.targets.map(target => [target.artifactName, target]));

    const stopped = await this.#running.stop(async running => {
      const target = targets.get(running.target.artifactName);
      if (settingsChanged || !isSame(running.target, target)) return true;
      return files.length > 0 && this.#mayRead(state, running.target, files);
    });
    if (files.length > 0) this.#running.markMaybeStale();
    this.#state = state;
    if (settingsChanged) this.#running.forget();
    const maybeStale = this.#running.takeMaybeStale();
    const asked = [...targets.values()].filter(
      ({ artifactName }) => changes.length > 0 || maybeStale.includes(artifactName),
    );
    const needed: Target[] = [];
    for (const target of asked) {
      if (!this.#running.isRunning(target.artifactName) && (await this.#isOutOfDate(state, target)))
        needed.push(target);
    }
    if (needed.length + stopped > 0 || matrixChanged) {
      this.#emit({ type: 'watch-changed', changes, targets: needed.map(target => target.artifactName) });
    }
    if (matrixChanged || settingsChanged) this.#announce();
    this.#build(needed);
  }

  async #mayRead(state: WatchState, target: Target, files: string[]): Promise<boolean> {
    try {
      return await compilerOf(state).reads(target, files, this.#signal);
    } catch (error) {
      if (!(error instanceof GloveboxError)) throw error;
      return true;
    }
  }

  /** Whether a build would replace the firmware in the output directory. */
  async #isOutOfDate(state: WatchState, target: Target): Promise<boolean> {
    const built = this.#running.builtOf(target.artifactName);
    if (!built?.fingerprint || !isSame(built.target, target)) return true;
    try {
      const found = await compilerOf(state).lookup(target, this.#signal);
      return !found.hit || found.fingerprint !== built.fingerprint;
    } catch (error) {
      if (!(error instanceof GloveboxError)) throw error;
      // The build itself reports the error.
      return true;
    }
  }

  #build(targets: Target[]): void {
    if (targets.length === 0) return;
    const { plan } = this.#state!;
    const warnings = plan.warnings.filter(message => !this.#warned.has(message));
    this.#warned = new Set(plan.warnings);
    const jobs = Math.max(1, plan.jobs - this.#running.count);
    const started = this.#running.begin(targets);
    this.#phase = { is: 'building' };
    const run = buildPlan(
      { ...plan, targets, jobs, warnings },
      {
        signal: this.#signal,
        isPartial: targets.length < plan.targets.length,
        isWatched: true,
        signalOf: name => started.get(name)?.signal,
        traceparentOf: this.#options.traceparentOf,
        onEvent: event => this.#relay(event),
      },
    )
      .then(
        () => {},
        error => this.#report(error),
      )
      .then(() => {
        for (const name of started.keys()) this.#running.end(started.get(name)!);
        this.#runs.delete(run);
        this.#wakeups.add('ended');
      });
    this.#runs.add(run);
  }

  #relay(event: BuildEvent): void {
    if (event.type === 'build-started' || event.type === 'build-finished') return;
    this.#options.onEvent(event);
    if (event.type === 'target-path') {
      this.#verification.built(event);
      return;
    }
    if (event.type === 'target-finished')
      this.#running.finish(event.target, { fingerprint: event.fingerprint, files: event.files });
    else if (event.type === 'target-failed' || event.type === 'target-cancelled')
      this.#running.finish(event.target);
    else return;
    this.#wakeups.add('ended');
  }

  #announce(): void {
    const { configDirectory, outputDirectory, targets, jobs, toolchain } = this.#state!.plan;
    const told = { configDirectory, outputDirectory, targets, jobs, toolchain: toolchain.kind };
    this.#emit({ type: 'build-started', ...told, pid: process.pid });
  }

  #waitIfDone(): void {
    const phase = this.#phase.is === 'problem' ? this.#phase.before : this.#phase.is;
    if (phase === 'waiting' || this.#runs.size > 0 || this.#signal.aborted) return;
    if (this.#phase.is === 'problem') this.#phase.before = 'waiting';
    else this.#phase = { is: 'waiting' };
    const { targets } = this.#state!.plan;
    const ready = targets.filter(({ artifactName }) => this.#running.builtOf(artifactName)).length;
    this.#emit({ type: 'watch-waiting', ready, failed: targets.length - ready });
    this.#idle.begin(signal => this.#useIdleTime(signal).catch(error => this.#report(error)));
  }

  /** Prepares the next builds, and verifies the last ones. */
  async #useIdleTime(signal: AbortSignal): Promise<void> {
    const { plan, toolchain } = this.#state!;
    if (plan.incremental === 'off') return;
    const isDone = await recordAll(toolchain, plan.targets, { signal, jobs: plan.cores });
    if (isDone) await this.#verification.run(plan, name => this.#running.builtOf(name), signal);
  }

  /** Reports an expected error; a bug ends the watch. */
  #report(error: unknown): void {
    if (this.#signal.aborted) return;
    if (!(error instanceof GloveboxError)) {
      this.#events.stopFor(error);
      return;
    }
    const { message } = error;
    if (this.#phase.is !== 'problem') this.#phase = { is: 'problem', message, before: this.#phase.is };
    // Saving a broken file again adds nothing new.
    else if (this.#phase.message === message) return;
    else this.#phase.message = message;
    this.#emit({ type: 'watch-problem', message });
  }

  #emit(event: EventBody): void {
    this.#events.emit(event);
  }
}

/** The consequence of a failed watch, and the remedy. */
function watchErrorMessage(error: NodeJS.ErrnoException): string {
  const remedy =
    {
      ENOSPC: ' Raise the limit: sysctl fs.inotify.max_user_watches=524288.',
      EMFILE: ' Raise the limit: ulimit -n.',
    }[error.code ?? ''] ?? '';
  return `Some changes may go unnoticed: ${error.message}.${remedy}`;
}

function compilerOf({ plan, toolchain }: WatchState) {
  const { configDirectory, userConfig, cacheOptions } = plan;
  return createZmkWestService({ toolchain, configDirectory, userConfig, cacheOptions });
}

/** All settings that affect how targets are built. */
function settingsKey({ targets: _, warnings: __, incremental: ___, ...plan }: Plan): string {
  return JSON.stringify(plan);
}

function isSame(a: Target, b: Target | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
