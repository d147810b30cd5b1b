// What is remembered of builds: which inputs they read, and that one of them is going on.
import { randomUUID } from 'node:crypto';
import type { Cache, Duration, GetOrSetOptions } from '../../cache/cache.ts';
import { cacheKey } from '../../cache/keys.ts';
import { parseDuration } from '../../cache/units.ts';
import { parseText } from '../../cache/values/stored-json.ts';
import { type BaseInputs, FINGERPRINT_SCHEMA, type InputSnapshot } from './fingerprint.ts';
import { KnownDigests } from './known-digests.ts';
import type { DeclaredInputs } from './snapshot.ts';
import { asBase, asManifest, asSnapshot, type Manifest } from './stored-manifest.ts';

/** How long a build's observed inputs are remembered when the configuration does not say: 7 days. */
export const BUILD_TTL: Duration = '7d';

/** So many states of one target's inputs are remembered; the oldest go first. */
export const MAX_CANDIDATES = 16;

export interface CompilationBuildCacheOptions {
  /** How long builds are remembered after they were last used. Default: {@link BUILD_TTL}. */
  ttl?: Duration | undefined;
  /** The time in milliseconds since the epoch. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/**
 * Remembers, for each base, the inputs that its last builds read; and holds the lease under which a build is compiled.
 * A record that is damaged or of another form is as if it were not there. Concurrent `remember`s of one base may lose
 * one of them, which costs a later compile and never gives a wrong answer.
 */
export class CompilationBuildCacheService {
  readonly cache: Cache;
  /** Of large files that builds read. */
  readonly digests: KnownDigests;
  readonly #ttl: Duration;
  readonly #clock: () => number;

  constructor(cache: Cache, { ttl = BUILD_TTL, clock = Date.now }: CompilationBuildCacheOptions = {}) {
    this.cache = cache;
    this.digests = new KnownDigests(cache, ttl);
    this.#ttl = ttl;
    this.#clock = clock;
  }

  /** What earlier builds of this base read, or undefined. */
  async manifest(base: string): Promise<Manifest | undefined> {
    return asManifest(parseText(await this.cache.get(`manifest:${base}`)));
  }

  /** Adds what a build of this base read, as the newest; resolves when it is stored, to whether it is. */
  async remember(base: string, inputs: InputSnapshot, declared?: DeclaredInputs): Promise<boolean> {
    const known = await this.manifest(base);
    const identity = JSON.stringify(inputs);
    const others = (known?.candidates ?? []).filter(candidate => JSON.stringify(candidate) !== identity);
    const candidates = [inputs, ...others].slice(0, MAX_CANDIDATES);
    const names = new Map(known?.names);
    if (declared) names.set(declared.digest, JSON.stringify(declared.paths));
    const manifest: Manifest = {
      schema: FINGERPRINT_SCHEMA,
      candidates,
      stored: this.#clock(),
      names: [...names].filter(([digest]) => candidates.some(candidate => candidate.declared === digest)),
    };
    return this.cache.set(`manifest:${base}`, JSON.stringify(manifest), { ttl: this.#ttl });
  }

  /**
   * Says that remembered inputs were used: they are the newest again, so that the next explanation compares with them,
   * and live on. Writes only when that makes a difference.
   *
   * @param known the manifest that the inputs were just found in. Default: what is stored
   */
  async promote(base: string, inputs: InputSnapshot, known?: Manifest): Promise<void> {
    const manifest = known ?? (await this.manifest(base));
    const newest = manifest?.candidates[0];
    const isNewest = newest === inputs || JSON.stringify(newest) === JSON.stringify(inputs);
    const ttl = parseDuration(this.#ttl);
    if (manifest && isNewest && (ttl === null || this.#clock() - manifest.stored < ttl / 2)) return;
    await this.remember(base, inputs);
  }

  /** The base of the last build of the target of this name in this config directory, to say what is different now. */
  async lastBase(configDirectory: string, artifactName: string): Promise<BaseInputs | undefined> {
    const value = await this.cache.get(await historyKey(configDirectory, artifactName));
    return asBase(value);
  }

  /** Keeps the base of a build for {@link lastBase}. */
  async setLastBase(configDirectory: string, base: BaseInputs): Promise<boolean> {
    const key = await historyKey(configDirectory, base.target.artifactName);
    return this.cache.set(key, base, { ttl: this.#ttl });
  }

  /**
   * What `produce` makes, made by one thread of one process at a time: see `Cache.getOrSet`. Undefined when what is
   * stored is damaged; {@link release} it then.
   */
  async once(
    lease: string,
    produce: () => Promise<InputSnapshot>,
    options: Omit<GetOrSetOptions, 'ttl'>,
  ): Promise<InputSnapshot | undefined> {
    const value: unknown = await this.cache.getOrSet(`lease:${lease}`, produce, {
      ...options,
      ttl: this.#ttl,
    });
    return asSnapshot(value);
  }

  /**
   * Says that the caller compiles under this lease now, and nobody else does any more; resolves to what
   * {@link mayStore} asks for. Called by every producer of {@link once} before it begins.
   */
  async begin(lease: string): Promise<string> {
    const token = randomUUID();
    await this.cache.set(`fence:${lease}`, token, { ttl: this.#ttl });
    return token;
  }

  /**
   * Whether what was compiled since {@link begin} may be stored: not when somebody took the lease over meanwhile,
   * because this process was stopped or took too long. What they store is not to be mixed with an older result.
   */
  async mayStore(lease: string, token: string): Promise<boolean> {
    return (await this.cache.get(`fence:${lease}`)) === token;
  }

  /** Forgets the outcome of {@link once} if it still is `outcome`, so that the next caller produces anew. */
  async release(lease: string, outcome: InputSnapshot | undefined): Promise<void> {
    const now = asSnapshot(await this.cache.get(`lease:${lease}`));
    if (outcome && now && JSON.stringify(now) !== JSON.stringify(outcome)) return;
    await this.cache.delete(`lease:${lease}`);
  }
}

function historyKey(configDirectory: string, artifactName: string): Promise<string> {
  return cacheKey('history', configDirectory, artifactName).then(digest => `history:${digest}`);
}
