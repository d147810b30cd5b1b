// Access recorder: counts a thread's reads, and reports them to the writer in batches. Eviction and metadata depend on
// them.
import { clearTimeout, setTimeout } from '../../system/time.ts';
import type { Accesses } from '../operations.ts';
import { COUNTER } from '../shared/layout.ts';
import type { StoreClient } from './store-client.ts';

/** Reads of one key since the last report, and the time of the latest. */
export interface Access {
  key: string;
  hits: number;
  accessed: number;
}

// Reads are reported at the latest after this time, or after so many keys.
const REPORT_INTERVAL_MS = 1000;
const REPORT_SIZE = 10_000;

export class AccessRecorder {
  readonly #client: StoreClient;
  readonly #clock: () => number;
  readonly #counters: Float64Array;
  #accesses: Access[] = [];
  // Of entries without a copy in memory.
  #others = new Map<string, Access>();
  #reporting: NodeJS.Timeout | undefined;

  constructor(client: StoreClient, clock: () => number) {
    this.#client = client;
    this.#clock = clock;
    this.#counters = client.counters;
    client.addReads(() => this.#take());
  }

  /** Counts a read that found its entry. `access` is kept with the entry's copy. */
  hit(access: Access, now = this.#clock()): void {
    this.#counters[COUNTER.hits]!++;
    access.accessed = now;
    // The first read since the last report has to be recorded.
    if (access.hits++ === 0) this.#record(access);
  }

  /** As {@link hit}, for an entry without a copy. */
  hitOther(key: string): void {
    let access = this.#others.get(key);
    if (!access) {
      access = { key, hits: 0, accessed: 0 };
      this.#others.set(key, access);
    }
    this.hit(access);
  }

  /** Counts a read that found nothing. */
  miss(): void {
    this.#counters[COUNTER.misses]!++;
  }

  #record(access: Access): void {
    this.#accesses.push(access);
    this.#reporting ??= setTimeout(() => void this.report(false), REPORT_INTERVAL_MS).unref();
    if (this.#accesses.length >= REPORT_SIZE) void this.report(false);
  }

  /** Reports the reads since the last report to the writer. Urgent: resolves when it is committed. */
  async report(isUrgent: boolean): Promise<void> {
    clearTimeout(this.#reporting);
    this.#reporting = undefined;
    if (this.#accesses.length === 0 && !isUrgent) return;
    await this.#client.send({ type: 'access', entries: this.#take(), isUrgent }, this.#clock());
  }

  #take(): Accesses {
    const entries = this.#accesses.map(({ key, hits, accessed }): [string, number, number] => [
      key,
      hits,
      accessed,
    ]);
    for (const access of this.#accesses) access.hits = 0;
    this.#accesses = [];
    this.#others.clear();
    return entries;
  }
}
