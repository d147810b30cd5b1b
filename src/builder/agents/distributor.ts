// Distributor: builds targets on agents and on this machine, from one queue.
//
//   every target ── identified, inputs uploaded ──► Distribution ──► built by an agent ──► fetched, delivered
//                                                       │ claimed, refused, or out of reach
//                                                       ▼
//                                              this machine's threads
import pLimit from 'p-limit';
import { resolveRemoteOptions } from '../../cache/remote/options.ts';
import type { RemoteTier } from '../../cache/remote/remote-tier.ts';
import type { SigningKey } from '../../cache/remote/signing.ts';
import type { EventBody } from '../events.ts';
import type { CachingCompiler, CompileFailure } from '../incremental/index.ts';
import type { Target } from '../matrix/target.ts';
import type { Plan } from '../plan.ts';
import type { Toolchain } from '../toolchains/toolchain.ts';
import { queuesOf } from './capability.ts';
import { Distribution } from './distribution.ts';
import type { OfferEvent } from './followed-job.ts';
import { UnportableInputsError } from './input-archive.ts';
import { InputUploads } from './input-uploads.ts';
import { encodeJob, type JobMessage, type JobSettings } from './job.ts';
import { LocalTurns, type SharedClaim } from './local-turns.ts';
import { QueueError } from './queue.ts';
import { TargetLog, translated } from './target-log.ts';
import { ownLabel } from './worker-name.ts';

/** The parts of a build that the distributor needs. */
export interface DistributorHooks {
  plan: Plan;
  toolchain: Toolchain;
  compiler: CachingCompiler;
  tier: RemoteTier;
  /** Aborts when the build is stopped. */
  signal: AbortSignal;
  /** Aborts when only this target is stopped. */
  signalOf: (target: string) => AbortSignal | undefined;
  emit: (event: EventBody) => void;
  /** Compiles a target in a free thread of this machine. */
  compileHere: (target: Target, shared?: SharedClaim) => Promise<void>;
  /** Fetches and delivers what was built for this job; resolves to false if that cannot be had. */
  deliverBuilt: (target: Target, by: string, source: 'compiled' | 'cache', began: number) => Promise<boolean>;
  fail: (target: Target, failure: CompileFailure, began: number, by: string) => Promise<void>;
  cancel: (target: string) => void;
  /** Stops the build for an unexpected error. */
  onBug: (error: unknown) => void;
  /** The log file of a target. */
  logFile: (target: string) => string;
}

/** Targets described and uploaded at once. */
const PREPARED_AT_ONCE = 16;

/**
 * Opens the queue of a plan's targets. Emits one warning, and resolves to undefined, within two seconds, if it cannot be
 * used.
 */
export async function openDistributor(hooks: DistributorHooks): Promise<Distributor | undefined> {
  const { plan, toolchain, emit, signal } = hooks;
  const here = (why: string) => {
    emit({ type: 'warning', message: `${why.replace(/\.$/, '')}. Everything is compiled here.` });
    return undefined;
  };
  try {
    const names = await queuesOf(toolchain, signal);
    if (names === undefined) return here('No agent can build with this toolchain');
    const settings = resolveRemoteOptions(plan.remote!);
    if (settings.signingKey === undefined) return here('Agents need a key that signs what they are asked');
    const local = new LocalTurns();
    const distribution = await Distribution.open({
      ...{ queue: plan.agents!, names, label: ownLabel(), jobs: plan.jobs, ability: abilityOf(plan) },
      onChange: () => local.wake(),
      onWarning: message => emit({ type: 'warning', message }),
    });
    return new Distributor(hooks, distribution, local, settings.signingKey);
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!(error instanceof QueueError)) throw error;
    return here(error.message);
  }
}

export class Distributor {
  readonly #hooks: DistributorHooks;
  readonly #distribution: Distribution;
  readonly #local: LocalTurns;
  readonly #signingKey: SigningKey;
  readonly #uploads: InputUploads;
  readonly #label = ownLabel();
  #hasWarnedOfInputs = false;

  constructor(
    hooks: DistributorHooks,
    distribution: Distribution,
    local: LocalTurns,
    signingKey: SigningKey,
  ) {
    this.#hooks = hooks;
    this.#distribution = distribution;
    this.#local = local;
    this.#signingKey = signingKey;
    const { plan, tier } = hooks;
    const directory = plan.toolchain.kind === 'command' ? plan.toolchain.directory : plan.configDirectory;
    this.#uploads = new InputUploads(tier, plan.configDirectory, directory);
  }

  /**
   * Builds targets. Resolves when each has ended, and nothing of them is left in the queue.
   *
   * @param threads targets compiled here at once
   *
   * @param ending gets work that must end before the queue is closed, and that is not awaited otherwise
   */
  async build(targets: readonly Target[], threads: number, ending: readonly Promise<void>[]): Promise<void> {
    const { signal } = this.#hooks;
    const cancel = () => void this.#distribution.cancelAll();
    signal.addEventListener('abort', cancel, { once: true });
    const limit = pLimit(PREPARED_AT_ONCE);
    try {
      const { onBug } = this.#hooks;
      const elsewhere = targets.map(target => this.#build(target, limit).catch(onBug));
      const here = Array.from({ length: threads }, () => this.#workHere().catch(onBug));
      await Promise.all(elsewhere);
      this.#local.end();
      await Promise.all(here);
      await Promise.all(ending);
    } finally {
      this.#local.end();
      signal.removeEventListener('abort', cancel);
      if (signal.aborted) await this.#distribution.cancelAll();
      await this.#distribution.close();
    }
  }

  /** Closes the queue without having used it. */
  async close(): Promise<void> {
    await this.#distribution.close();
  }

  /** Builds a target, wherever. Resolves when it has ended. */
  async #build(target: Target, limit: <T>(work: () => Promise<T>) => Promise<T>): Promise<void> {
    const { signal, signalOf, cancel, fail, deliverBuilt } = this.#hooks;
    const name = target.artifactName;
    const own = signalOf(name);
    const isStopped = () => signal.aborted || (own?.aborted ?? false);
    if (isStopped()) return cancel(name);
    const began = performance.now();
    const prepared = await limit(() => this.#prepare(target));
    if (isStopped()) return cancel(name);
    if ('reason' in prepared) return fail(target, prepared, began, this.#label);
    if (prepared.offer === undefined) return this.#local.push({ target });
    const { lease, data, roots } = prepared.offer;
    const log = new TargetLog(() => this.#hooks.logFile(name));
    const stopOwn = () => void this.#distribution.cancel(lease);
    own?.addEventListener('abort', stopOwn, { once: true });
    try {
      const outcome = await this.#distribution.offer({
        ...{ lease, data },
        onEvent: event => this.#relay(name, event, roots, log),
      });
      await log.close();
      if (isStopped()) {
        if (outcome.end === 'here' && outcome.claim !== undefined) {
          this.#local.expected--;
          await outcome.claim.cancel();
        }
        return cancel(name);
      }
      if (outcome.end === 'built') {
        const { by, source } = outcome.result;
        if (await deliverBuilt(target, by, source, began)) return;
        if (!isStopped()) await this.#local.push({ target });
        else cancel(name);
      } else if (outcome.end === 'failed') {
        const { failure, by } = outcome;
        const here = (text: string) => translated(text, outcome.roots, { ...roots, log: log.file });
        const { excerpt } = failure;
        await fail(
          target,
          {
            ...{ ok: false, reason: failure.reason, message: here(failure.message) },
            ...(failure.exitCode !== undefined && { exitCode: failure.exitCode }),
            lastLines: failure.lastLines.map(here),
            ...(excerpt && { excerpt: { ...excerpt, file: here(excerpt.file) } }),
            ...(log.file !== undefined && { logFile: log.file }),
          },
          began,
          by,
        );
      } else {
        const { claim } = outcome;
        if (claim !== undefined) this.#local.expected--;
        await this.#local.push({ target, ...(claim && { shared: { claim, roots } }) });
      }
    } finally {
      own?.removeEventListener('abort', stopOwn);
      await log.close();
    }
  }

  /** Describes a target, uploads its inputs, and makes its job; without a job if it must be compiled here. */
  async #prepare(target: Target): Promise<
    | CompileFailure
    | {
        offer:
          | { lease: string; data: ReturnType<typeof encodeJob>; roots: NonNullable<JobMessage['roots']> }
          | undefined;
      }
  > {
    const { compiler, plan, signal } = this.#hooks;
    const found = await compiler.identify(target, signal);
    if ('reason' in found) return found;
    if (found.bound !== undefined) return { offer: undefined };
    try {
      const uploaded = await this.#uploads.upload(found);
      if (uploaded === undefined) {
        this.#warnOfInputs('the remote cache does not take its inputs');
        return { offer: undefined };
      }
      const { key, root, places } = uploaded;
      const request = {
        ...{ target, kind: plan.toolchain.kind, base: found.described.digest, lease: found.lease },
        ...{ inputs: key, places, settings: settingsOf(plan) },
      };
      const { toolchain } = plan;
      const workspace = toolchain.kind === 'command' ? undefined : toolchain.workspace;
      const data = encodeJob(request, this.#label, this.#signingKey);
      return { offer: { lease: found.lease, data, roots: { inputs: root, workspace } } };
    } catch (error) {
      if (!(error instanceof UnportableInputsError)) throw error;
      this.#warnOfInputs(error.message);
      return { offer: undefined };
    }
  }

  #warnOfInputs(why: string): void {
    if (this.#hasWarnedOfInputs || this.#hooks.signal.aborted) return;
    this.#hasWarnedOfInputs = true;
    this.#hooks.emit({ type: 'warning', message: `Agents cannot build this: ${why}. It is compiled here.` });
  }

  #relay(target: string, event: OfferEvent, roots: NonNullable<JobMessage['roots']>, log: TargetLog): void {
    const { emit } = this.#hooks;
    if (event.type === 'queued')
      emit({ type: 'target-queued', target, ...(event.why && { why: event.why }) });
    else if (event.type === 'preparing')
      emit({ type: 'target-preparing', target, agent: event.by, text: event.text });
    else if (event.type === 'warning') emit({ type: 'warning', message: event.message });
    else if (event.type === 'compiling') {
      log.restart(event.roots);
      emit({
        ...{
          type: 'target-compiling',
          target,
          thread: 0,
          jobs: event.jobs,
          logFile: log.open(),
          agent: event.by,
        },
      });
    } else {
      const line = translated(event.line, log.roots, roots);
      log.write(line);
      emit({ type: 'target-output', target, line });
    }
  }

  /** One thread of this machine: compiles what is to be compiled here, and claims what no agent has begun. */
  async #workHere(): Promise<void> {
    const claim = async () => !this.#hooks.signal.aborted && (await this.#distribution.claim());
    for (;;) {
      const turn = await this.#local.take(claim);
      if (turn === undefined) return;
      try {
        await this.#hooks.compileHere(turn.target, turn.shared);
      } finally {
        turn.done.resolve();
      }
    }
  }
}

function settingsOf({ toolchain }: Plan): JobSettings {
  if (toolchain.kind === 'command') {
    const { inputs, observed } = toolchain.options;
    return { inputs, observed };
  }
  const { configPath, buildFile, fallbackBinary, options } = toolchain;
  return { environment: options.environment, configPath, buildFile, fallbackBinary };
}

/** What an agent must be able to do, in words. */
function abilityOf({ toolchain }: Plan): string {
  if (toolchain.kind === 'command') return `command ${toolchain.options.program}`;
  if (toolchain.kind === 'west') return 'west, with the tools of this machine';
  return `container ${toolchain.options.image ?? toolchain.image}`;
}
