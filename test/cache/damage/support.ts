// Shared fixtures of the damage tests: caches that close with the test, their warnings, and real faults.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Cache, type CacheOptions, createDefaultCache } from '../../../src/index.ts';
import { removeInUse } from '../../support/temporary.ts';

/** A directory that is removed with the test. */
export async function scratch(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'glovebox-damage-'));
  t.teardown(() => removeInUse(directory));
  return directory;
}

/** A cache that is closed with the test. It keeps no copies in memory, so that every read is one from disk. */
export function open(t: ExecutionContext, options: CacheOptions & { cacheRoot: string }): Cache {
  const cache = createDefaultCache({ localTierSize: 0, ...options });
  t.teardown(() => cache.close());
  return cache;
}

/** All warnings from now on that name the tag, which no other test may use. */
export function warningsOf(t: ExecutionContext, tag: string): string[] {
  const warnings: string[] = [];
  listeners.set(tag, warnings);
  t.teardown(() => listeners.delete(tag));
  return warnings;
}

/** Resolves when pending warnings have been emitted: one turn of the event loop later. */
export function untilWarned(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

const listeners = new Map<string, string[]>();
process.on('warning', ({ message }) => {
  for (const [tag, warnings] of listeners) if (message.includes(`'${tag}'`)) warnings.push(message);
});

/** Resolves as soon as the condition is true: it becomes true by itself, within seconds. */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise(resolve => setTimeout(resolve, 20));
}

/** A small file system in memory, removed with the test. */
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

/** The reason why file systems cannot be mounted here; undefined if they can. */
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

/** The reason why tests that need root are skipped; undefined if they are not. */
export const noRoot: string | undefined = process.getuid?.() === 0 ? undefined : 'needs root';

/** Writes to the file until its file system is full. */
export function fill(file: number): void {
  for (let size = 1 << 20; size >= 1; size >>= 1) {
    try {
      for (;;) if (writeSync(file, Buffer.alloc(size, 'x')) < size) break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

/** The temporary files of a tag. */
export function temporaries(cacheRoot: string, tag: string): string[] {
  return readdirSync(join(cacheRoot, tag, 'blobs', 'tmp'));
}
