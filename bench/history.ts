// History of several processes, to detect reads of replaced values afterwards.
//
// Each process records the acknowledgment time of every write and the start time of some reads, on a clock that all
// processes of the machine share. A read is stale when it returns a lower version than the highest one that any process
// had acknowledged when the read began.
import { sharedTime } from './clock.ts';
import { WrongValueError } from './values.ts';

/** Transferable form: `[key, version, time, key, version, time, …]`. */
export interface HistoryData {
  /** Acknowledged writes, per key in ascending order of time. A delete has its version negated. */
  writes: number[];
  /** A sample of the reads. Version 0 means no value. */
  reads: number[];
}

// One in this many reads is recorded.
const SAMPLING = 8;

export class History {
  readonly #writes: number[] = [];
  readonly #reads: number[] = [];
  #countdown = 0;

  /** @param acknowledged by `performance.now()` */
  wrote(key: number, version: number, isDelete: boolean, acknowledged: number): void {
    this.#writes.push(key, isDelete ? -version : version, sharedTime(acknowledged));
  }

  /** @param began by `performance.now()` */
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
 * Checks the reads of all processes against the writes of all. Throws `WrongValueError`.
 * @param before the versions of the keys before the run
 * @param bound maximum age, in milliseconds, of a value that another process replaced, as the store promises
 * @returns the number of reads checked
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
