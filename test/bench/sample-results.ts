// Results of the real peers and workloads with made-up figures, as wide as figures get.
import { loadPeers } from '../../bench/peer.ts';
import type { Cell, Results, Round } from '../../bench/results.ts';
import { WORKLOADS } from '../../bench/workload.ts';

export const loaded = await loadPeers(new URL('../../bench/peers', import.meta.url).pathname);

const TIMES = { p50: 0.999, p90: 9.99, p99: 999, p999: 999, max: 99_000 };
const DELAY = { p99: 999, max: 99_000 };

function sampleRound(isStampede: boolean): Round {
  return {
    opsPerSecond: 12_345_678,
    operations: 1,
    gets: 1,
    misses: 0,
    latency: TIMES,
    loopDelay: DELAY,
    memory: 2e9,
    stampede: isStampede ? { calls: 16, delay: 999 } : undefined,
  };
}

export function sampleResults(): Results {
  const cells = WORKLOADS.flatMap(({ name: workload, misses, type }) =>
    [
      { processes: 1, threads: 1 },
      { processes: 1, threads: 2 },
      { processes: 1, threads: 8 },
      { processes: 4, threads: 2 },
    ].flatMap(shape =>
      loaded
        .filter(({ peer }) => peer.lacks?.(WORKLOADS.find(({ name }) => name === workload)!) === undefined)
        .map(
          ({ name: peer }): Cell => ({
            workload,
            ...shape,
            peer,
            opsPerSecond: 12_345_678,
            ratio: peer === 'glovebox' ? undefined : { median: 234, min: 123, max: 345 },
            latency: TIMES,
            loopDelay: DELAY,
            memory: 2e9,
            missRate: misses ? 0.0123 : undefined,
            stampede: sampleRound(type === 'stampede').stampede,
            rounds: [1, 2, 3].map(() => sampleRound(type === 'stampede')),
          }),
        ),
    ),
  );
  return {
    date: '2001-02-03T04:05:06.789Z',
    command: ['--threads', '1,8'],
    elapsed: 99_000,
    machine: {
      cpu: 'A processor with a long name, 128 cores',
      cpus: 128,
      memory: 2 ** 40,
      system: 'Linux 6.0.0 x64',
      load: 12.3,
    },
    versions: { node: '24.0.0', ...Object.assign({}, ...loaded.map(({ peer }) => peer.versions())) },
    settings: {
      workloads: WORKLOADS.map(({ name }) => name),
      shapes: [
        { processes: 1, threads: 1 },
        { processes: 1, threads: 2 },
        { processes: 1, threads: 8 },
        { processes: 4, threads: 2 },
      ],
      rounds: 5,
      milliseconds: 1000,
      extent: 'normal',
      entries: 1_000_000,
      directory: '/tmp',
    },
    peers: loaded.map(({ name, peer: { title, setup } }) => ({ name, title, setup })),
    absent: [],
    crashed: [],
    leftOut: [],
    floor: 0.0001,
    cells,
    studies: [],
  };
}

/** The cell of one process with so many threads. */
export function cellOf(results: Results, workload: string, threads: number, peer: string): Cell {
  return results.cells.find(
    cell =>
      cell.workload === workload && cell.processes === 1 && cell.threads === threads && cell.peer === peer,
  )!;
}
