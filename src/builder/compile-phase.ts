// Compile phase of a run: compiles the targets that no cache has, in worker threads here and, with a queue, on agents.
import { completeClaim, failClaim, relayToFollowers } from './agents/claim-outcome.ts';
import type { Distributor } from './agents/distributor.ts';
import type { SharedClaim } from './agents/local-turns.ts';
import type { EventSink } from './event-sink.ts';
import type {
  CachingCompiler,
  CompileEvent,
  CompileFailure,
  CompileSuccess,
  Toolchain,
} from './incremental/index.ts';
import type { SharedFirmware } from './incremental/shared-firmware.ts';
import type { Target } from './matrix/target.ts';
import type { RunOptions } from './options.ts';
import type { OutputDirectory } from './output/output.ts';
import type { Plan } from './plan.ts';
import { failureOf, type TargetOutcomes } from './target-outcomes.ts';
import { CompileSession } from './workers/compile-session.ts';
import { FamilySchedule } from './workers/family-schedule.ts';
import type { WorkerFailure } from './workers/pool.ts';

export interface CompilePhaseOptions {
  plan: Plan;
  options: RunOptions;
  toolchain: Toolchain;
  compiler: CachingCompiler;
  /** The remote cache, if there is one. */
  shared: SharedFirmware | undefined;
  outcomes: TargetOutcomes;
  events: EventSink;
  /** Where firmware is staged and published. */
  output: OutputDirectory;
  /** Stops the run. */
  signal: AbortSignal;
  /** Whether targets may reuse objects of their last build. */
  isIncremental: boolean;
  /** Whether a target is stopped, with the run or by itself. */
  isStopped: (artifactName: string) => boolean;
}

export class CompilePhase {
  readonly #parts: CompilePhaseOptions;
  /** Targets that reused objects of their last build, by artifact name. */
  readonly #upon = new Set<string>();
  /** Claimed jobs whose firmware is being uploaded. */
  readonly #ending: Promise<void>[] = [];
  // Both exist once the phase has begun.
  #session!: CompileSession;
  #schedule!: FamilySchedule;

  constructor(parts: CompilePhaseOptions) {
    this.#parts = parts;
  }

  /** Compiles targets; resolves when each of them is delivered, failed or cancelled. */
  async compile(targets: Target[]): Promise<void> {
    const { plan, signal, events } = this.#parts;
    const threads = Math.min(plan.jobs, targets.length);
    this.#schedule = new FamilySchedule({ cores: plan.cores, threads, targets });
    const opening = this.#openDistributor();
    try {
      this.#session = await CompileSession.open(plan, threads);
    } catch (error) {
      await (await opening)?.close();
      throw error;
    }
    const cancel = () => this.#session.cancel();
    try {
      signal.addEventListener('abort', cancel, { once: true });
      if (signal.aborted) cancel();
      const distributor = await opening;
      if (distributor !== undefined) {
        await distributor.build(targets, threads, this.#ending);
        return;
      }
      const queue = targets.values();
      const work = async () => {
        // All workers share one iterator: each takes the next target.
        for (const target of queue) await this.#compileInTurn(target);
      };
      const workers = Array.from({ length: threads }, () => work().catch(bug => events.stopFor(bug)));
      await Promise.all(workers);
    } finally {
      signal.removeEventListener('abort', cancel);
      await this.#session.close();
    }
  }

  /** Opens the queue of agents, if there is one to use. */
  async #openDistributor(): Promise<Distributor | undefined> {
    const { plan, options, toolchain, compiler, shared, outcomes, events, signal } = this.#parts;
    if (plan.agents === undefined || shared === undefined || signal.aborted) return undefined;
    const { openDistributor } = await import('./agents/distributor.ts');
    return openDistributor({
      ...{ plan, toolchain, compiler, tier: shared.tier, signal },
      signalOf: target => options.signalOf?.(target),
      emit: event => events.emit(event),
      compileHere: (target, claimed) => this.#compileInTurn(target, claimed),
      deliverBuilt: (target, by, source, began) => this.#deliverBuilt(target, shared, { by, source, began }),
      fail: (target, failure, began, by) => this.#diagnose(target, failure, began, by),
      cancel: target => void outcomes.cancel(target),
      onBug: error => events.stopFor(error),
      logFile: target => this.#session.logFile(target),
    });
  }

  /** Fetches what an agent has compiled, and delivers it. */
  async #deliverBuilt(
    target: Target,
    shared: SharedFirmware,
    { by, source, began }: { by: string; source: 'compiled' | 'cache'; began: number },
  ): Promise<boolean> {
    const { compiler, outcomes, events, output, signal, isStopped } = this.#parts;
    const name = target.artifactName;
    try {
      const result = await compiler.restoreShared(target, shared, output.stage(), signal, true);
      if (!result.ok) {
        if (isStopped(name)) return false;
        const why = result.why.length === 0 ? 'the remote cache does not deliver it' : result.why.join(', ');
        const message = `${name} was built by ${by}, but cannot be had: ${why}. It is compiled here.`;
        events.emit({ type: 'warning', message });
        return false;
      }
      const told = source === 'compiled' ? ({ ...result, source: 'agent', agent: by } as const) : result;
      outcomes.deliver(name, told, output, began);
    } catch (error) {
      if (isStopped(name)) return false;
      outcomes.fail(name, failureOf(error, output.path), began);
    }
    return true;
  }

  /** Compiles a target, and lets those go on that waited for its objects. */
  async #compileInTurn(target: Target, claimed?: SharedClaim): Promise<void> {
    let isCompiled = false;
    try {
      isCompiled = await this.#compile(target, claimed);
    } finally {
      this.#schedule.leave(target, isCompiled);
    }
  }

  /** Resolves to whether it was compiled here. */
  async #compile(target: Target, claimed?: SharedClaim): Promise<boolean> {
    const { options, compiler, outcomes, output, signal, isStopped } = this.#parts;
    const name = target.artifactName;
    if (isStopped(name)) {
      await claimed?.claim.cancel();
      return outcomes.cancel(name);
    }
    const began = performance.now();
    try {
      if (claimed !== undefined && (await this.#restoreClaimed(target, claimed, began))) return false;
      const described = await compiler.describe(target, signal);
      const result =
        'reason' in described
          ? described
          : await this.#session.compile({
              ...{ target, described },
              directory: output.stage(),
              onEvent: (event, thread) => {
                this.#relay(name, event, thread);
                if (claimed !== undefined) relayToFollowers(event, claimed);
              },
              // Only what was built pristine goes to other machines.
              incremental: claimed === undefined && this.#parts.isIncremental,
              onConfigured: () => this.#enter(target),
              traceparent: options.traceparentOf?.(name),
              signal: options.signalOf?.(name),
            });
      if (result.ok) {
        const isFound = await this.#deliverAndShare(name, result, began);
        if (claimed !== undefined) this.#ending.push(completeClaim(claimed.claim, result, isFound));
        return result.source === 'compiled';
      }
      if (result.reason === 'cancelled' || isStopped(name)) {
        await claimed?.claim.cancel();
        outcomes.cancel(name);
      } else {
        await Promise.all([
          claimed && failClaim(claimed.claim, result),
          this.#diagnose(target, result, began),
        ]);
      }
    } catch (error) {
      await claimed?.claim.refuse({ kind: 'trouble', why: 'its machine could not deliver it' });
      outcomes.fail(name, failureOf(error, output.path), began);
    }
    return false;
  }

  /** Waits until it is the target's turn to compile its objects; resolves to how many processes it may run. */
  async #enter(target: Target): Promise<number> {
    const { options, events, signal: run } = this.#parts;
    const name = target.artifactName;
    const stop = options.signalOf?.(name);
    let isHeld = false;
    const onWait = (behind: string) => {
      isHeld = true;
      events.emit({ type: 'target-held', target: name, behind });
    };
    const signal = stop === undefined ? run : AbortSignal.any([run, stop]);
    const jobs = await this.#schedule.enter(target, onWait, signal);
    if (isHeld && !signal.aborted) events.emit({ type: 'target-resumed', target: name, jobs });
    return jobs;
  }

  /** Delivers a claimed target if another machine has compiled it meanwhile. */
  async #restoreClaimed(target: Target, { claim }: SharedClaim, began: number): Promise<boolean> {
    const { compiler, shared, outcomes, output, signal } = this.#parts;
    if (shared === undefined) return false;
    const result = await compiler.restoreShared(target, shared, output.stage(), signal, true);
    if (!result.ok || result.fingerprint === undefined) return false;
    outcomes.deliver(target.artifactName, result, output, began);
    await claim.complete(result.fingerprint);
    return true;
  }

  /** Reports a failure with its cause. */
  async #diagnose(
    target: Target,
    failure: CompileFailure | WorkerFailure,
    began: number,
    agent?: string,
  ): Promise<void> {
    this.#session.keepLogs();
    const { outcomes, plan } = this.#parts;
    const { configDirectory, buildFile } = plan;
    // The import itself fails if the process is out of file descriptors. The failure is then reported
    // without a diagnosis.
    const diagnosing = import('./diagnosis/index.ts').then(({ diagnose }) =>
      diagnose({ configDirectory, buildFile, board: target.board, ...failure }),
    );
    outcomes.fail(target.artifactName, failure, began, await diagnosing.catch(() => undefined), agent);
  }

  #relay(target: string, event: CompileEvent, thread: number): void {
    const { events } = this.#parts;
    // `checking` and `missed` were emitted before the target went to the thread.
    if (event.type === 'waiting') events.emit({ type: 'target-waiting', target, thread, pid: event.pid });
    else if (event.type === 'compiling') events.emit({ ...event, type: 'target-compiling', target, thread });
    else if (event.type === 'path') {
      if (event.path.kind === 'incremental') this.#upon.add(target);
      else this.#upon.delete(target);
      events.emit({ type: 'target-path', target, path: event.path });
    } else if (event.type === 'output') events.emit({ type: 'target-output', target, line: event.line });
    else if (event.type === 'warning') events.emit(event);
  }

  /**
   * Delivers a target, and uploads it if other machines can use it and it was built pristine. Resolves to the upload's
   * end.
   */
  async #deliverAndShare(target: string, result: CompileSuccess, began: number): Promise<Promise<boolean>[]> {
    const { shared, outcomes, output } = this.#parts;
    const { made, bound } = result;
    const isOfUse =
      made !== undefined &&
      bound === undefined &&
      !this.#upon.has(target) &&
      shared?.tier.mode === 'read-write';
    const tell = isOfUse ? await shared?.prepare(made, result) : undefined;
    const files = outcomes.deliver(target, result, output, began, this.#upon.has(target));
    // In an array, so that it is not awaited with the delivery.
    return tell === undefined ? [] : [tell(files)];
  }
}
