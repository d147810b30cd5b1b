import test from 'ava';
import { Histogram } from '../../bench/histogram.ts';
import type { DriverRun, RunReply, StampedePart } from '../../bench/messages.ts';
import { type Round, summarizeCell, summarizeRound } from '../../bench/results.ts';

function reply(started: number, ended: number, gets: number[], sets: number[] = [], misses = 0): RunReply {
  const histograms = [gets, sets, []].map(times => {
    const histogram = new Histogram();
    for (const time of times) histogram.record(time);
    return histogram.data();
  });
  return { started, ended, misses, histograms, history: undefined, stampede: undefined };
}

/** The result of one process. */
function host(...threads: RunReply[]): DriverRun {
  return { threads, loopDelay: { p99: 1, max: 2 }, memory: 100 };
}

function round(opsPerSecond: number, p50: number, max: number, gets = 0, misses = 0): Round {
  return {
    opsPerSecond,
    operations: 1,
    gets,
    misses,
    latency: { p50, p90: p50, p99: p50, p999: p50, max },
    loopDelay: { p99: p50, max },
    memory: max,
    stampede: undefined,
  };
}

function stampede(...parts: StampedePart[]) {
  return summarizeRound([host(...parts.map(part => ({ ...reply(0, 1, [1]), stampede: part })))]).stampede;
}

test('the speed of a round counts all operations from the first start to the last end', t => {
  const summary = summarizeRound([host(reply(1000, 1400, [1, 1, 1])), host(reply(1100, 1500, [1], [1]))]);
  t.is(summary.operations, 5);
  t.is(summary.opsPerSecond, 10);
});

test('the latencies of a round are those of all threads and kinds together', t => {
  const { latency } = summarizeRound([host(reply(0, 1, [1, 1]), reply(0, 1, [1], [80]))]);
  t.true(latency.p50 >= 1 && latency.p50 < 1.01);
  t.true(latency.p99 >= 80 && latency.p99 < 81);
  t.is(latency.max, 80);
});

test('only gets count towards the miss rate', t => {
  const summary = summarizeRound([host(reply(0, 1, [1, 1], [1, 1, 1], 1), reply(0, 1, [1, 1], [], 1))]);
  t.deepEqual([summary.gets, summary.misses], [4, 2]);
});

test('a cell is the median of its rounds, or the worst one where it says max', t => {
  const cell = { workload: 'get', processes: 1, threads: 8, peer: 'x', ratio: undefined };
  const summary = summarizeCell(cell, [round(10, 3, 50), round(30, 1, 90), round(20, 2, 70)]);
  t.is(summary.opsPerSecond, 20);
  t.deepEqual(summary.latency, { p50: 2, p90: 2, p99: 2, p999: 2, max: 90 });
  t.is(summary.memory, 90);
  t.deepEqual(summary.loopDelay, { p99: 2, max: 90 });
  t.is(summary.rounds.length, 3);
});

test('the miss rate is taken over all rounds, and is absent without reads', t => {
  const cell = { workload: 'mixed', processes: 1, threads: 1, peer: 'x', ratio: undefined };
  t.is(summarizeCell(cell, [round(1, 1, 1, 100, 2), round(1, 1, 1, 300, 2)]).missRate, 0.01);
  t.is(summarizeCell(cell, [round(1, 1, 1)]).missRate, undefined);
});

test('percentiles are exact to 1 %, rank by rank', t => {
  const times = Array.from({ length: 1000 }, (_, index) => (index + 1) / 10);
  const { latency } = summarizeRound([host(reply(0, 1, times))]);
  for (const [found, wanted] of [
    [latency.p50, 50],
    [latency.p90, 90],
    [latency.p99, 99],
    [latency.p999, 99.9],
    [latency.max, 100],
  ] as const) {
    t.true(found >= wanted && found <= wanted * 1.01, `${found} for ${wanted}`);
  }
});

test('the memory of several processes is summed, and the worst event loop counts', t => {
  const other = { ...host(reply(0, 1, [1])), loopDelay: { p99: 7, max: 1 }, memory: 50 };
  const summary = summarizeRound([host(reply(0, 1, [1])), other]);
  t.is(summary.memory, 150);
  t.deepEqual(summary.loopDelay, { p99: 7, max: 2 });
});

test('a process without an event loop has no event loop delay', t => {
  const summary = summarizeRound([{ ...host(reply(0, 1, [1])), loopDelay: undefined }]);
  t.is(summary.loopDelay, undefined);
});

test('a stampede reports how often the value was produced, and when the last caller had it', t => {
  t.deepEqual(stampede({ produced: 50, done: 51, maker: 0 }, { produced: undefined, done: 53, maker: 0 }), {
    calls: 1,
    delay: 3,
  });
  t.deepEqual(stampede({ produced: 50, done: 51, maker: 0 }, { produced: 55, done: 56, maker: 1 }), {
    calls: 2,
    delay: 6,
  });
});

test('a value of a stampede that no call produced is wrong', t => {
  t.throws(() => stampede({ produced: 50, done: 51, maker: 0 }, { produced: undefined, done: 53, maker: 1 }));
});

test("the most calls of a cell's stampedes count", t => {
  const cell = { workload: 'stampede', processes: 1, threads: 2, peer: 'x', ratio: undefined };
  const rounds = [1, 2, 9].map(delay => ({
    ...round(1, 1, 1, 2),
    stampede: { calls: delay === 2 ? 4 : 1, delay },
  }));
  const summary = summarizeCell(cell, rounds);
  t.deepEqual(summary.stampede, { calls: 4, delay: 2 });
  t.is(summary.missRate, undefined);
});
