// Benchmark schedule. Rounds are interleaved over the peers (A B C A B C …), so that noise on the machine affects all
// alike.
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as floor from './baseline.ts';
import { Crashes } from './crashes.ts';
import type { Experiment } from './experiment.ts';
import type { ExperimentResult } from './experiment-result.ts';
import { describeMachine } from './machine.ts';
import type { DriverRun } from './messages.ts';
import { type LoadedPeer, REFERENCE } from './peer.ts';
import { type Cell, type Results, type Round, summarizeCell, summarizeRound } from './results.ts';
import { dataOf, isMeasured, type Settings, warmUpOf } from './settings.ts';
import { median, ratio } from './statistics.ts';
import { isSameTopology, type Topology, topologyLabel } from './topology.ts';
import { BenchmarkFailure, Driver, type StoreState, WorkerGroup } from './worker-group.ts';
import { findWorkload, type Workload } from './workload.ts';

/** Receives progress messages for the terminal. */
export type ProgressListener = (what: string) => void;

// Amount of each data set that is verified at the end.
const VERIFIED_BYTES = 64 * 1024 * 1024;
const ALONE: Topology = { processes: 1, threads: 1 };

/**
 * Measures all peers with all workloads and runs all experiments. Rejects with `BenchmarkFailure` as soon as a peer
 * returns a wrong value, or the reference crashes. Another peer that crashes is named and not measured further. Leaves
 * no process or file behind.
 * @param command the command line to report
 */
export async function runBenchmark(
  settings: Settings,
  peers: readonly LoadedPeer[],
  studies: readonly Experiment[] = [],
  onProgress: ProgressListener = () => undefined,
  command: string[] = [],
): Promise<Results> {
  const date = new Date().toISOString();
  const began = performance.now();
  const machine = describeMachine();
  const directory = await mkdtemp(join(tmpdir(), 'glovebox-bench-'));
  const removeFiles = () =>
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  process.once('exit', removeFiles);
  try {
    const absent = peers.flatMap(({ peer }) => {
      const why = peer.absent?.();
      return why === undefined ? [] : [{ title: peer.title, why }];
    });
    const present = peers.filter(({ peer }) => peer.absent?.() === undefined);
    // Experiments run first: they take minutes and the rest may take an hour, so failures are known early.
    const studyResults: ExperimentResult[] = [];
    for (const experiment of studies) {
      onProgress(experiment.name);
      const own = join(directory, `study-${experiment.name}`);
      await mkdir(own);
      studyResults.push(await experiment.run({ settings, directory: own, onProgress }));
      await rm(own, { recursive: true, force: true });
    }
    const run = new Run(settings, present, directory, onProgress);
    const cells = settings.workloads.length === 0 ? [] : await run.measure();
    const { workloads, shapes, rounds, milliseconds, extent, entries } = settings;
    const versions = present.map(({ peer }) => peer.versions());
    return {
      date,
      command,
      elapsed: performance.now() - began,
      machine,
      versions: Object.assign({ node: process.versions.node }, ...versions),
      settings: {
        workloads: workloads.map(({ name }) => name),
        shapes,
        rounds,
        milliseconds,
        extent,
        entries,
        directory: tmpdir(),
      },
      peers: present.map(({ name, peer: { title, setup } }) => ({ name, title, setup })),
      absent,
      crashed: run.crashes.list,
      leftOut: leftOut(settings, present),
      floor: cells.length === 0 ? undefined : await run.measureBaseline(),
      cells,
      studies: studyResults,
    };
  } finally {
    process.off('exit', removeFiles);
    removeFiles();
  }
}

function leftOut({ workloads }: Settings, peers: readonly LoadedPeer[]): Results['leftOut'] {
  return peers.flatMap(({ peer: { title, lacks } }) => {
    const reasons = new Map<string, string[]>();
    for (const workload of workloads) {
      const why = lacks?.(workload);
      if (why !== undefined) reasons.set(why, [...(reasons.get(why) ?? []), workload.name]);
    }
    return [...reasons].map(([why, names]) => ({ title, workloads: byFamily(names, workloads), why }));
  });
}

// Replaces all workloads of a family by the family's name.
function byFamily(names: readonly string[], workloads: readonly Workload[]): string[] {
  const families = Map.groupBy(workloads, ({ family }) => family);
  const isWhole = (family: string) => families.get(family)!.every(({ name }) => names.includes(name));
  const short = names.map(name => {
    const { family } = findWorkload(name);
    return isWhole(family) ? family : name;
  });
  return [...new Set(short)];
}

class Run {
  readonly crashes = new Crashes();
  readonly #settings: Settings;
  readonly #peers: readonly LoadedPeer[];
  readonly #directory: string;
  readonly #onProgress: ProgressListener;
  // Store states by peer and data set.
  readonly #states = new Map<string, StoreState>();

  constructor(
    settings: Settings,
    peers: readonly LoadedPeer[],
    directory: string,
    onProgress: ProgressListener,
  ) {
    this.#settings = settings;
    this.#peers = peers;
    this.#directory = directory;
    this.#onProgress = onProgress;
  }

  async measure(): Promise<Cell[]> {
    const cells: Cell[] = [];
    const { workloads, shapes } = this.#settings;
    for (const sharing of this.#sharingProcesses()) {
      await this.#withWorkerGroups(sharing, async workerGroups => {
        for (const topology of sharing) {
          for (const group of byData(this.#workloadsIn(topology))) {
            cells.push(...(await this.#measureGroup(workerGroups, group, topology)));
          }
        }
      });
    }
    await this.#verify();
    // The topologies of a workload stand together, both in the requested order.
    return workloads.flatMap(({ name }) =>
      shapes.flatMap(topology =>
        cells.filter(cell => cell.workload === name && isSameTopology(cell, topology)),
      ),
    );
  }

  // Each topology has its own processes, so that it is not measured in what another left behind. A quick run's times do
  // not count, and starting processes is most of its work.
  #sharingProcesses(): Topology[][] {
    const { shapes, extent } = this.#settings;
    if (extent !== 'quick') return shapes.map(topology => [topology]);
    return [...Map.groupBy(shapes, ({ threads }) => threads).values()];
  }

  #workloadsIn(topology: Topology): Workload[] {
    return this.#settings.workloads.filter(workload => isMeasured(workload, topology, this.#settings));
  }

  /** Time per operation, in milliseconds, that the harness itself takes. */
  async measureBaseline(): Promise<number> {
    const { warmUp, milliseconds, rounds } = this.#settings;
    const loaded = { name: 'floor', url: new URL('baseline.ts', import.meta.url).href, peer: floor.peer };
    const workerGroup = new WorkerGroup(loaded, join(this.#directory, 'floor'), ALONE);
    const workload = findWorkload('get');
    workerGroup.start();
    try {
      await workerGroup.open(workload, workload.data, { versions: undefined });
      await workerGroup.run(workload, warmUp, 0);
      const speeds: number[] = [];
      for (let round = 1; round <= rounds; round++) {
        speeds.push(summarizeRound(await workerGroup.run(workload, milliseconds, round)).opsPerSecond);
      }
      return 1000 / median(speeds);
    } finally {
      await workerGroup.stop();
    }
  }

  get #sound(): LoadedPeer[] {
    return this.#peers.filter(peer => !this.crashes.has(peer));
  }

  // Skipped for a peer that has crashed.
  async #unlessCrashed(workerGroup: WorkerGroup, what: string, task: () => Promise<void>): Promise<void> {
    if (this.crashes.has(workerGroup.peer)) return;
    this.#onProgress(`${what}: ${workerGroup.peer.peer.title}`);
    await this.crashes.watch(workerGroup, what, task);
  }

  // Starts worker groups for the peers with workloads, each with as many processes as it needs.
  async #withWorkerGroups(
    shapes: readonly Topology[],
    task: (workerGroups: WorkerGroup[]) => Promise<void>,
  ): Promise<void> {
    const workerGroups = this.#sound.flatMap(peer => {
      const own = shapes.filter(topology =>
        this.#workloadsIn(topology).some(workload => canDo(peer, workload)),
      );
      const [largest] = own.sort((a, b) => b.processes - a.processes);
      return largest ? [new WorkerGroup(peer, join(this.#directory, peer.name), largest)] : [];
    });
    try {
      for (const workerGroup of workerGroups) workerGroup.start();
      await task(workerGroups);
    } finally {
      await Promise.all(workerGroups.map(workerGroup => workerGroup.stop()));
    }
  }

  // Measures the workloads of one data set one after the other on the same store.
  async #measureGroup(
    workerGroups: readonly WorkerGroup[],
    group: readonly Workload[],
    topology: Topology,
  ): Promise<Cell[]> {
    const able = workerGroups.filter(({ peer }) => group.some(workload => canDo(peer, workload)));
    const data = dataOf(group[0]!, this.#settings);
    for (const workerGroup of able) {
      await this.#unlessCrashed(workerGroup, `opening ${data.name} in ${topologyLabel(topology)}`, () =>
        workerGroup.open(group[0]!, data, this.#stateOf(workerGroup, data.name), topology.processes),
      );
    }
    const cells: Cell[] = [];
    for (const workload of group) {
      const doing = able.filter(({ peer }) => canDo(peer, workload));
      cells.push(...(await this.#measureCells(doing, workload, topology)));
    }
    for (const workerGroup of able) {
      await this.#unlessCrashed(workerGroup, `closing ${data.name} in ${topologyLabel(topology)}`, () =>
        workerGroup.close(),
      );
    }
    return cells;
  }

  async #measureCells(
    workerGroups: readonly WorkerGroup[],
    workload: Workload,
    topology: Topology,
  ): Promise<Cell[]> {
    const settings = this.#settings;
    const rounds = new Map<string, Round[]>(workerGroups.map(({ peer }) => [peer.name, []]));
    for (let round = 0; round <= settings.rounds; round++) {
      for (const workerGroup of workerGroups) {
        const what = round === 0 ? 'warming up' : `round ${round}`;
        await this.#unlessCrashed(
          workerGroup,
          `${workload.short}, ${topologyLabel(topology)}, ${what}`,
          async () => {
            if (settings.extent !== 'quick') await writeOut(this.#directory);
            const id = workload.type === 'stampede' ? `stampede/${topologyLabel(topology)}/${round}` : '';
            const milliseconds = round === 0 ? warmUpOf(topology, workload, settings) : settings.milliseconds;
            const summary = summarize(workerGroup, await workerGroup.run(workload, milliseconds, round, id));
            if (round > 0) rounds.get(workerGroup.peer.name)!.push(summary);
          },
        );
      }
    }
    const whole = workerGroups.filter(({ peer }) => !this.crashes.has(peer));
    const speeds = (name: string) => rounds.get(name)?.map(round => round.opsPerSecond);
    const reference = speeds(REFERENCE);
    return whole.map(({ peer: { name } }) => {
      const compared = name === REFERENCE ? undefined : reference && ratio(reference, speeds(name)!);
      return summarizeCell(
        { workload: workload.name, ...topology, peer: name, ratio: compared },
        rounds.get(name)!,
      );
    });
  }

  // Closes the stores and reopens them in a process that did not write them, to check that every acknowledged value is
  // still there.
  async #verify(): Promise<void> {
    let reader = Driver.reader();
    try {
      for (const peer of this.#sound) {
        const workloads = this.#settings.workloads.filter(workload => canDo(peer, workload));
        if (workloads.length === 0) continue;
        const workerGroup = new WorkerGroup(peer, join(this.#directory, peer.name), ALONE);
        try {
          if (peer.peer.program) workerGroup.start();
          else {
            if (reader.hasEnded) reader = Driver.reader();
            await workerGroup.join(reader);
          }
          await this.#readBack(workerGroup, workloads);
        } finally {
          await workerGroup.stop();
        }
      }
    } finally {
      await reader.stop();
    }
  }

  async #readBack(workerGroup: WorkerGroup, workloads: readonly Workload[]): Promise<void> {
    for (const [workload] of byData(workloads)) {
      const data = dataOf(workload!, this.#settings);
      const count = Math.min(data.keys, this.#settings.verified, Math.ceil(VERIFIED_BYTES / data.size));
      const step = data.keys / count;
      await this.#unlessCrashed(workerGroup, `reading ${data.name} back`, async () => {
        await workerGroup.open(workload!, data, this.#stateOf(workerGroup, data.name));
        await workerGroup.verify(Array.from({ length: count }, (_, index) => Math.floor(index * step)));
        await workerGroup.close();
      });
    }
  }

  #stateOf(workerGroup: WorkerGroup, data: string): StoreState {
    const name = `${workerGroup.peer.name}/${data}`;
    const state = this.#states.get(name) ?? { versions: undefined };
    this.#states.set(name, state);
    return state;
  }
}

// Flushes a peer's dirty pages. Otherwise the next peer's flushes would write them in its time.
async function writeOut(directory: string): Promise<void> {
  await promisify(execFile)('sync', ['-f', directory]).catch(() => undefined);
}

function canDo({ peer }: LoadedPeer, workload: Workload): boolean {
  return peer.lacks?.(workload) === undefined;
}

function summarize(workerGroup: WorkerGroup, runs: readonly DriverRun[]): Round {
  try {
    return summarizeRound(runs);
  } catch (error) {
    throw new BenchmarkFailure(`${workerGroup.peer.peer.title}: ${(error as Error).message}`);
  }
}

function byData(workloads: readonly Workload[]): Workload[][] {
  return [...Map.groupBy(workloads, ({ data }) => data.name).values()];
}
