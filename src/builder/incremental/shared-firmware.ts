// Firmware shared through the remote cache: restores targets from it, and uploads those compiled here.
//
//   ac/<digest of the base>      → manifest: the inputs of its builds on any machine
//   ac/<fingerprint>             → the firmware and its metadata
//   ac/<digest of the target>    → the base of its last build, to explain differences
//
// A manifest's last writer wins. That costs a compile and never gives wrong firmware: the fingerprint is always
// computed here, from the local files.
import { readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { cacheKey, type KeyPart } from '../../cache/cache-key.ts';
import { remoteKey } from '../../cache/remote/record.ts';
import type { PutOutcome, RemoteHit, RemoteSource, RemoteTier } from '../../cache/remote/remote-tier.ts';
import { isObject, listOf } from '../../cache/values/stored-json.ts';
import { assertArtifactName, foldName } from '../output/artifact-name.ts';
import type { FirmwareCacheService } from '../output/firmware-cache.ts';
import { asMemoryUse, type MemoryUse } from '../output/memory-use.ts';
import { type CompilationBuildCacheService, MAX_CANDIDATES } from './build-cache.ts';
import { baseDifferences } from './explain.ts';
import { type BaseInputs, FINGERPRINT_SCHEMA, fingerprint } from './fingerprint.ts';
import type { Lookup, TargetQuery } from './lookup.ts';
import type { CompileSuccess, MadeHere } from './result.ts';
import { boundBy } from './snapshot.ts';
import { asBase, asManifest, type Manifest } from './stored-manifest.ts';

/** Bytes. Smaller files wait in memory for their upload; larger ones are read from their published path. */
const HELD = 4 * 1024 * 1024;

/** A toolchain with more differences is a different toolchain altogether. */
const MAX_REASONS = 5;

const MANIFEST = 'manifest.json';
const BASE = 'base.json';

/** Counts of a build's targets. */
export interface SharedCounts {
  /** Targets found in the remote cache. */
  hits: number;
  /** Targets that it did not have. */
  misses: number;
  /** Targets uploaded to it, and targets whose upload failed. */
  stored: number;
  notStored: number;
}

interface Upload {
  /** Resolves once it is counted. */
  ended: Promise<void>;
  /** Whether other machines can restore it. */
  isFound: Promise<boolean>;
}

/** Metadata of a firmware. */
interface FirmwareData {
  compileDuration: number;
  warnings: string[];
  memory?: MemoryUse;
}

export class SharedFirmware {
  readonly tier: RemoteTier;
  readonly counts: SharedCounts = { hits: 0, misses: 0, stored: 0, notStored: 0 };
  readonly #builds: CompilationBuildCacheService;
  readonly #firmware: FirmwareCacheService;
  /** Manifests of other machines, by the digest of the base. */
  readonly #manifests = new Map<string, Manifest>();
  /** Resolve once an upload is queued, to the promise of its end. */
  readonly #uploads: Promise<Upload>[] = [];

  constructor(tier: RemoteTier, builds: CompilationBuildCacheService, firmware: FirmwareCacheService) {
    this.tier = tier;
    this.#builds = builds;
    this.#firmware = firmware;
  }

  /**
   * Restores the firmware of a target into `directory`, empty and the caller's own, and into the local caches; or tells
   * why it is not in the remote cache, one sentence each, if anything is known.
   *
   * @param isAgain whether this build has looked for the target before, which is counted once
   */
  async restore(
    query: TargetQuery,
    lookup: Lookup,
    directory: string,
    { signal, isAgain }: { signal: AbortSignal | undefined; isAgain: boolean },
  ): Promise<CompileSuccess | { ok: false; why: string[] }> {
    const found = await this.#restore(query, lookup, directory, signal);
    if (isAgain) return found;
    if (found.ok) this.counts.hits++;
    else this.counts.misses++;
    return found;
  }

  /** Whether {@link restore} is likely to find it. */
  async has(query: TargetQuery, lookup: Lookup, signal: AbortSignal | undefined): Promise<boolean> {
    const step = await this.#manifest(query.digest, signal);
    for (const inputs of step?.manifest.candidates ?? []) {
      if (!(await lookup.stillHolds(inputs, query))) continue;
      const key = await fingerprint(query.digest, inputs);
      const hit = await this.tier.get(remoteKey('firmware', key), { kind: 'firmware', signal });
      for (const one of hit === undefined ? [] : [step!.hit, hit]) one.paidOff();
      return hit !== undefined;
    }
    return false;
  }

  /**
   * Uploads firmware that was compiled here, in the background. Resolves when the files may be moved, to a function
   * that takes their new paths and resolves to whether other machines can restore it.
   */
  async prepare(
    made: MadeHere,
    result: CompileSuccess,
  ): Promise<(published: readonly string[]) => Promise<boolean>> {
    const contents = await Promise.all(result.files.map(readSmall));
    return published => {
      const files = published.map((file, index): RemoteSource => {
        const name = path.basename(file);
        const bytes = contents[index];
        return bytes === undefined ? { name, path: file } : { name, bytes };
      });
      const upload = this.#upload(made, result, files);
      this.#uploads.push(upload);
      return upload.then(({ isFound }) => isFound);
    };
  }

  /**
   * Uploads firmware that was compiled here, and resolves to whether other machines can restore it now.
   *
   * @param files its artifacts, which must not change until then
   */
  async store(made: MadeHere, result: CompileSuccess, files: readonly string[]): Promise<boolean> {
    // Other machines may have added to the manifest during the compile.
    await this.#manifest(made.digest, undefined);
    const sources = files.map(file => ({ name: path.basename(file), path: file }));
    const upload = await this.#upload(made, result, sources);
    await upload.ended;
    return upload.isFound;
  }

  /** Waits for uploads within the tier's limits, and closes the tier. The counts are final afterwards. */
  async close(): Promise<void> {
    const uploads = await Promise.all(this.#uploads);
    await this.tier.close();
    await Promise.all(uploads.map(({ ended }) => ended));
  }

  async #restore(
    query: TargetQuery,
    lookup: Lookup,
    directory: string,
    signal: AbortSignal | undefined,
  ): Promise<CompileSuccess | { ok: false; why: string[] }> {
    const { digest, base } = query;
    const step = await this.#manifest(digest, signal);
    if (step === undefined) return { ok: false, why: await this.#explainBase(base, signal) };
    const { manifest } = step;
    for (const inputs of manifest.candidates) {
      if (boundBy(inputs) !== undefined || !(await lookup.stillHolds(inputs, query))) continue;
      const key = await fingerprint(digest, inputs);
      const hit = await this.tier.get(remoteKey('firmware', key), { kind: 'firmware', signal });
      const fetched = hit && (await fetchFiles(hit, directory, signal));
      if (!hit || !fetched) return { ok: false, why: ['the remote cache did not deliver its firmware'] };
      step.hit.paidOff();
      const { compileDuration, warnings, memory } = fetched.data;
      const named = fetched.files.map(file => ({ name: path.basename(file), path: file }));
      const stored = await this.#firmware.store(key, named, fetched.data);
      if (stored) {
        const declared = inputs.declared === undefined ? undefined : await query.declared();
        await this.#builds.remember(digest, inputs, declared);
        await this.#builds.setLastBase(lookup.configDirectory, base);
      }
      return {
        ...{ ok: true, source: 'remote', files: fetched.files, compileDuration, warnings, stored },
        ...{ compiledAt: hit.created, fingerprint: key, signer: signerOf(hit) },
        read: inputs.files.map(([file]) => file),
        ...(memory && { memory }),
      };
    }
    const [newest] = manifest.candidates;
    const found = newest === undefined ? [] : await lookup.differencesTo(newest, manifest, query);
    return { ok: false, why: found.map(reason => `${reason} since it was recorded in the remote cache`) };
  }

  async #manifest(
    digest: string,
    signal: AbortSignal | undefined,
  ): Promise<{ manifest: Manifest; hit: RemoteHit } | undefined> {
    const hit = await this.tier.get(remoteKey('manifest', digest), { kind: 'manifest', signal });
    const manifest = asManifest(await jsonOf(hit, MANIFEST, signal));
    if (hit === undefined || manifest === undefined) return undefined;
    this.#manifests.set(digest, manifest);
    return { manifest, hit };
  }

  /** The differences from the last build of such a target on any machine. */
  async #explainBase(base: BaseInputs, signal: AbortSignal | undefined): Promise<string[]> {
    const hit = await this.tier.get(await targetKey(base), { kind: 'manifest', signal });
    const before = asBase(await jsonOf(hit, BASE, signal));
    if (before === undefined) return [];
    const found = baseDifferences(before, base);
    const more = found.length > MAX_REASONS ? ` and ${found.length - MAX_REASONS} more` : '';
    if (found.length === 0) return [];
    return [
      `the remote cache has it for another toolchain: ${found.slice(0, MAX_REASONS).join(', ')}${more}`,
    ];
  }

  async #upload(
    { digest, base, key }: MadeHere,
    { compileDuration, warnings, memory }: CompileSuccess,
    files: readonly RemoteSource[],
  ): Promise<Upload> {
    const data: FirmwareData = { compileDuration, warnings, ...(memory && { memory }) };
    const [manifest, target] = await Promise.all([this.#ownManifest(digest), targetKey(base)]);
    const firmware = this.tier.put(remoteKey('firmware', key), { kind: 'firmware', data, files });
    // Queued after the firmware: a reader in between misses.
    const found = this.#put(remoteKey('manifest', digest), MANIFEST, manifest);
    void this.#put(target, BASE, base);
    return {
      ended: this.#count(firmware),
      isFound: Promise.all([firmware, found]).then(outcomes => outcomes.every(one => one === 'stored')),
    };
  }

  async #count(firmware: Promise<PutOutcome>): Promise<void> {
    if ((await firmware) === 'stored') this.counts.stored++;
    else this.counts.notStored++;
  }

  #put(key: string, name: string, value: unknown): Promise<PutOutcome> {
    return this.tier.put(key, {
      kind: 'manifest',
      files: [{ name, bytes: Buffer.from(JSON.stringify(value)) }],
    });
  }

  /**
   * The local manifest merged with the remote one as last read, without records that are valid on this machine only.
   */
  async #ownManifest(digest: string): Promise<Manifest> {
    const known = [await this.#builds.manifest(digest), this.#manifests.get(digest)].filter(
      manifest => manifest !== undefined,
    );
    const candidates = known
      .flatMap(manifest => manifest.candidates)
      .filter(inputs => boundBy(inputs) === undefined);
    const distinct = [...new Map(candidates.map(inputs => [JSON.stringify(inputs), inputs])).values()];
    const kept = distinct.slice(0, MAX_CANDIDATES);
    const names = new Map(known.flatMap(manifest => manifest.names));
    return {
      ...{ schema: FINGERPRINT_SCHEMA, candidates: kept, stored: Date.now() },
      names: [...names].filter(([declared]) => kept.some(inputs => inputs.declared === declared)),
    };
  }
}

/** Key of a target and a kind of toolchain, regardless of machine and inputs. */
async function targetKey({ kind, target }: BaseInputs): Promise<string> {
  return remoteKey('manifest', 'target', kind, await cacheKey('target', target as unknown as KeyPart));
}

/** Fetches all files of a firmware, or none. */
async function fetchFiles(
  hit: RemoteHit,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<{ files: string[]; data: FirmwareData } | undefined> {
  const data = asData(hit.data);
  const names = hit.files.map(({ name }) => name);
  if (data === undefined || !areArtifacts(names)) return undefined;
  const files = names.map(name => path.join(directory, name));
  const arrived = await Promise.all(names.map((name, index) => hit.getFile(name, files[index]!, { signal })));
  if (arrived.every(Boolean)) return { files, data };
  await Promise.all(files.map(file => rm(file, { force: true })));
  return undefined;
}

function areArtifacts(names: readonly string[]): boolean {
  try {
    for (const name of names) assertArtifactName(name);
  } catch {
    return false;
  }
  return names.length > 0 && new Set(names.map(foldName)).size === names.length;
}

function asData(value: unknown): FirmwareData | undefined {
  if (!isObject(value) || typeof value.compileDuration !== 'number') return undefined;
  const { compileDuration } = value;
  const warnings = listOf(value.warnings, one => (typeof one === 'string' ? one : undefined), 100);
  if (!warnings || !Number.isFinite(compileDuration)) return undefined;
  const memory = asMemoryUse(value.memory);
  return { compileDuration, warnings, ...(memory && { memory }) };
}

async function jsonOf(
  hit: RemoteHit | undefined,
  name: string,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  if (!hit?.files.some(file => file.name === name)) return undefined;
  const bytes = await hit.getBytes(name, { signal });
  try {
    return bytes && JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

/** The signer's name in the local list of trusted keys, else the beginning of the key. */
function signerOf({ signer }: RemoteHit): string {
  return signer.name ?? `${signer.publicKey.slice(0, 12)}…`;
}

async function readSmall(file: string): Promise<Buffer | undefined> {
  return (await stat(file)).size <= HELD ? readFile(file) : undefined;
}
