// Latency histogram in little memory: one counter per bucket, and bucket widths that grow with the time.
//
//   nanoseconds   0 … 255      256 … 511       512 … 1023      …
//   bucket width  1            2               4               …     so a bucket is at most 0.8 % wide
//
// Times beyond 2.1 s share the last bucket; the maximum is kept exactly.

const SUB_BUCKETS = 128;
const LONGEST = 2 ** 31 - 1;
const BUCKETS = bucketOf(LONGEST) + 1;

/** Transferable form of a histogram. */
export interface HistogramData {
  counts: Uint32Array<ArrayBuffer>;
  /** Milliseconds. */
  max: number;
}

export class Histogram {
  readonly #counts: Uint32Array<ArrayBuffer>;
  #max: number;

  constructor(data: HistogramData = { counts: new Uint32Array(BUCKETS), max: 0 }) {
    this.#counts = data.counts;
    this.#max = data.max;
  }

  /** Records one operation of `milliseconds`. */
  record(milliseconds: number): void {
    const nanoseconds = Math.min(Math.max(milliseconds, 0) * 1e6, LONGEST);
    this.#counts[bucketOf(nanoseconds)]!++;
    if (milliseconds > this.#max) this.#max = milliseconds;
  }

  /** Adds the counts of another histogram. */
  add(other: Histogram): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.#counts[bucket]! += other.#counts[bucket]!;
    this.#max = Math.max(this.#max, other.#max);
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** The exact maximum in milliseconds; 0 when empty. */
  get max(): number {
    return this.#max;
  }

  /** The percentile in milliseconds, rounded up by at most 0.8 %. 0 when empty. */
  percentile(percent: number): number {
    const rank = Math.max(1, Math.ceil((percent / 100) * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen < rank) continue;
      return bucket === BUCKETS - 1 ? this.#max : Math.min(endOf(bucket) / 1e6, this.#max);
    }
    return 0;
  }

  /** The argument for the constructor; shares this histogram's memory. */
  data(): HistogramData {
    return { counts: this.#counts, max: this.#max };
  }
}

function bucketOf(nanoseconds: number): number {
  const shift = Math.max(0, 24 - Math.clz32(nanoseconds));
  return shift * SUB_BUCKETS + (nanoseconds >>> shift);
}

// The longest time in a bucket.
function endOf(bucket: number): number {
  const shift = Math.max(0, Math.floor(bucket / SUB_BUCKETS) - 1);
  return (bucket - shift * SUB_BUCKETS + 1) * 2 ** shift - 1;
}
