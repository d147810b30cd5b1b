// Oracle for reads: records the issued and acknowledged versions of each key, in memory shared by all threads of a
// process. A stale, lost, torn or foreign value fails the benchmark.
//
// Each key is written by one thread, one operation after the other, so its versions only rise. Every thread reads every
// key. A read is right when it returns
//   at least the version that had been acknowledged (to any thread) when it began, and
//   at most the version that had been issued when it ended.
// For a key that another process writes, only acknowledgments before the run are known here; the rest is checked
// afterwards, see history.ts.
import { WrongValueError } from './values.ts';

// Higher than any version.
const ANY_VERSION = 2 ** 30 - 1;

export class Oracle {
  readonly buffer: SharedArrayBuffer;
  readonly keys: number;
  // Three words per key: last issued version; twice the last acknowledged version, plus 1 for a delete; last issued
  // delete.
  readonly #issued: Int32Array;
  readonly #acknowledged: Int32Array;
  readonly #deleted: Int32Array;

  /** @param keys number of keys, or the `buffer` of another thread's oracle */
  constructor(keys: number | SharedArrayBuffer) {
    this.buffer =
      typeof keys === 'number' ? new SharedArrayBuffer(3 * keys * Int32Array.BYTES_PER_ELEMENT) : keys;
    this.keys = this.buffer.byteLength / 3 / Int32Array.BYTES_PER_ELEMENT;
    const part = (index: number) =>
      new Int32Array(this.buffer, index * this.keys * Int32Array.BYTES_PER_ELEMENT, this.keys);
    this.#issued = part(0);
    this.#acknowledged = part(1);
    this.#deleted = part(2);
  }

  /** Returns the version of a `set` that is about to start. */
  issueSet(key: number): number {
    return Atomics.add(this.#issued, key, 1) + 1;
  }

  /** Returns the version of a `delete` that is about to start. */
  issueDelete(key: number): number {
    const version = this.issueSet(key);
    Atomics.store(this.#deleted, key, version);
    return version;
  }

  /** Records that a `set` or `delete` was acknowledged to its caller. */
  acknowledge(key: number, version: number, isDelete = false): void {
    Atomics.store(this.#acknowledged, key, 2 * version + Number(isDelete));
  }

  /** The acknowledged version, taken before a read, for {@link check}. */
  before(key: number): number {
    return Atomics.load(this.#acknowledged, key);
  }

  /**
   * Checks the result of a read. Throws {@link WrongValueError}.
   * @param before the result of {@link before} when the read began
   * @param version the version in the value, 0 for none
   */
  check(key: number, before: number, version: number): void {
    const acknowledged = before >> 1;
    const isDeleted = (before & 1) === 1;
    if (version === 0) {
      if (before === 0 || isDeleted || Atomics.load(this.#deleted, key) > acknowledged) return;
      throw new WrongValueError(`Key ${key} is missing though version ${acknowledged} was acknowledged.`);
    }
    const issued = Atomics.load(this.#issued, key);
    if (version > issued) {
      throw new WrongValueError(`Key ${key} has version ${version}, but only ${issued} were written.`);
    }
    if (version < acknowledged || (isDeleted && version === acknowledged)) {
      const what = isDeleted ? 'its deletion as version' : 'version';
      throw new WrongValueError(
        `Key ${key} has version ${version} after ${what} ${acknowledged} was acknowledged.`,
      );
    }
  }

  /** The version of every key, 0 for none. Valid only when no operation is running and no key is deleted. */
  versions(): Int32Array<ArrayBuffer> {
    return this.#issued.slice();
  }

  /**
   * Takes over versions written by other processes. Valid only when no operation is running.
   * @param isOtherProcess whether another process writes a key from now on
   */
  adopt(versions: Int32Array, isOtherProcess: (key: number) => boolean = () => false): void {
    for (let key = 0; key < versions.length; key++) {
      const version = versions[key]!;
      this.#acknowledged[key] = 2 * version;
      const isOthers = version > 0 && isOtherProcess(key);
      this.#issued[key] = isOthers ? ANY_VERSION : version;
      this.#deleted[key] = isOthers ? ANY_VERSION : 0;
    }
  }
}
