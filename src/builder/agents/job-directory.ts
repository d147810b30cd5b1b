// Job directories: each job of an agent has one for its inputs, its build and its artifacts. They stay at the same paths,
// below the cache directory, so that ccache recognises sources; agents on one machine share them under locks.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { killProcessesIn } from '../../system/directory-processes.ts';
import { withFileLock } from '../../system/file-lock.ts';
import { hasExited, processFilePrefix, processOfFile } from '../../system/process-identity.ts';

/** A directory for one job at a time. Paths are absolute. */
export interface JobDirectory {
  /** The root of the inputs. */
  inputs: string;
  build: string;
  artifacts: string;
  /** Never exists. */
  output: string;
  logFile: string;
  /** Removes everything in it, and lets others use it. */
  release(): Promise<void>;
}

/**
 * Takes a free directory below `root`, and creates it if there is none. What a killed agent left in it is removed, and
 * its compilers are killed. Rejects with the file system's errors.
 */
export async function takeJobDirectory(root: string): Promise<JobDirectory> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const claimed = claim(root)!;
  const { place } = claimed;
  const release = () => remove(claimed);
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 });
    await empty(place);
    for (const name of ['inputs', 'build', 'artifacts']) mkdirSync(path.join(place, name));
  } catch (error) {
    await release();
    throw error;
  }
  return {
    ...{ inputs: path.join(place, 'inputs'), build: path.join(place, 'build') },
    ...{ artifacts: path.join(place, 'artifacts'), output: path.join(place, 'output') },
    logFile: path.join(place, 'log'),
    release,
  };
}

/** Ends what killed agents left: their compilers, and their directories. */
export async function cleanJobDirectories(root: string): Promise<void> {
  for (const name of namesIn(root)) {
    const number = /^(\d+)\./.exec(name)?.[1];
    if (number === undefined || !isGone(name.slice(number.length + 1))) continue;
    const claimed = claim(root, Number(number));
    if (claimed === undefined) continue;
    await empty(claimed.place).catch(() => {});
    await remove(claimed);
  }
}

interface Claimed {
  place: string;
  /** A directory beside it that names this process. */
  owner: string;
}

/** Claims the first number that no living process has, or `wanted`; undefined if that is taken. */
function claim(root: string, wanted?: number): Claimed | undefined {
  return withFileLock(path.join(root, 'lock'), () => {
    for (let number = wanted ?? 0; ; number++) {
      const owners = namesIn(root).filter(name => name.startsWith(`${number}.`));
      if (owners.some(name => !isGone(name.slice(`${number}.`.length)))) {
        if (wanted !== undefined) return undefined;
        continue;
      }
      for (const name of owners) rmSync(path.join(root, name), { recursive: true, force: true });
      const place = path.join(root, String(number));
      const owner = `${place}.${processFilePrefix()}-0`;
      mkdirSync(owner);
      return { place, owner };
    }
  });
}

async function remove({ place, owner }: Claimed): Promise<void> {
  await rm(place, { recursive: true, force: true }).catch(() => {});
  rmSync(owner, { recursive: true, force: true });
}

function isGone(owner: string | undefined): boolean {
  const process = owner === undefined ? undefined : processOfFile(owner);
  return process === undefined || hasExited(process);
}

async function empty(place: string): Promise<void> {
  const names = namesIn(place);
  if (names.length === 0) return;
  await killProcessesIn(place);
  await Promise.all(names.map(name => rm(path.join(place, name), { recursive: true, force: true })));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
