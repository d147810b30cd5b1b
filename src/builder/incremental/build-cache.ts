// Records of earlier builds: the inputs that each read.
import type { Cache, Duration, GetOrSetOptions, Producer } from '../../cache/cache.ts';
import { cacheKey } from '../../cache/cache-key.ts';
import { parseDuration } from '../../cache/units.ts';
import { parseText } from '../../cache/values/stored-json.ts';
import { KnownDigests } from '../inputs/known-digests.ts';
import { asFirmwareSize, type FirmwareSize } from '../output/firmware-size.ts';
import { type BaseInputs, FINGERPRINT_SCHEMA, type InputSnapshot } from './fingerprint.ts';
import type { DeclaredInputs } from './snapshot.ts';
import { asBase, asManifest, asSnapshot, type Manifest } from './stored-manifest.ts';

/** How long a build's observed inputs are kept by default. */
export const BUILD_TTL: Duration = '7d';

/** How long the size of a target's firmware is kept. It is small, and a keyboard may rest for months. */
const SIZE_TTL: Duration = '365d';

/** Limit on remembered input states of one target; the oldest go first. */
export const MAX_CANDIDATES = 16;

export interface CompilationBuildCacheOptions {
  /** How long builds are remembered after their last use. Default: {@link BUILD_TTL}. */
  ttl?: Duration | undefined;
  /** The time in milliseconds since the epoch. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/**
 * Remembers, for each base, the inputs that its last builds read, and has a build compiled by one caller at a time. A
 * record that is damaged or of another form counts as missing. Concurrent `remember`s of one base may lose one of them,
 * which costs a later compile and never gives a wrong answer.
 */
export class CompilationBuildCacheService {
  readonly cache: Cache;
  /** Digests of large files that builds read. */
  readonly digests: KnownDigests;
  readonly #ttl: Duration;
  readonly #clock: () => number;

  constructor(cache: Cache, { ttl = BUILD_TTL, clock = Date.now }: CompilationBuildCacheOptions = {}) {
    this.cache = cache;
    this.digests = new KnownDigests(cache, ttl);
    this.#ttl = ttl;
    this.#clock = clock;
  }

  /** The inputs that earlier builds of this base read, or undefined. */
  async manifest(base: string): Promise<Manifest | undefined> {
    return asManifest(parseText(await this.cache.get(`manifest:${base}`)));
  }

  /** Adds the inputs of a build of this base, as the newest. Resolves to whether they are stored. */
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
   * Marks remembered inputs as used: they become the newest again, so that the next explanation compares with them, and
   * their TTL restarts. Writes only if that makes a difference.
   *
   * @param known the manifest in which the inputs were just found. Default: the stored manifest
   */
  async promote(base: string, inputs: InputSnapshot, known?: Manifest): Promise<void> {
    const manifest = known ?? (await this.manifest(base));
    const newest = manifest?.candidates[0];
    const isNewest = newest === inputs || JSON.stringify(newest) === JSON.stringify(inputs);
    const ttl = parseDuration(this.#ttl);
    if (manifest && isNewest && (ttl === null || this.#clock() - manifest.stored < ttl / 2)) return;
    await this.remember(base, inputs);
  }

  /** The base of the last build of this target name in this config directory, to explain what changed. */
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
   * Keeps the sizes of delivered firmware by target name, and resolves to those that the last builds of these targets in
   * this config directory delivered.
   */
  async exchangeSizes(
    configDirectory: string,
    sizes: ReadonlyMap<string, FirmwareSize>,
  ): Promise<Map<string, FirmwareSize>> {
    const delivered = await Promise.all(
      [...sizes].map(async ([name, size]) => ({ name, size, key: await sizeKey(configDirectory, name) })),
    );
    const stored = await this.cache.getMany(delivered.map(({ key }) => key));
    const before = new Map<string, FirmwareSize>();
    const changed: [string, unknown][] = [];
    for (const { name, size, key } of delivered) {
      const last = asFirmwareSize(stored.get(key));
      if (last) before.set(name, last);
      if (last?.kind !== size.kind || last.bytes !== size.bytes) changed.push([key, { ...size }]);
    }
    if (changed.length > 0) await this.cache.setMany(changed, { ttl: SIZE_TTL });
    return before;
  }

  /**
   * The outcome of `produce`, run by one thread of one process at a time: see `Cache.getOrSet`. Undefined if there is
   * none (then `produce` has called `skip`), or if the stored value is damaged; then call {@link forget}.
   */
  async once(
    lease: string,
    produce: Producer<InputSnapshot | undefined>,
    options: Omit<GetOrSetOptions, 'ttl'>,
  ): Promise<InputSnapshot | undefined> {
    const value: unknown = await this.cache.getOrSet(`lease:${lease}`, produce, {
      ...options,
      ttl: this.#ttl,
    });
    return asSnapshot(value);
  }

  /** Deletes the outcome of {@link once} if it still is `outcome`, so that the next caller produces anew. */
  async forget(lease: string, outcome: InputSnapshot | undefined): Promise<void> {
    const now = asSnapshot(await this.cache.get(`lease:${lease}`));
    if (outcome && now && JSON.stringify(now) !== JSON.stringify(outcome)) return;
    await this.cache.delete(`lease:${lease}`);
  }
}

function historyKey(configDirectory: string, artifactName: string): Promise<string> {
  return cacheKey('history', configDirectory, artifactName).then(digest => `history:${digest}`);
}

function sizeKey(configDirectory: string, artifactName: string): Promise<string> {
  return cacheKey('size', configDirectory, artifactName).then(digest => `size:${digest}`);
}
