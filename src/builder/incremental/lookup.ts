// Lookup of a target's firmware among those of earlier builds, with the reasons for a miss.
import path from 'node:path';
import type { InputReader, KnownFiles } from '../inputs/input-reader.ts';
import { PathBase } from '../inputs/path-base.ts';
import type { Target } from '../matrix/target.ts';
import type { FirmwareCacheService } from '../output/firmware-cache.ts';
import type { Surroundings, Toolchain } from '../toolchains/toolchain.ts';
import type { CompilationBuildCacheService } from './build-cache.ts';
import { baseDifferences } from './explain.ts';
import {
  type BaseInputs,
  baseDigest,
  FINGERPRINT_SCHEMA,
  fingerprint,
  type InputSnapshot,
} from './fingerprint.ts';
import type { CompileSuccess, LookupResult } from './result.ts';
import { boundBy, type DeclaredInputs, declare, differences } from './snapshot.ts';
import type { Manifest } from './stored-manifest.ts';
import { asPaths } from './stored-manifest.ts';

export interface LookupOptions {
  /** The toolchain that would compile. */
  toolchain: Toolchain;
  /** Absolute: the directory with `build.yaml`. Paths of inputs inside it are stored relative to it. */
  configDirectory: string;
  builds: CompilationBuildCacheService;
  firmware: FirmwareCacheService;
}

/** Query for a target at one moment. */
export interface TargetQuery {
  base: BaseInputs;
  /** Of `base`. */
  digest: string;
  /** Sees the files as they are at that moment. */
  reader: InputReader;
  surroundings: Surroundings;
  /** The stored form of paths. */
  paths: PathBase;
  /** Why nothing of this target can be shared with other machines; empty if it can. */
  bound: string[];
  /** Computed on first use. */
  declared: () => Promise<DeclaredInputs>;
}

/**
 * Description of a target at one moment, as plain data, so that another thread can compile it without repeating the
 * work.
 */
export interface DescribedTarget {
  base: BaseInputs;
  /** Of `base`. */
  digest: string;
  surroundings: Surroundings;
  declared: DeclaredInputs;
  /** The declared inputs that are settled. */
  files: KnownFiles;
  /** Whether the cache has already missed exactly this query. */
  isMissed: boolean;
}

/** Remembered inputs, and their manifest, if any. */
export interface Candidate {
  inputs: InputSnapshot;
  manifest?: Manifest;
}

/** Where a build is on this machine, and the stored form of the paths there. */
type Where = Pick<TargetQuery, 'surroundings' | 'paths'>;

const NOWHERE: Surroundings = { places: [], folders: [], bound: [] };

/** Answers queries about earlier builds. Stateless apart from its sources. */
export class Lookup {
  readonly #options: LookupOptions;
  // By reader, hence by moment: found out once for all targets that are queried at the same moment.
  readonly #surroundings = new WeakMap<InputReader, Promise<Where>>();
  readonly #declarations = new WeakMap<InputReader, Promise<DeclaredInputs>>();

  constructor(options: LookupOptions) {
    this.#options = options;
  }

  /** Starts a query for a target. Rejects with the toolchain's error if that cannot report its identity. */
  async describe(target: Target, reader: InputReader, signal: AbortSignal | undefined): Promise<TargetQuery> {
    const { toolchain } = this.#options;
    // Round trip through JSON, so that later comparisons see exactly what can be stored.
    const identity: Record<string, unknown> = JSON.parse(
      JSON.stringify(await toolchain.identity(target, signal, reader)),
    );
    const plain: Target = JSON.parse(JSON.stringify(target));
    const base = { schema: FINGERPRINT_SCHEMA, kind: toolchain.kind, target: plain, toolchain: identity };
    const { surroundings, paths } = await this.#surroundingsAt(reader, signal);
    return {
      ...{ base, digest: await baseDigest(base) },
      ...{ reader, surroundings, paths, bound: surroundings.bound },
      declared: () => this.#declared(reader, paths),
    };
  }

  /** Resumes the query of a target that was described before, perhaps in another thread. */
  resume({ base, digest, surroundings, declared }: DescribedTarget, reader: InputReader): TargetQuery {
    const { places, folders, bound } = surroundings;
    const paths = new PathBase(this.#options.configDirectory, places, folders);
    return { base, digest, reader, surroundings, paths, bound, declared: async () => declared };
  }

  async #surroundingsAt(reader: InputReader, signal: AbortSignal | undefined): Promise<Where> {
    const known = this.#surroundings.get(reader);
    if (known !== undefined) return known;
    const found = this.#findSurroundings(signal);
    this.#surroundings.set(reader, found);
    // The next target asks again.
    found.catch(() => this.#surroundings.delete(reader));
    return found;
  }

  async #findSurroundings(signal: AbortSignal | undefined): Promise<Where> {
    const { toolchain, configDirectory } = this.#options;
    const surroundings = (await toolchain.surroundings?.(signal)) ?? NOWHERE;
    return { surroundings, paths: new PathBase(configDirectory, surroundings.places, surroundings.folders) };
  }

  #declared(reader: InputReader, paths: PathBase): Promise<DeclaredInputs> {
    let declared = this.#declarations.get(reader);
    if (!declared) {
      declared = this.#options.toolchain.declaredInputs().then(files => declare(files, paths));
      this.#declarations.set(reader, declared);
    }
    return declared;
  }

  /** The newest remembered inputs that match the current state exactly. */
  async candidate(query: TargetQuery): Promise<Candidate | undefined> {
    const manifest = await this.#options.builds.manifest(query.digest);
    for (const inputs of manifest?.candidates ?? []) {
      if (await this.stillHolds(inputs, query)) return { inputs, manifest };
    }
    return undefined;
  }

  /** Whether these inputs match the current state exactly. */
  async stillHolds(inputs: InputSnapshot, { declared, reader, paths }: TargetQuery): Promise<boolean> {
    return (await differences(inputs, declared, reader, paths, { first: true })).length === 0;
  }

  /** Whether the firmware is in the cache, without reading it. */
  async find(query: TargetQuery): Promise<LookupResult> {
    const candidate = await this.candidate(query);
    if (candidate) {
      const key = await fingerprint(query.digest, candidate.inputs);
      const record = await this.#options.firmware.find(key);
      if (record) {
        const { compileDuration, created } = record;
        return { hit: true, fingerprint: key, compileDuration, compiledAt: created };
      }
    }
    return { hit: false, why: await this.explain(query, candidate !== undefined) };
  }

  /**
   * Whether the target's next build is likely to read one of these changed files: its newest build read it, looked for
   * it in vain or listed its directory, or no build of the target is known.
   */
  async reads(query: TargetQuery, files: readonly string[]): Promise<boolean> {
    const manifest = await this.#options.builds.manifest(query.digest);
    const newest = manifest?.candidates[0];
    if (!newest || (newest.declared !== undefined && newest.declared !== (await query.declared()).digest))
      return true;
    const known = new Set([...newest.files.map(([file]) => file), ...newest.absent]);
    const listed = new Set(newest.directories.map(([directory]) => directory));
    return files
      .map(file => [query.paths.toStored(file), query.paths.toStored(path.dirname(file))] as const)
      .some(([file, directory]) => known.has(file) || listed.has(directory));
  }

  /** Writes the firmware of these inputs into `directory`; undefined if the cache does not have all of it. */
  async restore(
    query: TargetQuery,
    { inputs, manifest }: Candidate,
    directory: string,
    source: 'cache' | 'waited',
  ): Promise<CompileSuccess | undefined> {
    const { builds, firmware } = this.#options;
    const key = await fingerprint(query.digest, inputs);
    const restored = await firmware.restore(key, directory);
    if (!restored) return undefined;
    await builds.promote(query.digest, inputs, manifest);
    const { compileDuration, created: compiledAt, warnings = [], memory } = restored.record;
    const { files } = restored;
    const read = inputs.files.map(([file]) => file);
    const made = { files, compileDuration, compiledAt, warnings, read, ...(memory && { memory }) };
    return { ok: true, source, ...made, fingerprint: key, stored: true, ...boundOf(inputs, query) };
  }

  /** Absolute: the directory with `build.yaml`. */
  get configDirectory(): string {
    return this.#options.configDirectory;
  }

  /** The differences between remembered inputs and the current state, one sentence each. */
  async differencesTo(inputs: InputSnapshot, manifest: Manifest, query: TargetQuery): Promise<string[]> {
    const known = new Map(manifest.names);
    const names = (digest: string) => asPaths(known.get(digest) ?? '');
    return differences(inputs, query.declared, query.reader, query.paths, { names });
  }

  /** Why there is no firmware for these inputs, one sentence each; `matched`: earlier inputs were the same. */
  async explain(query: TargetQuery, matched: boolean): Promise<string[]> {
    if (matched) return ['its firmware is no longer in the cache, or damaged'];
    const { builds, configDirectory } = this.#options;
    const manifest = await builds.manifest(query.digest);
    const newest = manifest?.candidates[0];
    if (manifest && newest) {
      const found = await this.differencesTo(newest, manifest, query);
      if (found.length > 0) return found;
    }
    const before = await builds.lastBase(configDirectory, query.base.target.artifactName);
    if (!before) return ['never built here'];
    const found = baseDifferences(before, query.base);
    return found.length > 0 ? found : ['its last build is no longer remembered'];
  }
}

/** Why only this machine can use a build of these inputs; empty if others can. */
export function boundOf(inputs: InputSnapshot, { bound }: TargetQuery): { bound?: string } {
  const file = boundBy(inputs);
  const why = file === undefined ? bound[0] : `it depends on ${file}`;
  return why === undefined ? {} : { bound: why };
}
