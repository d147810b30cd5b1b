// Where one target of one config is always built, so that ccache, which knows sources by their paths, knows them again.
//
//   <cache root>/west/<digest of config and target>/owner   who builds here now
//                                                  /build   of the build that runs, removed after it
//                                                  /facts-… what Zephyr found out about the compiler
//                                                  /epoch.json what ccache may be believed by
//   <cache root>/west/ccache-2
//
// Somebody who comes while it is taken builds elsewhere. It is free when its owner has said so, or when the owner and
// everything that it had started are gone: compilers may live on when their owner is killed, and would write into
// somebody else's build.
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { tryLock } from '../../../cache/coordinator/locks.ts';
import { cacheKey } from '../../../cache/keys.ts';
import { liveProcessGroups } from '../../../system/process-group.ts';
import { currentProcessId, hasExited, type ProcessId } from '../../../system/process-identity.ts';

/** What ccache keeps. One of another name is of a time when it was believed too much, and is removed. */
const CCACHE = 'ccache-2';
const FORMER_CCACHE = 'ccache';

/** Milliseconds after which a stable directory that nobody came to is removed. */
const UNUSED_AFTER_MS = 30 * 24 * 60 * 60 * 1000;

interface Claim extends ProcessId {
  /** The sessions of the programs that build here. */
  leaders: number[];
}

/** A place to build in that has its files for itself. Paths are absolute. */
export interface StableBuildDirectory {
  /** Everything of one build; empty. */
  work: string;
  /** For what Zephyr finds out about the compiler; kept for the next build of the same kind. */
  capabilityCache: string;
  /** For ccache, and the file in which it is remembered what it may be believed by; undefined when nothing may be kept. */
  ccache: { directory: string; epoch: string } | undefined;
  /** Told of every program that builds here, as `CompileJob.onProcess` is. */
  onProcess(event: 'started' | 'ended', processGroup: number): void;
  /** Gives it back, and removes what was built. Never rejects. */
  close(): Promise<void>;
}

/** A stable directory of this build alone, in a directory that its owner removes: what is found out is found out every time. */
export function privateBuildDirectory(directory: string): StableBuildDirectory {
  const work = path.join(directory, 'work');
  const capabilityCache = path.join(directory, 'facts');
  for (const place of [work, capabilityCache]) mkdirSync(place, { recursive: true });
  return { work, capabilityCache, ccache: undefined, onProcess: () => {}, close: async () => {} };
}

/**
 * Takes the stable directory of a target, or resolves to undefined when somebody is building there, or when there can be none:
 * the cache directory cannot be written, or others can write to it.
 *
 * @param name what tells the target from all others on this machine
 * @param kind what tells compilers, and everything else that facts are about, from others
 */
export async function acquireStableDirectory(
  cacheRoot: string,
  name: string[],
  kind: string,
): Promise<StableBuildDirectory | undefined> {
  const root = path.join(cacheRoot, 'west');
  try {
    const key = (await cacheKey('station', name)).slice(0, 16);
    const directory = path.join(root, key);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (![cacheRoot, root, directory].every(isPrivate)) return undefined;
    const owner = path.join(directory, 'owner');
    const claim: Claim = { ...currentProcessId(), leaders: [] };
    const save = () => writeFileSync(owner, JSON.stringify(claim));
    // Only while it is decided who has it: what is built here may take longer than a lock lives.
    const lock = await tryLock(path.join(root, 'locks'), key);
    if (lock === 'taken') return undefined;
    try {
      if (!isFree(owner)) return undefined;
      save();
    } finally {
      await lock.release();
    }
    const work = path.join(directory, 'build');
    const capabilityCache = path.join(directory, `facts-${(await cacheKey('facts', kind)).slice(0, 16)}`);
    const epoch = path.join(directory, 'epoch.json');
    for (const other of readdirSync(directory)) {
      const place = path.join(directory, other);
      if (![owner, capabilityCache, epoch].includes(place)) rmSync(place, { recursive: true, force: true });
    }
    const ccache = { directory: path.join(root, CCACHE), epoch };
    await rm(path.join(root, FORMER_CCACHE), { recursive: true, force: true });
    for (const place of [work, capabilityCache, ccache.directory])
      mkdirSync(place, { recursive: true, mode: 0o700 });
    await removeUnused(root);
    return {
      ...{ work, capabilityCache, ccache },
      onProcess(event, leader) {
        if (event === 'started') claim.leaders.push(leader);
        else claim.leaders = claim.leaders.filter(other => other !== leader);
        save();
      },
      async close() {
        await rm(work, { recursive: true, force: true }).catch(() => {});
        rmSync(owner, { force: true });
      },
    };
  } catch {
    // Without it only more time is spent; that the cache directory cannot be used is said by the caches.
    return undefined;
  }
}

/** Whether nobody builds at a stable directory, as its `owner` file has it. One that cannot be understood is not free. */
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

/** Removes the stable directories of targets that are not built any more. */
async function removeUnused(root: string): Promise<void> {
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const directory = path.join(root, entry.name);
    if (!/^[0-9a-f]{16}$/.test(entry.name) || !entry.isDirectory()) continue;
    if (Date.now() - lstatSync(directory).mtimeMs < UNUSED_AFTER_MS) continue;
    const lock = await tryLock(path.join(root, 'locks'), entry.name);
    if (lock === 'taken') continue;
    if (isFree(path.join(directory, 'owner'))) rmSync(directory, { recursive: true, force: true });
    await lock.release();
  }
}

/** A directory of ours that nobody else can write to: others could put links, or sources, into it. */
function isPrivate(directory: string): boolean {
  const stats = lstatSync(directory);
  if (!stats.isDirectory()) return false;
  return process.getuid === undefined || (stats.uid === process.getuid() && (stats.mode & 0o022) === 0);
}
