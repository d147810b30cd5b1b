// Layout of the shared memory of one store: every region, and the place of every number in it.
//
//   versions   Int32      │ epoch │ degraded │ near limit │ peers │ slot │ slot │ … (65,536) │               versions.ts
//   tier       Int32      │ lock │ head │ read hashes … │ buckets: 4 positions, 4 hashes │ ring of entries │ shared-tier.ts
//   control    bytes   0  │ write lock: Int32         │                                                  write-lock.ts
//                    256  │ external commits: BigInt64 │                                              seen-commits.ts
//                    320  │ space: Float64            │                                               space-account.ts
//                    384  │ limits: Float64           │                                                     limits.ts
//                    400  │ log: Int32                │                                        storage/sqlite/wal-file.ts
//   counters   Float64    │ hits │ misses │ sets │ deletes │ evictions │ expired │    one buffer for each thread
//
// All buffers of a store belong to its coordinator, which passes them to each thread that opens it. Only threads with the
// same version of the protocol get them, so a change of this table is a change of the protocol.

const INT32 = Int32Array.BYTES_PER_ELEMENT;
const FLOAT64 = Float64Array.BYTES_PER_ELEMENT;

/** `versions`, in words. */
export const VERSIONS = {
  epoch: 0,
  degraded: 1,
  nearLimit: 2,
  peers: 3,
  firstSlot: 4,
  // As many as the entries that change in a build: two keys of one slot invalidate each other's copies.
  slots: 1 << 16,
} as const;

export const VERSIONS_BYTES = (VERSIONS.firstSlot + VERSIONS.slots) * INT32;

// Read hashes, buckets of the index and places in each of them.
const READ_PLACES = 1 << 16;
const BUCKETS = 1 << 14;
const WAYS = 4;
const READ = 2;
const INDEX = READ + READ_PLACES;
const INDEX_END = INDEX + BUCKETS * WAYS * 2;

// Bytes in which the ring is counted: each entry begins at a multiple of it.
const UNIT = 8;
// 16 MiB.
const UNITS = 1 << 21;
const RING = Math.ceil((INDEX_END * INT32) / UNIT) * UNIT;

/** `tier`: `ring` in bytes, the places before it in words. */
export const TIER = {
  lock: 0,
  head: 1,
  // Hashes of keys that were read from the database, each overwriting an earlier one.
  read: READ,
  readPlaces: READ_PLACES,
  index: INDEX,
  indexEnd: INDEX_END,
  buckets: BUCKETS,
  ways: WAYS,
  ring: RING,
  unit: UNIT,
  units: UNITS,
} as const;

export const TIER_BYTES = RING + UNITS * UNIT;

/** Header of an entry in the ring of `tier`, in words. The key and the bytes of the value come after it. */
export const TIER_ENTRY = {
  version: 0,
  keyLength: 1,
  size: 2,
  encoding: 3,
  checksum: 4,
  // A double, infinite for never.
  expires: 6,
  headerBytes: 32,
} as const;

/** Parts of `control`: where each begins, in bytes. */
export const CONTROL = { lock: 0, seen: 256, space: 320, limits: 384, log: 400 } as const;

export const CONTROL_BYTES = 416;

/** The write lock, in words. A thread is its id + 1, and 0 is none. */
export const LOCK = {
  holder: 0,
  // The thread that owns the slice, and its beginning in milliseconds.
  owner: 1,
  since: 2,
  // Tickets of starving waiters: the next one to be served, and the next one to be drawn.
  head: 3,
  tail: 4,
  // The head, while it is running and spins until the lock is free.
  awake: 5,
  // The time of the latest release, in microseconds, and how often in a row the owner acquired it soon after that.
  released: 6,
  streak: 7,
  // The thread that drew each ticket; 0 when it gave up.
  queue: 8,
  places: 32,
} as const;

export const LOCK_WORDS = LOCK.queue + LOCK.places;

/** Position among the commits of other processes, in words of 8 bytes. */
export const SEEN = { run: 0, position: 1, words: 2 } as const;

/** The space account, in doubles. */
export const SPACE = {
  allowance: 0,
  toEvict: 1,
  entries: 2,
  fragmented: 3,
  // Whether `entries` was ever derived from the whole size.
  isKnown: 4,
  // The size at the latest measurement, and the bytes written since.
  lastSize: 5,
  written: 6,
  numbers: 7,
} as const;

/**
 * The log, in words: pages that were written and not yet flushed, how often it was flushed, whether a checkpoint is
 * requested, and the state of the checkpointer.
 */
export const LOG = { unflushed: 0, flushes: 1, requested: 2, checkpointer: 3, words: 4 } as const;

/** States of the checkpointer. */
export const CHECKPOINTER = { none: 0, running: 1, ending: 2 } as const;

/** The size limit in bytes, and the eviction policy as an index into `POLICIES`; in doubles. */
export const LIMITS = { maxSize: 0, policy: 1, numbers: 2 } as const;

/** A thread's own counters, in doubles: the coordinator can sum those of all threads at any time. */
export const COUNTER = { hits: 0, misses: 1, sets: 2, deletes: 3, evictions: 4, expired: 5 } as const;

export const COUNTERS = 6;

export const COUNTERS_BYTES = COUNTERS * FLOAT64;
