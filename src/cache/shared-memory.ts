// What the threads of a process share of one store. Each has objects of its own, over the same memory.
import { CommitGroup } from './commit-group.ts';
import { Limits } from './limits.ts';
import { SharedTier } from './shared-tier.ts';
import { Versions } from './versions.ts';

/** The memory, as it crosses ports. */
export interface SharedBuffers {
  versions: SharedArrayBuffer;
  tier: SharedArrayBuffer;
  group: SharedArrayBuffer;
  limits: SharedArrayBuffer;
}

export class SharedMemory {
  /** Which copies of entries are out of date, and whose turn it is to write. */
  readonly versions: Versions;
  /** Copies of entries. */
  readonly tier: SharedTier;
  /** What waits to be written along. */
  readonly group: CommitGroup;
  /** The size limit and eviction policy. */
  readonly limits: Limits;

  /** Without buffers, new memory. */
  constructor(buffers?: SharedBuffers) {
    this.versions = new Versions(buffers?.versions);
    this.tier = new SharedTier(buffers?.tier);
    this.group = new CommitGroup(buffers?.group);
    this.limits = new Limits(buffers?.limits);
  }

  get buffers(): SharedBuffers {
    const { versions, tier, group, limits } = this;
    return {
      versions: versions.buffer,
      tier: tier.buffer,
      group: group.buffer,
      limits: limits.buffer,
    };
  }
}
