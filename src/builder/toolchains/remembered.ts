// Answers that depend on files, cached while none of these has changed. Files and directories are compared by their stamps:
// a directory's stamp changes with the names in it.
import { statSync } from 'node:fs';
import type { Cache, Duration } from '../../cache/cache.ts';
import { cacheKey, type KeyPart } from '../../cache/cache-key.ts';
import { isObject } from '../../cache/values/stored-json.ts';

/** How long an answer is kept after its last use. */
const REMEMBERED: Duration = '30d';

/**
 * In milliseconds. A file written more recently may be written again within the same tick of the file system's clock, and
 * keep its stamp.
 */
const SETTLED_MS = 3_000;

/** An answer, and the paths that it depends on. Absolute; they need not exist. */
export interface Found<T> {
  answer: T;
  files: readonly string[];
}

/**
 * The result of `find`, or an earlier one. Not kept if `find` reports no dependencies, or if a dependency was changed a
 * moment ago.
 *
 * @param isAnswer whether a stored value is an answer
 * @param clock in milliseconds since the epoch. Default: `Date.now`
 */
export async function remembered<T>(
  cache: Cache | undefined,
  key: KeyPart[],
  isAnswer: (value: unknown) => value is T,
  find: () => Promise<Found<T>>,
  clock: () => number = Date.now,
): Promise<T> {
  if (cache === undefined) return (await find()).answer;
  const name = `found:${await cacheKey(...key)}`;
  const known: unknown = await cache.get(name);
  if (isObject(known) && isObject(known.stamps) && isAnswer(known.answer)) {
    const stamps = Object.entries(known.stamps);
    if (stamps.length > 0 && stamps.every(([file, stamp]) => stampOf(file)?.stamp === stamp))
      return known.answer;
  }
  const begun = clock();
  const { answer, files } = await find();
  const stamps = files.map(file => [file, stampOf(file)] as const);
  if (files.length === 0 || stamps.some(([, stamp]) => begun - (stamp?.changed ?? 0) < SETTLED_MS))
    return answer;
  const kept = Object.fromEntries(stamps.map(([file, stamp]) => [file, stamp?.stamp]));
  await cache.set(name, { answer, stamps: kept }, { ttl: REMEMBERED });
  return answer;
}

/** The stamp: empty if the file is missing, undefined if it is unknown. */
function stampOf(file: string): { stamp: string; changed: number } | undefined {
  try {
    const stats = statSync(file, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return { stamp: '', changed: 0 };
    const { dev, ino, mode, size, ctimeNs } = stats;
    return { stamp: `${dev}:${ino}:${mode}:${size}:${ctimeNs}`, changed: Number(ctimeNs / 1_000_000n) };
  } catch {
    return undefined;
  }
}
