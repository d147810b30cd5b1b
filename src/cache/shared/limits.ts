// Size limit and eviction policy of an open store, in memory that all threads share: a caller that states neither
// adopts those of a caller that does, even of one that comes later.
//
//   Float64Array   ┌──────────┬────────┐
//                  │ max size │ policy │    bytes; an index into POLICIES
//                  └──────────┴────────┘
import type { EvictionPolicy } from '../cache.ts';

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
    this.#words = new Float64Array(memory, offset, 2);
  }

  /** Users of the limits read them again after the store's epoch has changed. */
  get current(): StoreLimits {
    return { maxSize: this.#words[0]!, policy: POLICIES[this.#words[1]!]! };
  }

  /** Bytes of the largest value that the store may keep. */
  get largest(): number {
    const { maxSize, policy } = this.current;
    return policy === 'none' ? Number.POSITIVE_INFINITY : maxSize;
  }

  set({ maxSize, policy }: StoreLimits): void {
    this.#words[0] = maxSize;
    this.#words[1] = POLICIES.indexOf(policy);
  }
}
