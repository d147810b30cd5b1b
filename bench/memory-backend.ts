// Memory backend: what the metrics of a build take from it, and from SQLite with its database in memory.
//
//   node bench/memory-backend.ts [--rounds 15] [--records 1000]
//
// One round records so many targets and then reads all of them once, as a build does. The contenders take turns.
//   store    at the level of a store: the memory backend; the least that a SQLite store in memory would do (its own
//            statements, one for each set, without its lock, versions, space account and files)
//   cache    through `MetricsService`, in the coordinator's thread: the memory backend; the SQLite backend in a
//            directory of the system's memory (/dev/shm)
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { MetricsService } from '../src/builder/metrics.ts';
import { encodePending } from '../src/cache/client/pending-value.ts';
import type { IncomingValue, PageEntry } from '../src/cache/operations.ts';
import { MemoryStore } from '../src/cache/storage/memory-store.ts';
import { SCHEMA } from '../src/cache/storage/sqlite/schema.ts';
import { NOTE, prepare } from '../src/cache/storage/sqlite/statements.ts';
import { openCache } from '../src/index.ts';
import { formatTime } from './format.ts';
import { describeMachine } from './machine.ts';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, records: { type: 'string', default: '1000' } },
});
const rounds = Number(options.rounds);
const records = Number(options.records);
const MAX_SIZE = 2e9;
const POLICY = 'least-recently-used';

const keyOf = (index: number) => `target/0/${index}`;
const metricsOf = (index: number) => ({
  target: `corne_left-${index}`,
  result: 'compiled' as const,
  duration: 1000.5 + index,
  compileDuration: 900.25 + index,
});

/** Milliseconds of processor time of the writes and of the reads of a round. */
type Round = { write: number; read: number };

interface Contender {
  name: string;
  level: 'store' | 'cache';
  run(): Promise<Round>;
}

async function timed(write: () => unknown, read: () => unknown): Promise<Round> {
  const began = processorTime();
  await write();
  const written = processorTime();
  await read();
  return { write: written - began, read: processorTime() - written };
}

// Of the whole process, which nothing else uses: unlike the time of a clock, it says something on a busy machine.
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function readAll(page: (after: string) => PageEntry[] | Promise<PageEntry[]>): Promise<void> {
  let count = 0;
  for (let after = ''; ; ) {
    const found = await page(after);
    count += found.length;
    if (found.length < 256) break;
    after = found.at(-1)!.key;
  }
  if (count !== records) throw new Error(`${count} records were found`);
}

const encoded = (index: number) => encodePending(keyOf(index), metricsOf(index)) as IncomingValue;

const memoryStore: Contender = {
  name: 'memory backend',
  level: 'store',
  run() {
    const store = new MemoryStore({ maxSize: MAX_SIZE, policy: POLICY });
    return timed(
      () => {
        for (let index = 0; index < records; index++) {
          const operation = { type: 'set', key: keyOf(index), value: encoded(index), expires: null } as const;
          store.apply([{ operation, now: Date.now() }]);
        }
      },
      () => readAll(after => store.reader.page('target/', after, Date.now(), false)),
    );
  },
};

const sqliteStatements: Contender = {
  name: "SQLite ':memory:', statements only",
  level: 'store',
  async run() {
    const database = new Database(':memory:');
    for (const statement of SCHEMA.statements) database.exec(statement);
    database.function(NOTE, () => 1);
    const { plain } = prepare(database, POLICY);
    const page = database.prepare<[string, string, number, number], PageEntry>(
      `SELECT key, encoding, value AS data, blob, checksum, size, mode, expires FROM entries
         WHERE key > ? AND key >= ? AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?`,
    );
    try {
      return await timed(
        () => {
          for (let index = 0; index < records; index++) {
            const { encoding, data, checksum, size } = encoded(index);
            const now = Date.now();
            plain.set.run(keyOf(index), encoding, data!, checksum, size, null, now, now);
          }
        },
        () => readAll(after => page.all(after, 'target/', Date.now(), 256)),
      );
    } finally {
      database.close();
    }
  },
};

const shm = mkdtempSync('/dev/shm/glovebox-metrics-');

const throughCache = (name: string, backend: 'memory' | 'sqlite'): Contender => ({
  name,
  level: 'cache',
  async run() {
    const cache = openCache({ tag: 'metrics', cacheRoot: join(shm, 'cache'), backend });
    const service = new MetricsService(cache);
    await service.reset();
    try {
      return await timed(
        async () => {
          for (let index = 0; index < records; index++) await service.record(metricsOf(index));
        },
        () => service.snapshot(),
      );
    } finally {
      await service.reset();
      await cache.close();
    }
  },
});

const contenders = [
  memoryStore,
  sqliteStatements,
  throughCache('memory backend', 'memory'),
  throughCache('SQLite backend in /dev/shm', 'sqlite'),
];

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;

const machine = describeMachine();
console.log(
  `${machine.cpu}, ${machine.cpus} CPUs, ${machine.system}, load ${machine.load.toFixed(1)}, Node ${process.version}`,
);
console.log(`${records} records, median of ${rounds} rounds (least–greatest), processor time per record`);
const results = contenders.map(() => [] as Round[]);
try {
  for (let round = -2; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const result = await contender.run();
      if (round >= 0) results[index]!.push(result);
    }
  }
} finally {
  rmSync(shm, { recursive: true });
}
for (const [index, { name, level }] of contenders.entries()) {
  const shown = (['write', 'read'] as const).map(part => {
    const times = results[index]!.map(result => result[part] / records);
    const ratios = results[index]!.map((result, round) => result[part] / results[index & ~1]![round]![part]);
    return `${part} ${formatTime(median(times))} (× ${median(ratios).toFixed(1)}, ${Math.min(...ratios).toFixed(1)}–${Math.max(...ratios).toFixed(1)})`;
  });
  console.log(`${level}  ${name.padEnd(36)}  ${shown.join('  ')}`);
}
