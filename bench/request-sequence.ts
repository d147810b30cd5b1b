// Request sequence of one thread, drawn before the clock starts so that drawing costs no measured time.
import { Kind, type Workload } from './workload.ts';

/** A ring of requests: operation `kinds[i]` on key `keys[i]`. */
export interface RequestSequence {
  kinds: Uint8Array<ArrayBuffer>;
  keys: Uint32Array<ArrayBuffer>;
}

/** A writer's share of the keys: those that leave the remainder `writer` when divided by `writers`. */
export interface Share {
  writer: number;
  writers: number;
}

/** The number of the writer of a key. */
export function writerOf(key: number, writers: number): number {
  return key % writers;
}

// More operations than most stores do in a millisecond.
const REQUESTS_PER_MS = 100;

/** Length of a run's sequence; faster clients repeat it. A power of two, as `most` is. */
export function sequenceLength(milliseconds: number, most: number): number {
  return Math.min(most, 2 ** Math.ceil(Math.log2(Math.max(1, milliseconds) * REQUESTS_PER_MS)));
}

/** Equal seeds give equal sequences, so that all peers do the same work. `length` is a power of two. */
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

/** Uniform random numbers in [0, 1). Small, fast and repeatable, which is enough here. */
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
 * Maps a uniform number in [0, 1) to a key, where the k-th most frequent key occurs 1/k^0.99 as often as the first
 * (Gray et al., "Quickly generating billion-record synthetic databases", as YCSB uses it). Frequent keys are scattered
 * over the key space.
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

// A prime that divides no number of keys, so that each rank has its own key.
const SCRAMBLE = 2_654_435_761;

function scramble(rank: number, keys: number): number {
  return Number((BigInt(rank) * BigInt(SCRAMBLE)) % BigInt(keys));
}
