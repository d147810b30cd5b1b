// Staleness between processes: how long after another process's acknowledged commit a thread still reads the older
// value from its own memory.
//
//   node bench/staleness.ts [--rounds 500]
//
// One process writes a count at random intervals. Another reads it continuously, so that its copy is always hot: first
// in its main thread, then in a worker thread. Both record times of the machine's monotonic clock.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { CROSS_PROCESS_STALENESS_MS, createDefaultCache } from '../src/index.ts';
import { formatTime } from './format.ts';
import { describeMachine } from './machine.ts';

/**
 * Counts with times in milliseconds of the monotonic clock: when each was acknowledged, or when the last read of an
 * older count began.
 */
type Times = [count: number, t: number][];

interface Task {
  cacheRoot: string;
  rounds: number;
}

const PROGRAM = fileURLToPath(import.meta.url);
const TAG = 'staleness';
const KEY = 'count';
// Up to longer than the bound, and never in step with it.
const INTERVAL_MS = [2, 30] as const;
// The reader yields to other work of its thread after this many reads.
const READS_PER_TURN = 50;

const now = () => Number(process.hrtime.bigint()) / 1e6;

async function write({ cacheRoot, rounds }: Task): Promise<Times> {
  const cache = createDefaultCache({ cacheRoot, tag: TAG });
  const acknowledged: Times = [];
  for (let count = 1; count <= rounds; count++) {
    await pause(INTERVAL_MS[0] + Math.random() * (INTERVAL_MS[1] - INTERVAL_MS[0]));
    await cache.set(KEY, count);
    acknowledged.push([count, now()]);
  }
  await cache.close();
  return acknowledged;
}

async function read({ cacheRoot, rounds }: Task, onReady: () => void): Promise<Times> {
  const cache = createDefaultCache({ cacheRoot, tag: TAG });
  const seen: Times = [];
  let last = (await cache.get<number>(KEY)) ?? 0;
  let began = now();
  onReady();
  while (last < rounds) {
    for (let index = 0; index < READS_PER_TURN; index++) {
      const asked = now();
      const count = (await cache.get<number>(KEY)) ?? 0;
      if (count !== last) seen.push([count, began]);
      last = count;
      began = asked;
    }
    await new Promise(setImmediate);
  }
  await cache.close();
  return seen;
}

/** Milliseconds from each acknowledgment to the start of the last read that returned an older count; 0 for none. */
export function stalenessOf(acknowledged: Times, seen: Times): number[] {
  let next = 0;
  return acknowledged.map(([count, t]) => {
    while (next < seen.length && seen[next]![0] < count) next++;
    return Math.max(0, (seen[next]?.[1] ?? Number.POSITIVE_INFINITY) - t);
  });
}

async function measure(reader: 'main thread' | 'worker thread', rounds: number): Promise<number[]> {
  const cacheRoot = await mkdtemp(join(tmpdir(), 'glovebox-staleness-'));
  try {
    const cache = createDefaultCache({ cacheRoot, tag: TAG });
    await cache.set(KEY, 0);
    const task: Task = { cacheRoot, rounds };
    let acknowledged: Promise<Times> | undefined;
    const onReady = () => {
      const writer = fork(PROGRAM, [JSON.stringify(task)]);
      acknowledged = once(writer, 'message').then(([times]) => times as Times);
    };
    const seen = reader === 'main thread' ? await read(task, onReady) : await readInWorker(task, onReady);
    await cache.close();
    return stalenessOf(await acknowledged!, seen);
  } finally {
    await rm(cacheRoot, { recursive: true, force: true });
  }
}

async function readInWorker(task: Task, onReady: () => void): Promise<Times> {
  const worker = new Worker(new URL(import.meta.url), { workerData: task });
  await once(worker, 'message');
  onReady();
  const [seen] = (await once(worker, 'message')) as [Times];
  return seen;
}

function report(reader: string, staleness: number[]): void {
  const sorted = staleness.toSorted((a, b) => a - b);
  const at = (share: number) => formatTime(sorted[Math.ceil(share * sorted.length) - 1]!);
  console.log(
    `${reader.padEnd(14)} p50 ${at(0.5)}   p99 ${at(0.99)}   max ${at(1)}   (${sorted.length} commits)`,
  );
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '500' } } });
  const { cpu, cpus, load } = describeMachine();
  console.log(`${cpu}, ${cpus} CPUs, load ${load.toFixed(1)}, Node ${process.version}`);
  console.log(
    `From a commit's acknowledgement to the last read of what was there before, in another process (bound: ${CROSS_PROCESS_STALENESS_MS} ms):`,
  );
  for (const reader of ['main thread', 'worker thread'] as const) {
    report(reader, await measure(reader, Number(values.rounds)));
  }
}

// This file runs as the reading thread, as the writing process, and as the program that starts both.
if (import.meta.main) {
  if (!isMainThread) {
    const seen = await read(workerData as Task, () => parentPort!.postMessage('ready'));
    parentPort!.postMessage(seen);
  } else if (process.send) {
    process.send(await write(JSON.parse(process.argv[2]!) as Task), () => process.disconnect());
  } else await main();
}
