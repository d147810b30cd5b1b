// Shared memory of one store: the parts that the threads of a process share. Each thread has objects of its own over
// it. Where everything is: layout.ts.
import { CONTROL, CONTROL_BYTES, LOCK_WORDS, LOG } from './layout.ts';
import { Limits } from './limits.ts';
import { SeenCommits } from './seen-commits.ts';
import { SharedTier } from './shared-tier.ts';
import { SpaceAccount } from './space-account.ts';
import { Versions } from './versions.ts';
import { WriteLock } from './write-lock.ts';

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
  /** The state of the log, see `LOG` in layout.ts. */
  readonly log: Int32Array;
  readonly #control: SharedArrayBuffer;

  /** Without buffers, new memory. */
  constructor(buffers?: SharedBuffers) {
    this.versions = new Versions(buffers?.versions);
    this.tier = new SharedTier(buffers?.tier);
    this.#control = buffers?.control ?? new SharedArrayBuffer(CONTROL_BYTES);
    this.lock = new WriteLock(new Int32Array(this.#control, CONTROL.lock, LOCK_WORDS));
    this.seen = new SeenCommits(this.#control, CONTROL.seen);
    this.space = new SpaceAccount(this.#control, CONTROL.space);
    this.limits = new Limits(this.#control, CONTROL.limits);
    this.log = new Int32Array(this.#control, CONTROL.log, LOG.words);
  }

  get buffers(): SharedBuffers {
    return { versions: this.versions.buffer, tier: this.tier.buffer, control: this.#control };
  }
}
