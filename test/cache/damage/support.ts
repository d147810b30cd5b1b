// What tests of damage have in common: caches that go with the test, what they warned of, and real faults.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Cache, type CacheOptions, createDefaultCache } from '../../../src/index.ts';
import { removeInUse } from '../../support/temporary.ts';

/** A directory that goes with the test. */
export async function scratch(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'glovebox-damage-'));
  t.teardown(() => removeInUse(directory));
  return directory;
}

/** A cache that is closed with the test. Nothing of it stays in memory, so that every read is one of the disk. */
export function open(t: ExecutionContext, options: CacheOptions & { cacheRoot: string }): Cache {
  const cache = createDefaultCache({ localTierSize: 0, ...options });
  t.teardown(() => cache.close());
  return cache;
}

/** The warnings from now on that name the tag, which must be the test's own. */
export function warningsOf(t: ExecutionContext, tag: string): string[] {
  const warnings: string[] = [];
  listeners.set(tag, warnings);
  t.teardown(() => listeners.delete(tag));
  return warnings;
}

/** Resolves when what was warned of has been told: a turn of the event loop later. */
export function untilWarned(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

const listeners = new Map<string, string[]>();
process.on('warning', ({ message }) => {
  for (const [tag, warnings] of listeners) if (message.includes(`'${tag}'`)) warnings.push(message);
});

/** Resolves as soon as it is true: what it waits for comes by itself, within seconds. */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise(resolve => setTimeout(resolve, 20));
}

/** A small file system in memory, gone with the test. */
export async function mountMemory(t: ExecutionContext, size: string): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'glovebox-mount-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', place]);
  t.teardown(async () => {
    execFileSync('umount', ['-l', place]);
    await rm(place, { recursive: true });
  });
  const root = join(place, 'root');
  await mkdir(root, { mode: 0o700 });
  return root;
}

/** Why file systems cannot be mounted here; undefined when they can. */
export const noMounting: string | undefined = (() => {
  const place = mkdtempSync(join(tmpdir(), 'glovebox-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', place], { stdio: 'ignore' });
    execFileSync('umount', [place], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'needs the right to mount file systems';
  } finally {
    rmSync(place, { recursive: true });
  }
})();

/** Why tests that only root can do are left out; undefined when they need not be. */
export const noRoot: string | undefined = process.getuid?.() === 0 ? undefined : 'needs root';

/** Writes to the file until nothing more fits on its file system. */
export function fill(file: number): void {
  for (let size = 1 << 20; size >= 1; size >>= 1) {
    try {
      for (;;) if (writeSync(file, Buffer.alloc(size, 'x')) < size) break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

/** Temporary files of a tag. */
export function temporaries(cacheRoot: string, tag: string): string[] {
  return readdirSync(join(cacheRoot, tag, 'blobs', 'tmp'));
}
