// Shared memory of one store: the parts that the threads of a process share. Each thread has objects of its own over
// it.
//
//   versions   epoch, flags, and a counter per key slot                  versions.ts
//   tier       copies of entries                                         shared-tier.ts
//   control    ┌────────────┬──────────────────┬───────┬────────┬─────┐
//              │ write lock │ external commits │ space │ limits │ log │    where each begins, see below
//              └────────────┴──────────────────┴───────┴────────┴─────┘
import { Limits } from './limits.ts';
import { SeenCommits } from './seen-commits.ts';
import { SharedTier } from './shared-tier.ts';
import { SpaceAccount } from './space-account.ts';
import { Versions } from './versions.ts';
import { WRITE_LOCK_WORDS, WriteLock } from './write-lock.ts';

// Byte offset of each part of the control memory.
const LOCK = 0;
const SEEN = 256;
const SPACE = 320;
const LIMITS = 384;
const LOG = 400;
const CONTROL_BYTES = 408;

/** The memory, as it crosses ports. */
export interface SharedBuffers {
  versions: SharedArrayBuffer;
  tier: SharedArrayBuffer;
  control: SharedArrayBuffer;
}

export class SharedMemory {
  /** Versions, which tell outdated copies of entries. */
  readonly versions: Versions;
  /** Copies of entries. */
  readonly tier: SharedTier;
  /** The write lock, held by one thread at a time. */
  readonly lock: WriteLock;
  /** Position up to which the versions have followed the commits of other processes. */
  readonly seen: SeenCommits;
  /** Bytes that may be written before the store has to measure its size. Only for the holder of the lock. */
  readonly space: SpaceAccount;
  /** The size limit and eviction policy. */
  readonly limits: Limits;
  /** Pages that were written to the log and not yet flushed: one number, only for the holder of the lock. */
  readonly unflushedPages: Int32Array;
  readonly #control: SharedArrayBuffer;

  /** Without buffers, new memory. */
  constructor(buffers?: SharedBuffers) {
    this.versions = new Versions(buffers?.versions);
    this.tier = new SharedTier(buffers?.tier);
    this.#control = buffers?.control ?? new SharedArrayBuffer(CONTROL_BYTES);
    this.lock = new WriteLock(new Int32Array(this.#control, LOCK, WRITE_LOCK_WORDS));
    this.seen = new SeenCommits(this.#control, SEEN);
    this.space = new SpaceAccount(this.#control, SPACE);
    this.limits = new Limits(this.#control, LIMITS);
    this.unflushedPages = new Int32Array(this.#control, LOG, 1);
  }

  get buffers(): SharedBuffers {
    return { versions: this.versions.buffer, tier: this.tier.buffer, control: this.#control };
  }
}
