// Access batcher: collects the reads of this process's threads, and writes them from time to time: a read must not cost
// a write.
import { clearTimeout, setTimeout } from '../../system/time.ts';
import type { WriteOperation, WriteResult } from '../operations.ts';

type AccessOperation = WriteOperation & { type: 'access' };

// Flush interval in milliseconds. Each key read costs a page write, so reads are batched; shorter near the limit, where
// recency decides eviction. The other constant is the number of keys that one operation updates: few enough to let
// other operations in between.
const INTERVAL_MS = 30_000;
const NEAR_LIMIT_INTERVAL_MS = 1000;
const ENTRIES_PER_OPERATION = 64;
/**
 * Most keys in a batch. Reads of further keys are not counted until the next flush: a scan of the whole cache would
 * otherwise cost a page write for each read, which takes several times as long.
 */
export const MAX_ENTRIES = 20_000;

export class AccessBatcher {
  readonly #write: (operation: AccessOperation, now: number, timeout?: number) => Promise<WriteResult>;
  #accesses = new Map<string, { count: number; last: number }>();
  #now = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (operation: AccessOperation, now: number, timeout?: number) => Promise<WriteResult>) {
    this.#write = write;
  }

  /** `isNearLimit`: the store is near its size limit, and all reads matter for what is evicted next. */
  add({ entries, isUrgent }: AccessOperation, now: number, isNearLimit: boolean): void {
    this.#now = Math.max(this.#now, now);
    for (const [key, count, last] of entries) {
      const access = this.#accesses.get(key);
      if (access) {
        access.count += count;
        access.last = Math.max(access.last, last);
      } else if (isNearLimit || isUrgent || this.#accesses.size < MAX_ENTRIES) {
        this.#accesses.set(key, { count, last });
      }
    }
    if (this.#accesses.size > MAX_ENTRIES) void this.flush();
    else
      this.#timer ??= setTimeout(
        () => void this.flush(),
        isNearLimit ? NEAR_LIMIT_INTERVAL_MS : INTERVAL_MS,
      ).unref();
  }

  /**
   * Queues everything that was added. Resolves when it is committed, or was refused because another process kept the
   * database locked for longer than the timeout, in milliseconds.
   */
  async flush(timeout?: number): Promise<WriteResult> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = [...this.#accesses].map(([key, { count, last }]): [string, number, number] => [
      key,
      count,
      last,
    ]);
    this.#accesses = new Map();
    const written: Promise<WriteResult>[] = [];
    for (let start = 0; start < entries.length; start += ENTRIES_PER_OPERATION) {
      const some = entries.slice(start, start + ENTRIES_PER_OPERATION);
      written.push(this.#write({ type: 'access', entries: some, isUrgent: true }, this.#now, timeout));
    }
    return (await Promise.all(written)).at(-1) ?? { value: true };
  }
}
