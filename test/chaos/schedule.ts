// Schedule of a chaos thread: its sequence of calls, which follows from the seed alone, never from the answers.
import type { CacheOptions } from '../../src/cache/options.ts';
import type { CacheCall } from './log-lines.ts';
import type { Random } from './random.ts';
import { valueId } from './values.ts';

/** The caches of a run. Nothing may vanish from `steady`; the others are too small for their entries. */
export const TAGS: Readonly<Record<string, CacheOptions>> = {
  steady: { policy: 'none' },
  tight: { policy: 'least-recently-used', maxSize: 800_000 },
  frequent: { policy: 'least-frequently-used', maxSize: 600_000 },
};

/** Whether entries of the tag may be evicted. */
export function isEvicting(tag: string): boolean {
  return TAGS[tag]?.policy !== 'none';
}

// Classes of keys; the letter is the key's first.
//   r: registers   c: counters, never deleted   d: counters that are deleted   g: getOrSet   f: files
//   p: a few large values that many keys share   t: short times to live
const CLASSES = { r: 10, c: 4, d: 3, g: 5, f: 3, p: 5, t: 5 } as const;
type Class = keyof typeof CLASSES;

/** The keys of a class of the tag `steady`. */
export function keysOf(letter: Class): string[] {
  return Array.from({ length: CLASSES[letter] }, (_, index) => `${letter}${index}`);
}
const EVICTED_KEYS = Array.from({ length: 30 }, (_, index) => `e${index}`);

/** Every key that a run can use, by tag. */
export function allKeys(tag: string): string[] {
  return isEvicting(tag) ? EVICTED_KEYS : (Object.keys(CLASSES) as Class[]).flatMap(keysOf);
}

const CONTESTED = new Set(['g3', 'g4']);

// The same bytes under several keys, stored and deleted all the time: one blob whose references come and go.
const POOL = [0, 3, 6].map(count => valueId('pool', count, 70_000 + count));

export class Schedule {
  readonly #random: Random;
  readonly #writer: string;
  #count = 0;

  /** `writer` names the thread and its lane: it is in every value that it writes. */
  constructor(random: Random, writer: string) {
    this.#random = random;
    this.#writer = writer;
  }

  /** The next calls, all started before any of them is awaited. */
  next(): CacheCall[] {
    const random = this.#random;
    const kind = random.weighted({ steady: 75, evicting: 20, upkeep: 0.6, burst: 4 });
    if (kind === 'evicting') return [this.#evicting(random.pick(['tight', 'frequent']))];
    if (kind === 'upkeep') {
      const op = random.weighted({ cleanup: 2, check: 1, stats: 4 });
      return [{ op, tag: random.pick(Object.keys(TAGS)) }];
    }
    if (kind === 'burst') return this.#burst();
    return [this.#steady()];
  }

  #value(): string {
    const random = this.#random;
    const size = random.chance(0.2) ? random.between(17_000, 140_000) : random.between(80, 4000);
    return valueId(this.#writer, this.#count++, size);
  }

  #steady(): CacheCall {
    const tag = 'steady';
    const random = this.#random;
    const letter = random.weighted({ r: 35, c: 12, d: 8, g: 14, f: 8, p: 10, t: 13 });
    const keys = keysOf(letter);
    const key = random.pick(keys);
    const some = () => keys.filter(() => random.chance(0.4)).concat(key);
    switch (letter) {
      case 'r': {
        const op = random.weighted({
          get: 30,
          set: 20,
          add: 8,
          delete: 8,
          has: 6,
          getMany: 6,
          setMany: 6,
          entries: 3,
        });
        if (op === 'set' || op === 'add') return { op, tag, key, value: this.#value() };
        if (op === 'setMany') return { op, tag, keys: [...new Set(some())], value: this.#value() };
        if (op === 'getMany') return { op, tag, keys: [...new Set(some())] };
        if (op === 'entries') return { op, tag, prefix: letter, keys };
        return { op, tag, key };
      }
      case 'c':
      case 'd': {
        const op = random.weighted({ increment: 10, get: 5, delete: letter === 'd' ? 3 : 0 });
        return op === 'increment' ? { op, tag, key, by: random.between(1, 3) } : { op, tag, key };
      }
      case 'g': {
        const op = random.weighted({ getOrSet: 20, delete: 6, get: 4, set: 1, has: 2 });
        if (op === 'set') return { op, tag, key, value: this.#value() };
        return op === 'getOrSet' ? this.#getOrSet(key) : { op, tag, key };
      }
      case 'f': {
        const op = random.weighted({ putFile: 6, getFile: 8, get: 2, delete: 2 });
        return op === 'putFile' ? { op, tag, key, value: this.#value() } : { op, tag, key };
      }
      case 'p': {
        const op = random.weighted({ set: 10, setMany: 3, get: 10, delete: 8, entries: 1 });
        if (op === 'set') return { op, tag, key, value: random.pick(POOL) };
        if (op === 'setMany') return { op, tag, keys: [...new Set(some())], value: random.pick(POOL) };
        return op === 'entries' ? { op, tag, prefix: letter, keys } : { op, tag, key };
      }
      case 't': {
        const op = random.weighted({ set: 8, add: 4, get: 12, has: 3, touch: 6, getOrSet: 2 });
        const ttl = random.between(30, 600);
        if (op === 'set' || op === 'add') return { op, tag, key, value: this.#value(), ttl };
        if (op === 'touch') return { op, tag, key, ttl };
        return op === 'getOrSet' ? { ...this.#getOrSet(key), ttl } : { op, tag, key };
      }
    }
  }

  #getOrSet(key: string): CacheCall & { op: 'getOrSet' } {
    const random = this.#random;
    // Some keys have slow producers and impatient callers: there leases are taken over.
    const isContested = CONTESTED.has(key);
    const takes = random.chance(isContested ? 0.3 : 0.1) ? random.between(300, 1500) : random.between(0, 60);
    const wait = isContested && random.chance(0.4) ? { wait: random.between(50, 400) } : {};
    const throws = random.chance(0.12);
    return { op: 'getOrSet', tag: 'steady', key, value: this.#value(), takes, throws, ...wait };
  }

  #evicting(tag: string): CacheCall {
    const random = this.#random;
    const key = random.pick(EVICTED_KEYS);
    const op = random.weighted({ set: 10, get: 12, add: 3, delete: 1, has: 2, entries: 0.5 });
    if (op === 'set' || op === 'add') return { op, tag, key, value: this.#value() };
    return op === 'entries' ? { op, tag, prefix: 'e', keys: EVICTED_KEYS } : { op, tag, key };
  }

  // Writes to one key without awaiting: they take effect in this order.
  #burst(): CacheCall[] {
    const random = this.#random;
    const key = random.pick(keysOf('r'));
    return Array.from({ length: random.between(2, 4) }, (): CacheCall => {
      const op = random.weighted({ set: 6, delete: 2, add: 2 });
      return op === 'delete' ? { op, tag: 'steady', key } : { op, tag: 'steady', key, value: this.#value() };
    });
  }
}
