// Local tier: a thread's own in-memory copies of entries, each valid only while its version is.
import type { FoundValue } from '../operations.ts';
import { decode, Encoding } from '../values/codec.ts';
import { clonePlain, freezePlain, isPlain } from '../values/plain-clone.ts';

/** A copy of one entry. */
export interface LocalEntry {
  key: string;
  found: FoundValue;
  /** A value that no caller can change, ready to return, if `isDecoded`. */
  decoded: unknown;
  isDecoded: boolean;
  /**
   * Decoded value to clone for readers, in place of the bytes. Null: cannot be cloned cheaply. Undefined: not tried yet
   * (before the second read).
   */
  template: object | null | undefined;
  /** The result of {@link lend}. Undefined before the first call, and when the value cannot be lent. */
  lent: unknown;
  slot: number;
  version: number;
  expires: number | null;
  /** Reads since the last report to the writer, and the time of the latest. */
  hits: number;
  accessed: number;
  /** Bytes that it counts for, see {@link LocalTier}. */
  cost: number;
}

// Rough costs: bytes of an entry besides its value, and the ratio of decoded objects to their bytes.
const OVERHEAD = 200;
const OBJECT_FACTOR = 2;

/** The value of an entry, for this one reader alone. */
export function cloneForCaller(entry: LocalEntry): unknown {
  if (entry.isDecoded) return entry.decoded;
  if (entry.template) return clonePlain(entry.template);
  const { encoding, data } = entry.found;
  const value = decode(encoding, data!);
  if (typeof value !== 'object' || value === null) {
    entry.decoded = value;
    entry.isDecoded = true;
    return value;
  }
  if (encoding !== Encoding.structured || entry.template === null) return value;
  if (!isPlain(value)) {
    entry.template = null;
    return value;
  }
  entry.template = value;
  entry.found = { ...entry.found, data: null };
  return clonePlain(value);
}

/**
 * The value itself, without a copy: a record is frozen, bytes are those that copies are made of. Other values are
 * copied.
 */
export function lend(entry: LocalEntry): unknown {
  if (entry.lent !== undefined) return entry.lent;
  const { encoding, data } = entry.found;
  if (encoding !== Encoding.structured) {
    entry.lent = viewOf(encoding, data);
    return entry.lent;
  }
  // Makes the template, if the value can have one. It is not frozen itself: frozen objects take thrice as long to clone.
  const copy = cloneForCaller(entry);
  if (entry.template) entry.lent = freezePlain(copy);
  return copy;
}

function viewOf(encoding: number, data: FoundValue['data']): unknown {
  if (!(data instanceof Uint8Array)) return data ?? undefined;
  const { buffer, byteOffset, byteLength } = data;
  const isBuffer = encoding !== Encoding.uint8Array;
  return isBuffer
    ? Buffer.from(buffer, byteOffset, byteLength)
    : new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Holds at most about `limit` bytes: two generations, of which the older is dropped whole when the younger is full.
 * Entries in use move back to the younger one.
 */
export class LocalTier {
  readonly #half: number;
  #young = new Map<string, LocalEntry>();
  #old = new Map<string, LocalEntry>();
  #size = 0;

  constructor(limit: number) {
    this.#half = limit / 2;
  }

  /** The entry, if it was used since the last change of generations. */
  peek(key: string): LocalEntry | undefined {
    return this.#young.get(key);
  }

  get(key: string): LocalEntry | undefined {
    const young = this.#young.get(key);
    if (young) return young;
    const old = this.#old.get(key);
    if (old) this.#add(key, old);
    return old;
  }

  set(key: string, entry: LocalEntry): void {
    this.#old.delete(key);
    this.#add(key, entry);
  }

  /** Replaces the value of an entry that is in use. */
  changed(entry: LocalEntry): void {
    const before = entry.cost;
    entry.cost = costOf(entry);
    this.#size += entry.cost - before;
    if (this.#size > this.#half) this.#age();
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#size = 0;
  }

  #add(key: string, entry: LocalEntry): void {
    entry.cost = costOf(entry);
    if (entry.cost > this.#half) return;
    this.#size += entry.cost - (this.#young.get(key)?.cost ?? 0);
    if (this.#size > this.#half) {
      this.#age();
      this.#size = entry.cost;
    }
    this.#young.set(key, entry);
  }

  #age(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#size = 0;
  }
}

function costOf({ key, found }: LocalEntry): number {
  return OVERHEAD + key.length + found.size * (found.encoding === Encoding.structured ? OBJECT_FACTOR : 1);
}
