// Log lines of a chaos thread: each call before it is made, and each answer after it arrives.

/** One call of the cache, as plain data. Values are named by their ids, see values.ts. */
export type CacheCall =
  | { op: 'get' | 'has' | 'delete' | 'getFile'; tag: string; key: string }
  | { op: 'getMany'; tag: string; keys: string[] }
  /** `keys`: all that can start with the prefix. */
  | { op: 'entries'; tag: string; prefix: string; keys: string[] }
  | { op: 'set' | 'add'; tag: string; key: string; value: string; ttl?: number }
  | { op: 'putFile'; tag: string; key: string; value: string }
  | { op: 'setMany'; tag: string; keys: string[]; value: string }
  | { op: 'increment'; tag: string; key: string; by: number }
  | { op: 'touch'; tag: string; key: string; ttl: number }
  /** `takes`: milliseconds of producing; `wait`: milliseconds until another caller's lease is taken over. */
  | {
      op: 'getOrSet';
      tag: string;
      key: string;
      value: string;
      takes: number;
      throws: boolean;
      wait?: number;
      ttl?: number;
    }
  | { op: 'cleanup' | 'check' | 'stats'; tag: string };

/** The acknowledged result: ids of values, null for a miss; `'threw'`: the caller's own producer threw. */
export type CallResult =
  | string
  | number
  | boolean
  | null
  | Record<string, string | null>
  | { size: number; count: number }
  | { problems: { kind: string; subject: string; message: string }[] };

/** `t` is milliseconds of the machine's monotonic clock, the same for all processes. `id` counts a thread's calls. */
export type Line =
  /** Written before the call. */
  | { t: number; id: number; ask: CacheCall }
  /** Written after the acknowledgement. */
  | { t: number; id: number; answer: CallResult }
  | { t: number; id: number; error: string }
  /** A getOrSet that runs its producer: written as it begins, and as it ends. */
  | { t: number; id: number; producing: true }
  | { t: number; id: number; produced: boolean }
  | { t: number; warning: string }
  /** A process records which of its threads it terminates: before, and after that has ended. */
  | { t: number; ending: string }
  | { t: number; ended: string };

/** The machine's monotonic clock in milliseconds. */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + Math.round(nanoseconds / 1000) / 1000;
}
