// Stable build directory: a target of a config is always built at the same path, because ccache hashes source paths.
//
//   <cache root>/west/<digest of config and target>/owner   the process that is building here
//                                                  /build   the running build, or the last one
//                                                  /kept    the last build, while the next one runs
//                                                  /kept.json, macros.json   records of the last build's objects
//                                                  /facts-… Zephyr's findings about the compiler
//                                                  /epoch.json   see CcacheEpoch
//   <cache root>/west/compiler-…                     see CompilerEpoch
//   <cache root>/west/facts-….json                   see CapabilityCache
//   <cache root>/west/ccache-2
//
// A build that finds the directory taken builds elsewhere. The directory is free once its owner has released it, or once
// the owner and all programs that it started have ended: compilers can outlive their owner, and would write into another
// build.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { cacheKey } from '../../../cache/cache-key.ts';
import { tryLock } from '../../../cache/coordinator/locks.ts';
import { liveProcessGroups } from '../../../system/process-group.ts';
import { currentProcessId, hasExited, type ProcessId } from '../../../system/process-identity.ts';
import type { SharedPlace } from './capability-cache.ts';
import { type KeptPlaces, keptSize } from './precise/kept-build.ts';

/** ccache's directory. One with an older name has entries that are not trusted, and is removed. */
const CCACHE = 'ccache-2';
const FORMER_CCACHE = 'ccache';

/** An unused stable directory is removed after this many milliseconds. */
const UNUSED_AFTER_MS = 30 * 24 * 60 * 60 * 1000;

/** Names in {@link StableBuildDirectory.work}: of the build directory, and of the temporary one. */
export const BUILD = 'build';
export const TEMPORARY = 'tmp';

/** Limits on the kept directories of last builds: their number and their bytes. The most recently used ones stay. */
export const MAX_KEPT = 12;
export const MAX_KEPT_BYTES = 1024 ** 3;

interface Claim extends ProcessId {
  /** The sessions of the programs that build here. */
  leaders: number[];
}

/** A directory for one build at a time. Paths are absolute. */
export interface StableBuildDirectory {
  /** Everything of one build; empty. */
  work: string;
  /** For what Zephyr finds out about the compiler; kept for the next build of the same kind. */
  capabilityCache: string;
  /** For what targets of the same kind find out about it; undefined if nothing may be kept. */
  sharedCapabilities: SharedPlace | undefined;
  /** ccache's directory, and the file of its epoch; undefined if nothing may be kept. */
  ccache: { directory: string; epoch: string } | undefined;
  /** For the directory of the last build; undefined if nothing may be kept. */
  kept: KeptPlaces | undefined;
  /** Called for every program that builds here; see `CompileJob.onProcess`. */
  onProcess(event: 'started' | 'ended', processGroup: number): void;
  /**
   * Releases the directory, and removes the build. Never rejects.
   *
   * @param keeps the build that stays for the next one: this one, or the one before it. Default: neither
   */
  close(keeps?: 'built' | 'former'): Promise<void>;
}

/** A directory for a single build, removed by its owner, so that every build examines the compiler again. */
export function privateBuildDirectory(directory: string): StableBuildDirectory {
  const work = path.join(directory, 'work');
  const capabilityCache = path.join(directory, 'facts');
  for (const place of [work, capabilityCache]) mkdirSync(place, { recursive: true });
  return {
    work,
    capabilityCache,
    sharedCapabilities: undefined,
    ccache: undefined,
    kept: undefined,
    onProcess: () => {},
    close: async () => {},
  };
}

/**
 * Acquires the stable directory of a target. Resolves to undefined if another build uses it, or if there can be none: the
 * cache directory is read-only, or other users can write to it.
 *
 * @param name distinguishes the target from all others on this machine
 *
 * @param kind distinguishes the compiler, and everything else that Zephyr examines, from others
 *
 * @param family distinguishes targets that may share findings about the compiler from others
 */
export async function acquireStableDirectory(
  cacheRoot: string,
  name: string[],
  kind: string,
  family: readonly string[] = name,
): Promise<StableBuildDirectory | undefined> {
  const root = path.join(cacheRoot, 'west');
  try {
    const key = (await cacheKey('station', name)).slice(0, 16);
    const directory = path.join(root, key);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (![cacheRoot, root, directory].every(isPrivate)) return undefined;
    const owned = await claimOwner(root, key);
    if (owned === undefined) return undefined;
    const { owner, claim, save } = owned;
    const { work, kept } = placesIn(directory);
    const capabilityCache = path.join(directory, `facts-${(await cacheKey('facts', kind)).slice(0, 16)}`);
    const shared = `facts-${(await cacheKey('shared facts', kind, family)).slice(0, 16)}.json`;
    const sharedCapabilities = { file: path.join(root, shared), locks: path.join(root, 'locks') };
    const epoch = path.join(directory, 'epoch.json');
    rmSync(kept.directory, { recursive: true, force: true });
    const last = path.join(work, BUILD);
    if (existsSync(kept.state) && existsSync(last)) renameSync(last, kept.directory);
    const staying = [owner, capabilityCache, epoch, ...Object.values(kept)];
    for (const other of readdirSync(directory)) {
      const place = path.join(directory, other);
      if (!staying.includes(place)) rmSync(place, { recursive: true, force: true });
    }
    const ccache = { directory: path.join(root, CCACHE), epoch };
    await rm(path.join(root, FORMER_CCACHE), { recursive: true, force: true });
    for (const place of [work, capabilityCache, ccache.directory])
      mkdirSync(place, { recursive: true, mode: 0o700 });
    await removeUnused(root);
    return {
      ...{ work, capabilityCache, sharedCapabilities, ccache, kept },
      onProcess(event, leader) {
        if (event === 'started') claim.leaders.push(leader);
        else claim.leaders = claim.leaders.filter(other => other !== leader);
        save();
      },
      async close(keeps) {
        try {
          await rm(keeps === 'built' ? path.join(work, TEMPORARY) : work, { recursive: true, force: true });
          if (keeps === 'former') {
            mkdirSync(work, { mode: 0o700 });
            renameSync(kept.directory, last);
          } else if (keeps === undefined) {
            for (const place of Object.values(kept)) rmSync(place, { recursive: true, force: true });
          }
        } catch {
          // A record without its directory is not trusted.
          rmSync(kept.state, { force: true });
        }
        rmSync(owner, { force: true });
        if (keeps === 'built') await limitKept(root).catch(() => {});
      },
    };
  } catch {
    // The build is only slower without it. The caches report that their directory cannot be used.
    return undefined;
  }
}

/**
 * The directory of a compiler's epoch; see `CompilerEpoch`.
 *
 * @param ccache the directory of ccache
 *
 * @param digest the digest of everything that chooses the compiler
 */
export function compilerDirectory(ccache: string, digest: string): string {
  return path.join(path.dirname(ccache), `compiler-${digest.slice(0, 16)}`);
}

/** Whether a stable directory is free, according to its `owner` file. With an unreadable one it is not. */
function isFree(file: string): boolean {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
  try {
    const { pid, host, leaders } = JSON.parse(text) as Claim;
    return hasExited({ pid, host }) && leaders.every(leader => liveProcessGroups(leader).length === 0);
  } catch {
    // Its owner died, or the disk was full, while it was written.
    return Date.now() - lstatSync(file).mtimeMs > UNUSED_AFTER_MS;
  }
}

function placesIn(directory: string): { work: string; kept: KeptPlaces } {
  const inside = (name: string) => path.join(directory, name);
  return {
    work: inside('build'),
    kept: { directory: inside('kept'), state: inside('kept.json'), macros: inside('macros.json') },
  };
}

/** The directory of a target in the state of its last build: nothing is removed. Undefined if it is taken, or nothing is kept. */
export async function visitStableDirectory(
  cacheRoot: string,
  name: string[],
): Promise<
  (Pick<StableBuildDirectory, 'work' | 'onProcess'> & { kept: KeptPlaces; leave(): void }) | undefined
> {
  const root = path.join(cacheRoot, 'west');
  const key = (await cacheKey('station', name)).slice(0, 16);
  const directory = path.join(root, key);
  const { work, kept } = placesIn(directory);
  if (!existsSync(kept.state) || ![cacheRoot, root, directory].every(isPrivate)) return undefined;
  const owned = await claimOwner(root, key);
  if (owned === undefined) return undefined;
  const { owner, claim, save } = owned;
  return {
    ...{ work, kept },
    onProcess(event, leader) {
      if (event === 'started') claim.leaders.push(leader);
      else claim.leaders = claim.leaders.filter(other => other !== leader);
      save();
    },
    leave: () => rmSync(owner, { force: true }),
  };
}

/** A kept directory of a last build. */
export interface KeptDirectory {
  /** Of the target. Absolute. */
  directory: string;
  bytes: number;
  /** In milliseconds since the epoch. */
  used: number;
}

/** The kept directories below a cache directory, the latest first. */
export function listKept(cacheRoot: string): KeptDirectory[] {
  const root = path.join(cacheRoot, 'west');
  let names: string[];
  try {
    names = readdirSync(root).filter(name => /^[0-9a-f]{16}$/.test(name));
  } catch {
    return [];
  }
  return names
    .flatMap((name): KeptDirectory[] => {
      const directory = path.join(root, name);
      const size = keptSize(placesIn(directory).kept.state);
      return size === undefined ? [] : [{ directory, ...size }];
    })
    .sort((a, b) => b.used - a.used);
}

/** Removes kept directories that are not in use. Resolves to the number of bytes freed. */
export async function removeKept(cacheRoot: string, all: readonly KeptDirectory[]): Promise<number> {
  let freed = 0;
  for (const { directory, bytes } of all) {
    const lock = await tryLock(path.join(cacheRoot, 'west/locks'), path.basename(directory));
    if (lock === 'taken') continue;
    try {
      if (!isFree(path.join(directory, 'owner'))) continue;
      const { work, kept } = placesIn(directory);
      for (const place of [...Object.values(kept), work]) rmSync(place, { recursive: true, force: true });
      freed += bytes;
    } finally {
      await lock.release();
    }
  }
  return freed;
}

/** Removes the kept directories over the limits. */
async function limitKept(root: string): Promise<void> {
  const cacheRoot = path.dirname(root);
  let bytes = 0;
  const excess = listKept(cacheRoot).filter((kept, index) => {
    bytes += kept.bytes;
    return index >= MAX_KEPT || (index > 0 && bytes > MAX_KEPT_BYTES);
  });
  await removeKept(cacheRoot, excess);
}

/** Removes the stable directories of targets that have not been built for a long time, and old findings. */
async function removeUnused(root: string): Promise<void> {
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const directory = path.join(root, entry.name);
    const isOfCompiler = /^compiler-[0-9a-f]{16}$/.test(entry.name);
    const isFindings = entry.isFile() && /^facts-[0-9a-f]{16}\.json$|\.part$/.test(entry.name);
    const isOfTarget = /^[0-9a-f]{16}$/.test(entry.name);
    if (!isFindings && !((isOfCompiler || isOfTarget) && entry.isDirectory())) continue;
    const stats = lstatSync(directory, { throwIfNoEntry: false });
    if (stats === undefined || Date.now() - stats.mtimeMs < UNUSED_AFTER_MS) continue;
    if (isFindings) rmSync(directory, { force: true });
    if (isOfCompiler) {
      rmSync(directory, { recursive: true, force: true });
      continue;
    }
    const lock = await tryLock(path.join(root, 'locks'), entry.name);
    if (lock === 'taken') continue;
    if (isFree(path.join(directory, 'owner'))) rmSync(directory, { recursive: true, force: true });
    await lock.release();
  }
}

/** A directory of this user that no other user can write to: others could place links or sources in it. */
function isPrivate(directory: string): boolean {
  const stats = lstatSync(directory);
  if (!stats.isDirectory()) return false;
  return process.getuid === undefined || (stats.uid === process.getuid() && (stats.mode & 0o022) === 0);
}

/** Makes this process the owner of a directory; undefined if another one is. */
async function claimOwner(
  root: string,
  key: string,
): Promise<{ owner: string; claim: Claim; save(): void } | undefined> {
  const owner = path.join(root, key, 'owner');
  const claim: Claim = { ...currentProcessId(), leaders: [] };
  const save = () => writeFileSync(owner, JSON.stringify(claim));
  // Held only while the owner is decided: a build may take longer than a lock lives.
  const lock = await tryLock(path.join(root, 'locks'), key);
  if (lock === 'taken') return undefined;
  try {
    if (!isFree(owner)) return undefined;
    save();
  } finally {
    await lock.release();
  }
  return { owner, claim, save };
}
