// The operations of one thread, drawn before the clock starts so that drawing them costs no measured time.
import { Kind, type Workload } from './workload.ts';

/** A ring of operations: `kinds[i]` is done to `keys[i]`. */
export interface RequestSequence {
  kinds: Uint8Array<ArrayBuffer>;
  keys: Uint32Array<ArrayBuffer>;
}

/** Who writes what: the keys that leave the remainder `writer` when divided by `writers` are this writer's alone. */
export interface Share {
  writer: number;
  writers: number;
}

/** Who writes a key. */
export function writerOf(key: number, writers: number): number {
  return key % writers;
}

// More operations than most stores do in a millisecond.
const REQUESTS_PER_MS = 100;

/** How many operations to draw for a run: who does more goes round. A power of two, as `most` is. */
export function sequenceLength(milliseconds: number, most: number): number {
  return Math.min(most, 2 ** Math.ceil(Math.log2(Math.max(1, milliseconds) * REQUESTS_PER_MS)));
}

/** The same seed gives the same draws, so that all peers are asked the same. `length` is a power of two. */
export function drawRequests(
  workload: Workload,
  share: Share,
  seed: number,
  length: number,
): RequestSequence {
  const { data, gets, sets, misses, distribution } = workload;
  const kinds = new Uint8Array(length);
  const keys = new Uint32Array(length);
  const random = mulberry32(seed);
  const readable = data.keys + (misses ? data.absent : 0);
  const zipf = distribution === 'zipfian' ? zipfian(readable) : undefined;
  const own = Math.ceil((data.keys - share.writer) / share.writers);
  for (let index = 0; index < length; index++) {
    const chance = random();
    if (chance < gets) {
      keys[index] = zipf ? zipf(random()) : random() * readable;
    } else {
      kinds[index] = chance < gets + sets ? Kind.set : Kind.delete;
      keys[index] = Math.floor(random() * own) * share.writers + share.writer;
    }
  }
  return { kinds, keys };
}

/** Numbers from 0 to below 1, evenly. Small, quick and repeatable, which is all that draws need. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const THETA = 0.99;
const zetas = new Map<number, number>();

/**
 * Turns an even number from 0 to below 1 into a key, of which the k-th most frequent comes 1/k^0.99 as often as the
 * first (Gray et al., "Quickly generating billion-record synthetic databases", as YCSB uses it). The frequent keys
 * are strewn over all numbers.
 */
export function zipfian(keys: number): (even: number) => number {
  const zeta = zetas.get(keys) ?? zetaOf(keys);
  zetas.set(keys, zeta);
  const alpha = 1 / (1 - THETA);
  const eta = (1 - (2 / keys) ** (1 - THETA)) / (1 - zetaOf(2) / zeta);
  return even => {
    const scaled = even * zeta;
    if (scaled < 1) return scramble(0, keys);
    if (scaled < 1 + 0.5 ** THETA) return scramble(1, keys);
    return scramble(Math.min(keys - 1, Math.floor(keys * (eta * even - eta + 1) ** alpha)), keys);
  };
}

function zetaOf(keys: number): number {
  let sum = 0;
  for (let rank = 1; rank <= keys; rank++) sum += 1 / rank ** THETA;
  return sum;
}

// A prime that divides no number of keys, so that every rank gets a key of its own.
const SCRAMBLE = 2_654_435_761;

function scramble(rank: number, keys: number): number {
  return Number((BigInt(rank) * BigInt(SCRAMBLE)) % BigInt(keys));
}
