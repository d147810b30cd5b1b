// Caching compiler: looks a target up, compiles it under a lease on a miss, and stores the result. Nothing else does.
import type { Producer } from '../../cache/cache.ts';
import { InputReader, type KnownFiles } from '../inputs/input-reader.ts';
import type { Target } from '../matrix/target.ts';
import { type InputSnapshot, leaseDigest } from './fingerprint.ts';
import { boundOf, type DescribedTarget, Lookup, type LookupOptions, type TargetQuery } from './lookup.ts';
import {
  type CompileRequest,
  cancelled,
  failure,
  type Job,
  type Prepared,
  Production,
} from './production.ts';
import type { CompileFailure, CompileResult, CompileSuccess, LookupResult } from './result.ts';
import type { SharedFirmware } from './shared-firmware.ts';
import { filesOf, takeSnapshot } from './snapshot.ts';

// Unusable outcomes are discarded this many times; after that the target is compiled without a lease.
const MAX_ATTEMPTS = 3;

/**
 * How long a description counts as current. A target that waited longer for a free thread is described again, so that
 * it is built from the files as last saved.
 */
const DESCRIPTION_MAX_AGE_MS = 1_000;

/** A target as {@link CachingCompiler.identify} describes it. */
export interface IdentifiedTarget {
  described: DescribedTarget;
  /** The digest of its base and of its declared inputs: the same for the same work on any machine. */
  lease: string;
  /** Its declared inputs that exist: in stored form, and absolute. */
  inputs: [stored: string, file: string][];
  /** The digest of the declared inputs alone: targets of one config share it. */
  inputsDigest: string;
  /** Why only this machine can build it, as a phrase; undefined if others can. */
  bound: string | undefined;
}

/**
 * Compiles targets, or finds the result of an earlier build of the same inputs.
 *
 * `lookup` and `restore` see each file as it was when the service first read it: make a new service for each build.
 * `compile` always reads again. A cache failure only makes it compile.
 */
export class CachingCompiler {
  readonly #options: LookupOptions;
  readonly #lookup: Lookup;
  readonly #production: Production;
  readonly #reader: InputReader;
  /** The queries that missed, and when. */
  readonly #missed = new WeakMap<Target, { at: number; query: TargetQuery }>();
  /** Shared by descriptions that begin at about the same moment. */
  #moment: { at: number; reader: InputReader };

  constructor(options: LookupOptions) {
    this.#options = options;
    this.#lookup = new Lookup(options);
    this.#production = new Production(options);
    this.#reader = this.#newReader();
    this.#moment = { at: performance.now(), reader: this.#reader };
  }

  /**
   * Looks the target's firmware up, with the reasons for a miss. Compiles and writes nothing. Rejects with a
   * `GloveboxError` if the toolchain cannot be asked.
   */
  async lookup(target: Target, signal?: AbortSignal): Promise<LookupResult> {
    return this.#lookup.find(await this.#lookup.describe(target, this.#reader, signal));
  }

  /**
   * Whether a build of the target is likely to read one of these files (absolute paths), judged by the inputs of its
   * newest build; true if none is known. A guess that spares work: only a lookup decides what is up to date. Rejects as
   * `lookup` does.
   */
  async reads(target: Target, files: readonly string[], signal?: AbortSignal): Promise<boolean> {
    return this.#lookup.reads(await this.#lookup.describe(target, this.#reader, signal), files);
  }

  /**
   * Restores the target's firmware from the cache into `directory`, empty and the caller's own, or tells why it cannot.
   * Rejects with a `GloveboxError` if the toolchain cannot be asked, and with the file system's error if `directory`
   * cannot be written.
   */
  async restore(
    target: Target,
    directory: string,
    signal?: AbortSignal,
  ): Promise<CompileSuccess | { ok: false; why: string[] }> {
    const query = await this.#lookup.describe(target, this.#reader, signal);
    const candidate = await this.#lookup.candidate(query);
    const restored = candidate && (await this.#lookup.restore(query, candidate, directory, 'cache'));
    if (restored) return restored;
    const why = await this.#lookup.explain(query, candidate !== undefined);
    this.#missed.set(target, { at: performance.now(), query });
    return { ok: false, why };
  }

  /**
   * Everything that {@link compile} needs to know about a target that {@link restore} missed, as plain data. Reuses the
   * query of `restore` unless it is too old. Resolves to a failure if the target cannot be described.
   */
  async describe(target: Target, signal?: AbortSignal): Promise<DescribedTarget | CompileFailure> {
    const missed = this.#missed.get(target);
    const isFresh = missed !== undefined && performance.now() - missed.at < DESCRIPTION_MAX_AGE_MS;
    const prepared = await this.#prepare(
      () => (isFresh ? missed.query : this.#lookup.describe(target, this.#newest(), signal)),
      signal,
    );
    if ('reason' in prepared) return prepared;
    const { query, declared } = prepared;
    const { base, digest, surroundings, reader, paths } = query;
    const files = await reader.settled(filesOf(declared, paths));
    return { base, digest, surroundings, declared, files, isMissed: isFresh };
  }

  /** As {@link describe}, always anew, with what identifies the work on every machine. */
  async identify(target: Target, signal?: AbortSignal): Promise<IdentifiedTarget | CompileFailure> {
    const prepared = await this.#prepare(() => this.#lookup.describe(target, this.#newest(), signal), signal);
    if ('reason' in prepared) return prepared;
    const { query, declared, before } = prepared;
    const { base, digest, surroundings, reader, paths, bound } = query;
    const files = await reader.settled(filesOf(declared, paths));
    return {
      described: { base, digest, surroundings, declared, files, isMissed: false },
      lease: await leaseDigest(digest, before),
      inputsDigest: await leaseDigest('', before),
      inputs: before.files.map(([stored]) => [stored, paths.fromStored(stored) ?? stored]),
      bound: bound[0] ?? boundOf(before, query).bound,
    };
  }

  /** The query for a target and the current state of its declared inputs; or a failure, if they cannot be read. */
  async #prepare(
    ask: () => TargetQuery | Promise<TargetQuery>,
    signal: AbortSignal | undefined,
  ): Promise<Prepared | CompileFailure> {
    let query: TargetQuery;
    try {
      query = await ask();
    } catch (error) {
      return signal?.aborted ? cancelled() : failure('cannot-start', error, 'temporary files');
    }
    try {
      const declared = await query.declared();
      return { query, declared, before: await takeSnapshot(declared, query.reader, query.paths) };
    } catch (error) {
      return signal?.aborted ? cancelled() : failure('inputs', error, this.#options.configDirectory);
    }
  }

  #newest(): InputReader {
    const now = performance.now();
    if (now - this.#moment.at >= DESCRIPTION_MAX_AGE_MS)
      this.#moment = { at: now, reader: this.#newReader() };
    return this.#moment.reader;
  }

  /**
   * As {@link restore}, from the remote cache. A hit is stored in the local caches, too. `why` is empty if nothing is
   * known.
   *
   * @param isAgain whether this build has looked for it before: files are read again, and it is not counted. Default:
   * files are as they were when the service first read them
   */
  async restoreShared(
    target: Target,
    shared: SharedFirmware,
    directory: string,
    signal?: AbortSignal,
    isAgain = false,
  ): Promise<CompileSuccess | { ok: false; why: string[] }> {
    const reader = isAgain ? this.#newest() : this.#reader;
    const query = await this.#lookup.describe(target, reader, signal);
    if (query.bound.length > 0) return { ok: false, why: [] };
    return shared.restore(query, this.#lookup, directory, { signal, isAgain });
  }

  /** Whether {@link restoreShared} is likely to find it. */
  async isShared(target: Target, shared: SharedFirmware, signal?: AbortSignal): Promise<boolean> {
    const query = await this.#lookup.describe(target, this.#reader, signal);
    return query.bound.length === 0 && shared.has(query, this.#lookup, signal);
  }

  /**
   * Finds or compiles the target, once on this machine for any number of concurrent callers. Resolves when its
   * artifacts are in `request.directory`, stored for the next build if possible, and no process of the compiler is
   * left. Rejects only for bugs.
   */
  async compile(target: Target, request: CompileRequest): Promise<CompileResult> {
    const { signal, onEvent, described } = request;
    onEvent?.({ type: 'checking' });
    // The files as they are now: the service or the description may be much older.
    const reader = this.#newReader(described?.files);
    const prepared = await this.#prepare(
      () =>
        described ? this.#lookup.resume(described, reader) : this.#lookup.describe(target, reader, signal),
      signal,
    );
    if ('reason' in prepared) return prepared;
    const job: Job = { target, request, ...prepared };
    try {
      if (!described?.isMissed) {
        const candidate = await this.#lookup.candidate(job.query);
        const restored =
          candidate && (await this.#lookup.restore(job.query, candidate, request.directory, 'cache'));
        if (restored) return restored;
        const why = await this.#lookup.explain(job.query, candidate !== undefined);
        onEvent?.({ type: 'missed', why });
      }
      const lease = await leaseDigest(job.query.digest, job.before);
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const result = await this.#compileOnce(lease, job);
        if (result) return result;
      }
      return (await this.#production.run(job)).result;
    } catch (error) {
      return signal?.aborted ? cancelled() : failure('output', error, request.directory);
    }
  }

  /**
   * Compiles the target whatever there is in the cache, and stores nothing. The result has the fingerprint that it would
   * be stored under. Resolves and rejects as {@link compile} does.
   */
  async compileAnew(target: Target, request: CompileRequest): Promise<CompileResult> {
    const reader = this.#newReader();
    const { signal } = request;
    const prepared = await this.#prepare(() => this.#lookup.describe(target, reader, signal), signal);
    if ('reason' in prepared) return prepared;
    try {
      const job: Job = { target, request, ...prepared, isTrial: true };
      return (await this.#production.run(job)).result;
    } catch (error) {
      return signal?.aborted ? cancelled() : failure('output', error, request.directory);
    }
  }

  #newReader(known?: KnownFiles): InputReader {
    return new InputReader(this.#options.builds.digests, known);
  }

  /** Compiles, or uses the result of another producer. Undefined: that result was unusable and is deleted. */
  async #compileOnce(lease: string, job: Job): Promise<CompileResult | undefined> {
    const { signal, onEvent, directory } = job.request;
    const { builds } = this.#options;
    let own: CompileResult | undefined;
    let waited = false;
    const produce: Producer<InputSnapshot | undefined> = async ({ skip, isStillHeld }) => {
      const { result, inputs } = await this.#production.run(job, isStillHeld);
      own = result;
      // The next waiter compiles for itself.
      if (!inputs) skip();
      return inputs;
    };
    const onWait = ({ pid }: { pid: number }) => {
      waited = true;
      onEvent?.({ type: 'waiting', pid });
    };
    const outcome = await builds.once(lease, produce, { signal, onWait });
    if (own) return own;
    // The lease covers the declared inputs; the build that held it may have read more.
    if (outcome && (await this.#lookup.stillHolds(outcome, job.query))) {
      const source = waited ? 'waited' : 'cache';
      const restored = await this.#lookup.restore(job.query, { inputs: outcome }, directory, source);
      if (restored) return restored;
    }
    await builds.forget(lease, outcome);
    return undefined;
  }
}
