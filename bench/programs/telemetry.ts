// Measures hot reads through the public methods, which check their diagnostics channel for subscribers, and through the
// same methods without the check, in turn. Its one argument is a TelemetryTask as JSON; it prints a TelemetryReply.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { StoreCache } from '../../src/cache/client/store-cache.ts';
import { createDefaultCache } from '../../src/index.ts';
import { keyName } from '../data-set.ts';
import { TAG } from '../peers/glovebox.ts';

export interface TelemetryTask {
  directory: string;
  rounds: number;
  /** Number of reads of each method per round. */
  reads: number;
}

export const WAYS = ['get', 'getSync', 'borrow'] as const;
export type TracedWay = (typeof WAYS)[number];

/** `plain`: no check. `traced`: the check finds no subscriber. `subscribed`: it finds one. */
export type Looks = 'plain' | 'traced' | 'subscribed';

/** Microseconds per read, one for each round. */
export type TelemetryReply = Record<TracedWay, Record<Looks, number[]>>;

const KEYS = 1024;
// A power of two less one, which reaches every key.
const STEP = 511;

if (import.meta.main) {
  console.log(JSON.stringify(await measure(JSON.parse(process.argv[2]!) as TelemetryTask)));
}

async function measure({ directory, rounds, reads }: TelemetryTask): Promise<TelemetryReply> {
  const cache = createDefaultCache({ cacheRoot: directory, tag: TAG });
  const keys = Array.from({ length: KEYS }, (_, key) => keyName(key));
  await cache.setMany(keys.map((key, index) => [key, index]));
  // The same object with the same copies; only the method differs.
  const { get, getSync, borrow } = StoreCache.prototype;
  const keyAt = (at: number) => keys[(at * STEP) & (KEYS - 1)]!;
  const loops: Record<TracedWay, Record<'plain' | 'traced', () => number | Promise<number>>> = {
    get: {
      plain: async () => {
        let sum = 0;
        for (let at = 0; at < reads; at++) sum += (await get.call(cache, keyAt(at))) as number;
        return sum;
      },
      traced: async () => {
        let sum = 0;
        for (let at = 0; at < reads; at++) sum += (await cache.get(keyAt(at))) as number;
        return sum;
      },
    },
    getSync: {
      plain: () => {
        let sum = 0;
        for (let at = 0; at < reads; at++) sum += getSync.call(cache, keyAt(at)) as number;
        return sum;
      },
      traced: () => {
        let sum = 0;
        for (let at = 0; at < reads; at++) sum += cache.getSync(keyAt(at)) as number;
        return sum;
      },
    },
    borrow: {
      plain: () => {
        let sum = 0;
        for (let at = 0; at < reads; at++) sum += borrow.call(cache, keyAt(at)) as number;
        return sum;
      },
      traced: () => {
        let sum = 0;
        for (let at = 0; at < reads; at++) sum += cache.borrow(keyAt(at)) as number;
        return sum;
      },
    },
  };
  const right = Array.from({ length: reads }, (_, at) => (at * STEP) & (KEYS - 1)).reduce((a, b) => a + b, 0);
  const timed = async (loop: () => number | Promise<number>) => {
    const began = performance.now();
    const sum = await loop();
    const taken = performance.now() - began;
    if (sum !== right) throw new Error('Other values were read than were stored.');
    return (taken * 1000) / reads;
  };
  const reply = Object.fromEntries(
    WAYS.map(way => [way, { plain: [], traced: [], subscribed: [] }]),
  ) as unknown as TelemetryReply;
  const listener = () => undefined;
  // A subscription changes the class of the channel for good, so the loops without one are all measured first.
  for (let round = -1; round < rounds; round++) {
    for (const way of WAYS) {
      const order = round % 2 === 0 ? (['plain', 'traced'] as const) : (['traced', 'plain'] as const);
      for (const looks of order) {
        const time = await timed(loops[way][looks]);
        if (round >= 0) reply[way][looks].push(time);
      }
    }
  }
  subscribe('tracing:glovebox.cache.operation:end', listener);
  for (let round = 0; round < rounds; round++) {
    for (const way of WAYS) reply[way].subscribed.push(await timed(loops[way].traced));
  }
  unsubscribe('tracing:glovebox.cache.operation:end', listener);
  await cache.close();
  return reply;
}
