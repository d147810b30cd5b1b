// What several processes did, so that it can be judged afterwards whether one read what another had replaced.
//
// Each process notes all writes with the time of their acknowledgement, and a part of its reads with the time at which
// they began, on a clock that all processes of the machine share. A read is stale when it gives less than the version
// that had been acknowledged, by whichever process, when it began.
import { sharedTime } from './clock.ts';
import { WrongValueError } from './values.ts';

/** As it crosses from one process to another: `[key, version, time, key, version, time, …]`. */
export interface HistoryData {
  /** Acknowledged writes; a delete has its version negated. Of one key in ascending order of time. */
  writes: number[];
  /** Some of the reads; version 0 for none. */
  reads: number[];
}

// One read in so many is noted.
const SAMPLING = 8;

export class History {
  readonly #writes: number[] = [];
  readonly #reads: number[] = [];
  #countdown = 0;

  /** @param acknowledged as `performance.now()` counts */
  wrote(key: number, version: number, isDelete: boolean, acknowledged: number): void {
    this.#writes.push(key, isDelete ? -version : version, sharedTime(acknowledged));
  }

  /** @param began as `performance.now()` counts */
  read(key: number, version: number, began: number): void {
    if (this.#countdown-- > 0) return;
    this.#countdown = SAMPLING - 1;
    this.#reads.push(key, version, sharedTime(began));
  }

  data(): HistoryData {
    return { writes: this.#writes, reads: this.#reads };
  }
}

interface Write {
  version: number;
  isDelete: boolean;
  time: number;
}

/**
 * Judges the reads of all processes by the writes of all. Throws `WrongValueError`.
 * @param before the versions of the keys before the run
 * @param bound how old, in milliseconds, a value may be that another process replaced, by the store's own promise
 * @returns how many reads were judged
 */
export function checkHistories(histories: readonly HistoryData[], before: Int32Array, bound: number): number {
  const writes = new Map<number, Write[]>();
  for (const { writes: data } of histories) {
    for (let at = 0; at < data.length; at += 3) {
      const [key, version, time] = [data[at]!, data[at + 1]!, data[at + 2]!];
      const ofKey = writes.get(key) ?? [];
      ofKey.push({ version: Math.abs(version), isDelete: version < 0, time });
      writes.set(key, ofKey);
    }
  }
  let count = 0;
  for (const { reads } of histories) {
    for (let at = 0; at < reads.length; at += 3) {
      const [key, version, began] = [reads[at]!, reads[at + 1]!, reads[at + 2]!];
      checkRead(key, version, began - bound, before[key] ?? 0, writes.get(key) ?? []);
      count++;
    }
  }
  return count;
}

function checkRead(
  key: number,
  version: number,
  moment: number,
  before: number,
  writes: readonly Write[],
): void {
  const last = writes.findLast(write => write.time <= moment) ?? {
    version: before,
    isDelete: before === 0,
    time: 0,
  };
  if (version === 0) {
    const isRight = last.isDelete || writes.some(write => write.isDelete && write.version > last.version);
    if (isRight) return;
    throw new WrongValueError(
      `Key ${key} is missing though another process was told that version ${last.version} is stored.`,
    );
  }
  const newest = Math.max(before, ...writes.slice(-1).map(write => write.version));
  if (version > newest) {
    throw new WrongValueError(`Key ${key} has version ${version}, but only ${newest} were written.`);
  }
  if (version < last.version || (last.isDelete && version === last.version)) {
    throw new WrongValueError(
      `Key ${key} has version ${version} after another process was told that version ${last.version} is ${last.isDelete ? 'deleted' : 'stored'}.`,
    );
  }
}
