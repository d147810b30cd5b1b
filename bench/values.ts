// Self-describing values that contain their key and version, to detect stale, torn, damaged or foreign ones.
import { closeSync, fstatSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import type { DataSet } from './data-set.ts';

/** A read returned a wrong value: the figures of such a store are meaningless. */
export class WrongValueError extends Error {
  override name = 'WrongValueError';
}

/** Creates and checks the values of one thread. */
export interface Values {
  /** Creates the value of a version. Large values share one buffer, so store each before the next is made. */
  make(key: number, version: number): unknown;
  /**
   * The version in a value of `key`. Throws {@link WrongValueError} when it is not a complete value of that key.
   * @param isWhole checks every byte instead of a sample
   */
  versionOf(key: number, value: unknown, isWhole: boolean): number;
}

/** @param scratch path of this thread's own source file; used for files only */
export function valuesOf({ kind, size }: DataSet, scratch: string): Values {
  if (kind === 'object') return new ObjectValues();
  return kind === 'file' ? new FileValues(size, scratch) : new ByteValues(size);
}

const STAMP = 8;
const PAGE = 4096;
// Distance between the bytes that a quick check samples in a small value.
const STRIDE = 23;
// Number of pages that a quick check samples in a large value.
const PAGES_CHECKED = 64;

/**
 * Bytes in Buffers, as Node's own functions return them. Key and version are stamped at both ends, and at the start of
 * each page of a large value. The remaining bytes follow from key and version in a small value, and from their position
 * in a large one.
 */
export class ByteValues implements Values {
  readonly #size: number;
  readonly #filler: Uint8Array<ArrayBuffer> | undefined;
  #reused: Buffer<ArrayBuffer> | undefined;

  constructor(size: number) {
    this.#size = size;
    if (size > PAGE) this.#filler = fillerOf(size);
  }

  make(key: number, version: number): Buffer<ArrayBuffer> {
    const size = this.#size;
    if (!this.#filler) {
      // Not pooled: structured cloning would copy the whole pool.
      const value = Buffer.from(new ArrayBuffer(size)).fill((key + version) & 0xff);
      writeStamp(value, 0, key, version);
      writeStamp(value, size - STAMP, key, version);
      return value;
    }
    this.#reused ??= Buffer.from(new Uint8Array(this.#filler).buffer);
    const value = this.#reused;
    for (let offset = 0; offset < size; offset += PAGE) writeStamp(value, offset, key, version);
    writeStamp(value, size - STAMP, key, version);
    return value;
  }

  versionOf(key: number, value: unknown, isWhole: boolean): number {
    if (!(value instanceof Uint8Array))
      throw new WrongValueError(`Key ${key} has a value that is not bytes.`);
    const size = this.#size;
    if (value.length !== size) {
      throw new WrongValueError(`Key ${key} has a value of ${value.length} bytes instead of ${size}.`);
    }
    const found = readNumber(value, 0);
    const version = readNumber(value, 4);
    if (found !== key) throw new WrongValueError(`Key ${key} has a value of key ${found}.`);
    const isRight = (offset: number): boolean =>
      readNumber(value, offset) === key && readNumber(value, offset + 4) === version;
    let isTorn = !isRight(size - STAMP);
    if (!this.#filler) {
      const filling = (key + version) & 0xff;
      for (let index = STAMP; index < size - STAMP; index += isWhole ? 1 : STRIDE) {
        if (value[index] !== filling) isTorn = true;
      }
    } else if (isWhole) {
      // A reused buffer may be larger than the value.
      isTorn ||= Buffer.compare(value.subarray(0, size), this.make(key, version)) !== 0;
    } else {
      const step = PAGE * Math.max(1, Math.floor(size / PAGE / PAGES_CHECKED));
      for (let offset = 0; offset < size; offset += step) isTorn ||= !isRight(offset);
    }
    if (isTorn) throw tornValue(key, version);
    return version;
  }
}

/** A typical compilation record: about 1 KiB of JSON, three levels deep. */
export interface BuildRecord {
  key: number;
  version: number;
  target: { board: string; shield: string; snippets: string[]; arguments: string[] };
  toolchain: { name: string; identity: string; environment: Record<string, string> };
  inputs: { path: string; hash: string; size: number }[];
  artifacts: { name: string; hash: string; size: number }[];
  duration: number;
  succeeded: boolean;
  end: { key: number; version: number };
}

export class ObjectValues implements Values {
  make(key: number, version: number): BuildRecord {
    const hash = (index: number) => ((key * 31 + version * 7 + index) >>> 0).toString(16).padStart(40, '0');
    return {
      key,
      version,
      target: {
        board: 'nice_nano_v2',
        shield: `keyboard_${key}_left`,
        snippets: ['studio-rpc-usb-uart'],
        arguments: ['-DCONFIG_ZMK_STUDIO=y'],
      },
      toolchain: {
        name: 'container',
        identity: `zmk-build-arm@${hash(0)}`,
        environment: { ZEPHYR_TOOLCHAIN_VARIANT: 'zephyr', CCACHE_DISABLE: '1' },
      },
      inputs: [1, 2, 3, 4].map(index => ({
        path: `config/keyboard_${key}.part${index}.keymap`,
        hash: hash(index),
        size: 1000 + index,
      })),
      artifacts: [5, 6].map(index => ({
        name: `zmk.${index}.uf2`,
        hash: hash(index),
        size: 400_000 + index,
      })),
      duration: 12_345.5,
      succeeded: true,
      end: { key, version },
    };
  }

  versionOf(key: number, value: unknown, isWhole: boolean): number {
    const record = value as BuildRecord;
    if (typeof record !== 'object' || record === null || !Number.isInteger(record.version)) {
      throw new WrongValueError(`Key ${key} has a value that is not a record.`);
    }
    const { version } = record;
    if (record.key !== key) throw new WrongValueError(`Key ${key} has a value of key ${record.key}.`);
    const isRight =
      record.end?.key === key &&
      record.end.version === version &&
      record.inputs?.length === 4 &&
      record.artifacts?.[1]?.size === 400_006 &&
      (!isWhole || canonical(record) === canonical(this.make(key, version)));
    if (!isRight) throw tornValue(key, version);
    return version;
  }
}

/**
 * Files. `make` stamps a file and returns its path; `versionOf` takes the path of a file that was read. Files are
 * written and read in different runs, so stamps at a few places reveal any fault except damage; `isWhole` finds that.
 */
class FileValues implements Values {
  readonly #size: number;
  readonly #source: string;
  #isMade = false;

  constructor(size: number, scratch: string) {
    this.#size = size;
    this.#source = scratch;
  }

  make(key: number, version: number): string {
    if (!this.#isMade) writeFileSync(this.#source, fillerOf(this.#size));
    this.#isMade = true;
    const file = openSync(this.#source, 'r+');
    const stamp = new Uint8Array(STAMP);
    writeStamp(stamp, 0, key, version);
    for (const offset of stampOffsets(this.#size)) writeSync(file, stamp, 0, STAMP, offset);
    closeSync(file);
    return this.#source;
  }

  versionOf(key: number, path: unknown, isWhole: boolean): number {
    const file = openSync(path as string, 'r');
    try {
      const { size } = fstatSync(file);
      if (size !== this.#size) {
        throw new WrongValueError(`Key ${key} has a file of ${size} bytes instead of ${this.#size}.`);
      }
      const stamps = stampOffsets(size).map(offset => {
        const stamp = new Uint8Array(STAMP);
        readSync(file, stamp, 0, STAMP, offset);
        return { key: readNumber(stamp, 0), version: readNumber(stamp, 4) };
      });
      const { key: found, version } = stamps[0]!;
      if (found !== key) throw new WrongValueError(`Key ${key} has a file of key ${found}.`);
      let isRight = stamps.every(stamp => stamp.key === key && stamp.version === version);
      if (isWhole) {
        const content = new Uint8Array(size);
        readSync(file, content, 0, size, 0);
        const expected = fillerOf(size);
        for (const offset of stampOffsets(size)) writeStamp(expected, offset, key, version);
        isRight &&= Buffer.compare(content, expected) === 0;
      }
      if (!isRight) throw tornValue(key, version);
      return version;
    } finally {
      closeSync(file);
    }
  }
}

function tornValue(key: number, version: number): WrongValueError {
  return new WrongValueError(`Key ${key} has a value that is damaged (it begins as version ${version}).`);
}

function stampOffsets(size: number): number[] {
  return [...new Set([0, Math.floor(size / 2 / PAGE) * PAGE, size - STAMP])];
}

// Varying bytes, so that compression does not help.
function fillerOf(size: number): Uint8Array<ArrayBuffer> {
  const filler = new Uint8Array(size);
  const words = new Uint32Array(filler.buffer, 0, size >> 2);
  let state = 1;
  for (let index = 0; index < words.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    words[index] = state;
  }
  return filler;
}

// Independent of the order of properties.
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function writeStamp(value: Uint8Array, offset: number, key: number, version: number): void {
  for (let byte = 0; byte < 4; byte++) {
    value[offset + byte] = key >>> (8 * byte);
    value[offset + 4 + byte] = version >>> (8 * byte);
  }
}

function readNumber(value: Uint8Array, offset: number): number {
  return value[offset]! | (value[offset + 1]! << 8) | (value[offset + 2]! << 16) | (value[offset + 3]! << 24);
}
