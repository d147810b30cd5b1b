// What was found out of files, and is believed as long as not one of them has changed: each is known by what every change of
// it changes, and directories by that, too, since it changes with the names in them.
import { statSync } from 'node:fs';
import type { Cache, Duration } from '../../cache/cache.ts';
import { cacheKey, type KeyPart } from '../../cache/keys.ts';
import { isObject } from '../../cache/values/stored-json.ts';

/** How long it is remembered after it was last asked for. */
const REMEMBERED: Duration = '30d';

/**
 * Milliseconds. What was written within this time may be written once more in the same tick of the file system's clock, and
 * look as if it had not.
 */
const SETTLED_MS = 3_000;

/** An answer, and what it depends on: absolute paths, which need not be there. */
export interface Found<T> {
  answer: T;
  files: readonly string[];
}

/**
 * What `find` resolves to, or resolved to before. Not remembered when `find` says that it depends on nothing, or when
 * something that it depends on was changed a moment ago.
 *
 * @param isAnswer whether something that was remembered is an answer
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

/** Of what is not there it is empty; undefined when that cannot be told. */
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
