// Measures hot reads of one kind in one worker thread, with one loop per read method. There is no clock or check around
// each operation, because a read from memory takes less than those. Its one argument is a HotReadsTask as JSON; it
// prints a HotReadsReply.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { open, type RootDatabase } from 'lmdb';
import { createDefaultCache } from '../../src/index.ts';
import { keyName } from '../data-set.ts';
import { TAG } from '../peers/glovebox.ts';
import { mulberry32 } from '../request-sequence.ts';
import { type BuildRecord, ByteValues, ObjectValues } from '../values.ts';

export type ReadKind = 'bytes' | 'string' | 'record';
export type Way = 'lmdb' | 'borrow' | 'getSync' | 'get';

export interface HotReadsTask {
  directory: string;
  kind: ReadKind;
  rounds: number;
  /** Number of reads of each method per round. */
  reads: number;
}

/** Microseconds per read, one for each round. */
export type HotReadsReply = Record<Way, number[]>;

const KEYS = 1024;
const SIZE = 200;
// Reads of each key before measuring: a value read repeatedly is kept in other ways than a new one.
const WARM_UP = 10;
// Must be a power of two.
const DRAWS = 1 << 16;

/** One kind of value, and its lmdb settings. */
interface Kind<Value = unknown> {
  make(key: number): Value;
  /** A number that identifies a value, so that reads can be summed and compared. */
  mark(value: Value): number;
  database: RootDatabase;
  get(database: RootDatabase, key: string): Value;
}

if (isMainThread) {
  const task = JSON.parse(process.argv[2]!) as HotReadsTask;
  // The coordinator is in the main thread, as in every program with a pool.
  const cache = createDefaultCache({ cacheRoot: task.directory, tag: TAG });
  await cache.set('begun', true);
  const worker = new Worker(new URL(import.meta.url), { workerData: task });
  const [reply] = (await once(worker, 'message')) as [HotReadsReply];
  await worker.terminate();
  await cache.close();
  console.log(JSON.stringify(reply));
} else {
  parentPort!.postMessage(await measure(workerData as HotReadsTask));
}

function kindOf({ directory, kind }: HotReadsTask): Kind {
  const path = `${directory}/lmdb-${kind}`;
  if (kind === 'bytes') {
    const values = new ByteValues(SIZE);
    return {
      make: key => values.make(key, 1),
      mark: (value: Buffer) => value[0]! + value[1]! * 256 + value.length,
      database: open({ path, encoding: 'binary' }),
      get: (database, key) => database.getBinaryFast(key) as Buffer,
    } satisfies Kind<Buffer> as Kind;
  }
  if (kind === 'string') {
    return {
      make: key => String(key).padEnd(SIZE, 'abcdefghij'),
      mark: (value: string) => value.charCodeAt(0) + value.charCodeAt(1) * 256 + value.length,
      database: open({ path, encoding: 'string' }),
      get: (database, key) => database.get(key) as string,
    } satisfies Kind<string> as Kind;
  }
  const values = new ObjectValues();
  return {
    make: key => values.make(key, 1),
    mark: (value: BuildRecord) => value.key + value.end.version,
    // Recommended by its documentation for records of the same form.
    database: open({ path, sharedStructuresKey: Symbol.for('structures') }),
    get: (database, key) => database.get(key) as BuildRecord,
  } satisfies Kind<BuildRecord> as Kind;
}

async function measure(task: HotReadsTask): Promise<HotReadsReply> {
  const { make, mark, database, get } = kindOf(task);
  const cache = createDefaultCache({ cacheRoot: task.directory, tag: TAG });
  const keys = Array.from({ length: KEYS }, (_, key) => keyName(key));
  const values = keys.map((_, key) => make(key));
  await Promise.all(keys.map((key, index) => database.put(key, values[index])));
  await cache.setMany(keys.map((key, index) => [key, values[index]]));
  const random = mulberry32(1);
  const order = Uint16Array.from({ length: DRAWS }, () => random() * KEYS);
  const keyAt = (at: number) => keys[order[at & (DRAWS - 1)]!]!;
  const ways: Record<Way, (count: number) => number | Promise<number>> = {
    lmdb: count => {
      let sum = 0;
      for (let at = 0; at < count; at++) sum += mark(get(database, keyAt(at)));
      return sum;
    },
    borrow: count => {
      let sum = 0;
      for (let at = 0; at < count; at++) sum += mark(cache.borrow(keyAt(at)));
      return sum;
    },
    getSync: count => {
      let sum = 0;
      for (let at = 0; at < count; at++) sum += mark(cache.getSync(keyAt(at)));
      return sum;
    },
    get: async count => {
      let sum = 0;
      for (let at = 0; at < count; at++) sum += mark(await cache.get(keyAt(at)));
      return sum;
    },
  };
  const times: HotReadsReply = { lmdb: [], borrow: [], getSync: [], get: [] };
  for (let round = 0; round <= task.rounds; round++) {
    const count = round === 0 ? KEYS * WARM_UP : task.reads;
    let right = 0;
    for (let at = 0; at < count; at++) right += mark(values[order[at & (DRAWS - 1)]!]);
    for (const way of ['lmdb', 'borrow', 'getSync', 'get'] as const) {
      const began = performance.now();
      const sum = await ways[way](count);
      const taken = performance.now() - began;
      if (sum !== right) throw new Error(`${way} read ${task.kind} values that were not stored.`);
      if (round > 0) times[way].push((taken * 1000) / count);
    }
  }
  await cache.close();
  return times;
}
