// Knows what every read may give: which version of a key was issued, and which was acknowledged, in memory that all
// threads of a process share. This is what makes a stale, lost, torn or foreign value fail the benchmark.
//
// At any time a key is written by one thread, one operation after the other, so its versions only rise. Every thread
// reads every key. A read is right when it gives
//   at least the version that had been acknowledged (to any thread) when it began, and
//   at most the version that had been issued when it ended.
// Of a key that another process writes, only what was acknowledged before the run is known here; the rest is judged
// afterwards, see history.ts.
import { WrongValueError } from './values.ts';

// More than are ever written.
const ANY_VERSION = 2 ** 30 - 1;

export class Oracle {
  readonly buffer: SharedArrayBuffer;
  readonly keys: number;
  // For each key the version issued last; twice the version acknowledged last, plus 1 for a delete; the delete issued last.
  readonly #issued: Int32Array;
  readonly #acknowledged: Int32Array;
  readonly #deleted: Int32Array;

  /** @param keys the number of keys, or the `buffer` of another thread's oracle */
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

  /** The version of a `set` that begins now. */
  issueSet(key: number): number {
    return Atomics.add(this.#issued, key, 1) + 1;
  }

  /** The version of a `delete` that begins now. */
  issueDelete(key: number): number {
    const version = this.issueSet(key);
    Atomics.store(this.#deleted, key, version);
    return version;
  }

  /** The `set` or `delete` is done, as far as its caller was told. */
  acknowledge(key: number, version: number, isDelete = false): void {
    Atomics.store(this.#acknowledged, key, 2 * version + Number(isDelete));
  }

  /** What has been acknowledged; to be taken before a read, for {@link check}. */
  before(key: number): number {
    return Atomics.load(this.#acknowledged, key);
  }

  /**
   * Judges what a read gave. Throws {@link WrongValueError}.
   * @param before what {@link before} gave when the read began
   * @param version what the value says, 0 when there was none
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

  /** The version of every key, 0 for none; to be asked when nothing is under way and nothing is deleted. */
  versions(): Int32Array<ArrayBuffer> {
    return this.#issued.slice();
  }

  /**
   * Takes over what other processes wrote; to be called when nothing is under way.
   * @param isOtherProcess which keys another process will write from now on
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
