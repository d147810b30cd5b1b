// Cost of hot reads: borrowed, synchronous and awaited, beside lmdb's reads.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runNode } from '../child.ts';
import { baseEnvironment } from '../distribution.ts';
import { type Experiment, roundsOf } from '../experiment.ts';
import type { ExperimentResult } from '../experiment-result.ts';
import { formatTime } from '../format.ts';
import { formatRatio } from '../goals.ts';
import type { HotReadsReply, HotReadsTask, ReadKind, Way } from '../programs/hot-reads.ts';
import { median, type Ratio, ratio } from '../statistics.ts';
import { COMPILED } from '../worker-group.ts';

/** Read times by kind of value. */
export type HotReads = Record<ReadKind, HotReadsReply>;

const PROGRAM = fileURLToPath(new URL('../programs/hot-reads.ts', import.meta.url));
const KINDS = ['bytes', 'string', 'record'] as const;
// Many short loops in turn: a momentary slowdown affects few of them, and not the median.
const READS = 20_000;
const QUICK_READS = 2000;
const LOOPS = 9;

const GOALS: [id: string, kind: ReadKind, way: Way, least: number][] = [
  ['borrow-bytes', 'bytes', 'borrow', 3],
  ['borrow-string', 'string', 'borrow', 4],
  ['borrow-record', 'record', 'borrow', 10],
  ['sync-string', 'string', 'getSync', 4],
  ['sync-bytes', 'bytes', 'getSync', 0.9],
  ['get-bytes', 'bytes', 'get', 0.8],
  ['get-record', 'record', 'get', 1],
];

const TITLES: Record<ReadKind, string> = {
  bytes: '200 bytes',
  string: 'a string of 200 characters',
  record: 'a record of 1 KiB',
};

export const experiment: Experiment = {
  name: 'hot-reads',
  async run({ settings, directory, onProgress }) {
    const isQuick = settings.extent === 'quick';
    const times = {} as HotReads;
    // One process per kind, so that the loops of one are not compiled for the values of another.
    for (const kind of KINDS) {
      onProgress(`hot reads of ${TITLES[kind]}`);
      const own = join(directory, kind);
      await mkdir(own);
      const reads = isQuick ? QUICK_READS : READS;
      const task: HotReadsTask = {
        directory: own,
        kind,
        rounds: isQuick ? 1 : LOOPS * roundsOf(settings),
        reads,
      };
      const args = ['--disable-warning=ExperimentalWarning', PROGRAM, JSON.stringify(task)];
      const { stdout } = await runNode(args, { ...baseEnvironment(), NODE_COMPILE_CACHE: COMPILED });
      times[kind] = JSON.parse(stdout) as HotReadsReply;
    }
    return summarizeHotReads(times);
  },
};

/** Speed of one of Glovebox's reads relative to lmdb's, round by round. */
export function fasterThanLmdb(times: HotReads, kind: ReadKind, way: Way): Ratio {
  return ratio(times[kind].lmdb, times[kind][way]);
}

export function summarizeHotReads(times: HotReads): ExperimentResult {
  const time = (kind: ReadKind, way: Way) => formatTime(median(times[kind][way]) / 1000);
  const cell = (kind: ReadKind, way: Way) =>
    `${time(kind, way)}, ${formatRatio(fasterThanLmdb(times, kind, way))}`;
  return {
    name: 'hot-reads',
    title: 'hot reads: 1024 keys in one worker thread, timed in a bare loop',
    table: [
      ['', 'lmdb', 'borrow', 'getSync', 'awaited get'],
      ...KINDS.map(kind => [
        TITLES[kind],
        time(kind, 'lmdb'),
        ...(['borrow', 'getSync', 'get'] as const).map(way => cell(kind, way)),
      ]),
    ],
    notes: [
      `Medians of ${times.bytes.lmdb.length} loops in turn; behind each how many times as fast as lmdb it is (least–greatest).`,
      'lmdb: getBinaryFast for bytes, a view that is valid until the next read; its string encoding; for records',
      'MessagePack with shared structures.',
      'borrow gives the value itself, bytes as a view and records frozen; getSync and get give a copy.',
    ],
    targets: GOALS.map(([id, kind, way, least]) => {
      const found = fasterThanLmdb(times, kind, way);
      return { id, measured: formatRatio(found), isMet: found.median >= least };
    }),
    data: times,
    chart: {
      axis: 'time of a read: shorter is better',
      groups: KINDS.map(kind => ({
        heading: TITLES[kind],
        lines: (['lmdb', 'borrow', 'getSync', 'get'] as const).map(way => ({
          name: way === 'get' ? 'awaited get' : way,
          value: median(times[kind][way]),
          label: time(kind, way),
          isOurs: way !== 'lmdb',
        })),
      })),
    },
  };
}
