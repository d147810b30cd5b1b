// Size limit and eviction policy of an open store, in memory that all threads share: a caller that states neither
// adopts those of a caller that does, even of one that comes later.
import type { EvictionPolicy } from '../cache.ts';
import { LIMITS } from './layout.ts';

/** Every eviction policy. */
export const POLICIES: readonly EvictionPolicy[] = [
  'least-recently-used',
  'least-recently-stored',
  'least-frequently-used',
  'none',
];

export interface StoreLimits {
  /** Bytes. */
  maxSize: number;
  policy: EvictionPolicy;
}

export class Limits {
  readonly #words: Float64Array;

  constructor(memory: SharedArrayBuffer, offset: number) {
    this.#words = new Float64Array(memory, offset, LIMITS.numbers);
  }

  /** Users of the limits read them again after the store's epoch has changed. */
  get current(): StoreLimits {
    return { maxSize: this.#words[LIMITS.maxSize]!, policy: POLICIES[this.#words[LIMITS.policy]!]! };
  }

  /** Bytes of the largest value that the store may keep. */
  get largest(): number {
    const { maxSize, policy } = this.current;
    return policy === 'none' ? Number.POSITIVE_INFINITY : maxSize;
  }

  set({ maxSize, policy }: StoreLimits): void {
    this.#words[LIMITS.maxSize] = maxSize;
    this.#words[LIMITS.policy] = POLICIES.indexOf(policy);
  }
}
