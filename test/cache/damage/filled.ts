// A cache with entries of every kind whose values name their keys, as files on the disk.
import { createHash } from 'node:crypto';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Cache, createDefaultCache } from '../../../src/index.ts';
import { scratch } from './support.ts';

export const KEYS: readonly string[] = Array.from({ length: 120 }, (_, index) => `key-${index}`);

/** The value of a key in the cache with this name: small, of several pages, or a blob. */
export function valueFor(key: string, name: string): { key: string; text: string } {
  const seed = createHash('sha256').update(`${name} ${key}`).digest('hex');
  const index = Number(key.slice(4));
  return { key, text: seed.repeat(index % 40 === 0 ? 400 : index % 3 === 0 ? 100 : 3) };
}

export async function fillWith(cache: Cache, name: string): Promise<void> {
  for (let from = 0; from < KEYS.length; from += 30) {
    await cache.setMany(KEYS.slice(from, from + 30).map(key => [key, valueFor(key, name)]));
  }
}

/** Tag directories with the same keys and different values. */
export interface Sources {
  /** Closed in order. */
  closed: string;
  /** As a killed process leaves it: everything is still in the log. */
  killed: string;
  /** Another one of those. */
  other: string;
}

export async function makeSources(directory: string): Promise<Sources> {
  const make = async (name: string) => {
    const root = join(directory, name);
    const cache = createDefaultCache({ cacheRoot: root, tag: 'source', policy: 'none' });
    await fillWith(cache, name);
    // Nothing is written now, so the copy is what a crash at this moment leaves.
    const killed = join(directory, `${name}-killed`);
    await cp(join(root, 'source'), killed, { recursive: true });
    await cache.close();
    return { closed: join(root, 'source'), killed };
  };
  const ours = await make('ours');
  return { ...ours, other: (await make('other')).killed };
}

/** A root with a copy of the source as its cache of this tag. */
export async function copyOf(t: ExecutionContext, source: string, tag: string): Promise<string> {
  const root = await scratch(t);
  await cp(source, join(root, tag), { recursive: true });
  return root;
}

/** Fails unless each entry is its stored value or a miss. Returns the number of hits. */
export function assertRightOrMiss(
  t: ExecutionContext,
  found: Map<string, unknown>,
  names = ['ours'],
): number {
  for (const [key, value] of found) {
    const allowed = names.map(name => valueFor(key, name).text);
    t.is((value as { key: string }).key, key);
    t.true(allowed.includes((value as { text: string }).text), `${key} has a value that was never stored`);
  }
  return found.size;
}

const ASIDE = /^cache\.db\.damaged-\d{4}-\d\d-\d\dT[\d-]+Z$/;

/** Whether this is the name of a quarantined database. */
export function isAside(name: string): boolean {
  return ASIDE.test(name);
}
