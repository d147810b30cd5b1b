// Data sets: number of keys, kind and size of values.

/** Kind of values: bytes, nested records, or files stored and read by path. */
export type ValueKind = 'bytes' | 'object' | 'file';

export interface DataSet {
  /** Also names its directory. */
  name: string;
  kind: ValueKind;
  /** Size of a value in bytes; for an object, approximate and as JSON. */
  size: number;
  /** Number of keys that exist from the start. */
  keys: number;
  /** Number of keys that are never written. Reads may draw them too. */
  absent: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** Small enough to stay in memory in every store. A hundredth more keys are absent, so about 1 % of the reads miss. */
export const SMALL: DataSet = { name: 'small', kind: 'bytes', size: 200, keys: 4096, absent: 41 };
export const OBJECTS: DataSet = { name: 'objects', kind: 'object', size: KIB, keys: 4096, absent: 41 };
/** Larger than a thread's in-memory copies. The number of keys is an option. */
export const COLD: DataSet = { name: 'cold', kind: 'bytes', size: 200, keys: 1_000_000, absent: 0 };

export const SIZES = [
  { label: '1 KiB', size: KIB, keys: 4096 },
  { label: '64 KiB', size: 64 * KIB, keys: 512 },
  { label: '1 MiB', size: MIB, keys: 64 },
  { label: '16 MiB', size: 16 * MIB, keys: 16 },
] as const;

/** With more threads, some would have no key of their own to write. */
export const MAX_WRITERS = 16;

/** The name of a key number. Keys from `keys` on are absent. */
export function keyName(key: number): string {
  return `target/${key}/firmware`;
}
