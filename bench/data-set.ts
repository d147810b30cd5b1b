// What the keys of a run hold: how many there are, and what kind of values.

/** What a value is: bytes, a nested record, or a file that goes in and out by its path. */
export type ValueKind = 'bytes' | 'object' | 'file';

export interface DataSet {
  /** Also the name of its directory. */
  name: string;
  kind: ValueKind;
  /** Bytes of a value; of an object about this, as JSON. */
  size: number;
  /** Keys that are there from the start. */
  keys: number;
  /** Keys that are never written: reads may draw from them too. */
  absent: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** Few enough to stay in memory everywhere; a hundredth more are absent, which makes about 1 % of the reads misses. */
export const SMALL: DataSet = { name: 'small', kind: 'bytes', size: 200, keys: 4096, absent: 41 };
export const OBJECTS: DataSet = { name: 'objects', kind: 'object', size: KIB, keys: 4096, absent: 41 };
/** More than fits the memory that a thread gives its copies. How many is an option. */
export const COLD: DataSet = { name: 'cold', kind: 'bytes', size: 200, keys: 1_000_000, absent: 0 };

export const SIZES = [
  { label: '1 KiB', size: KIB, keys: 4096 },
  { label: '64 KiB', size: 64 * KIB, keys: 512 },
  { label: '1 MiB', size: MIB, keys: 64 },
  { label: '16 MiB', size: 16 * MIB, keys: 16 },
] as const;

/** More threads than this have no key of their own to write. */
export const MAX_WRITERS = 16;

/** How a key's number is written. Keys from `keys` on are absent. */
export function keyName(key: number): string {
  return `target/${key}/firmware`;
}
