// The order of things: rounds interleaved over the peers (A B C A B C …), so that a noisy machine hits all alike.
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Crashes } from './crashes.ts';
import { BenchmarkFailure, Crew, Host, type StoreState } from './crew.ts';
import * as floor from './floor.ts';
import { describeMachine } from './machine.ts';
import type { HostRun } from './messages.ts';
import { type LoadedPeer, REFERENCE } from './peer.ts';
import { type Cell, type Results, type Round, summarizeCell, summarizeRound } from './results.ts';
import { dataOf, isMeasured, type Settings, warmUpOf } from './settings.ts';
import { isSameShape, type Shape, shapeLabel } from './shape.ts';
import { median, ratio } from './statistics.ts';
import type { Study, StudyResult } from './study.ts';
import { findWorkload, type Workload } from './workload.ts';

/** Told what is going on, for people who wait. */
export type ProgressListener = (what: string) => void;

// Bytes of each data set that are read again at the end.
const VERIFIED_BYTES = 64 * 1024 * 1024;
const ALONE: Shape = { processes: 1, threads: 1 };

/**
 * Measures all peers with all workloads, and makes all studies. Rejects with `BenchmarkFailure` as soon as a peer gives
 * a wrong value, or the reference crashes; another peer that crashes is measured no further, and named. Leaves no
 * process and no file behind.
 * @param command what to print as the command that was given
 */
export async function runBenchmark(
  settings: Settings,
  peers: readonly LoadedPeer[],
  studies: readonly Study[] = [],
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
    // First, because they take minutes and the rest may take an hour: what fails is known early.
    const studyResults: StudyResult[] = [];
    for (const study of studies) {
      onProgress(study.name);
      const own = join(directory, `study-${study.name}`);
      await mkdir(own);
      studyResults.push(await study.run({ settings, directory: own, onProgress }));
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
      floor: cells.length === 0 ? undefined : await run.measureFloor(),
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

// The name of the family in the place of all its workloads.
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
  // By peer and data set.
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
      await this.#withCrews(sharing, async crews => {
        for (const shape of sharing) {
          for (const group of byData(this.#workloadsIn(shape))) {
            cells.push(...(await this.#measureGroup(crews, group, shape)));
          }
        }
      });
    }
    await this.#verify();
    // The shapes of a workload stand together, and both in the order that was asked for.
    return workloads.flatMap(({ name }) =>
      shapes.flatMap(shape => cells.filter(cell => cell.workload === name && isSameShape(cell, shape))),
    );
  }

  // Each shape has processes of its own, so that none is measured in what another left behind. A quick run judges no
  // times, and starting processes is most of what it does.
  #sharingProcesses(): Shape[][] {
    const { shapes, extent } = this.#settings;
    if (extent !== 'quick') return shapes.map(shape => [shape]);
    return [...Map.groupBy(shapes, ({ threads }) => threads).values()];
  }

  #workloadsIn(shape: Shape): Workload[] {
    return this.#settings.workloads.filter(workload => isMeasured(workload, shape, this.#settings));
  }

  /** Milliseconds that the harness itself takes for an operation. */
  async measureFloor(): Promise<number> {
    const { warmUp, milliseconds, rounds } = this.#settings;
    const loaded = { name: 'floor', url: new URL('floor.ts', import.meta.url).href, peer: floor.peer };
    const crew = new Crew(loaded, join(this.#directory, 'floor'), ALONE);
    const workload = findWorkload('get');
    crew.start();
    try {
      await crew.open(workload, workload.data, { versions: undefined });
      await crew.run(workload, warmUp, 0);
      const speeds: number[] = [];
      for (let round = 1; round <= rounds; round++) {
        speeds.push(summarizeRound(await crew.run(workload, milliseconds, round)).opsPerSecond);
      }
      return 1000 / median(speeds);
    } finally {
      await crew.stop();
    }
  }

  get #sound(): LoadedPeer[] {
    return this.#peers.filter(peer => !this.crashes.has(peer));
  }

  // Does nothing for a peer that has crashed.
  async #unlessCrashed(crew: Crew, what: string, task: () => Promise<void>): Promise<void> {
    if (this.crashes.has(crew.peer)) return;
    this.#onProgress(`${what}: ${crew.peer.peer.title}`);
    await this.crashes.watch(crew, what, task);
  }

  // Crews of the peers that have something to do, with as many processes as they need.
  async #withCrews(shapes: readonly Shape[], task: (crews: Crew[]) => Promise<void>): Promise<void> {
    const crews = this.#sound.flatMap(peer => {
      const own = shapes.filter(shape => this.#workloadsIn(shape).some(workload => canDo(peer, workload)));
      const [largest] = own.sort((a, b) => b.processes - a.processes);
      return largest ? [new Crew(peer, join(this.#directory, peer.name), largest)] : [];
    });
    try {
      for (const crew of crews) crew.start();
      await task(crews);
    } finally {
      await Promise.all(crews.map(crew => crew.stop()));
    }
  }

  // Workloads of one data set, one after the other on the same store.
  async #measureGroup(crews: readonly Crew[], group: readonly Workload[], shape: Shape): Promise<Cell[]> {
    const able = crews.filter(({ peer }) => group.some(workload => canDo(peer, workload)));
    const data = dataOf(group[0]!, this.#settings);
    for (const crew of able) {
      await this.#unlessCrashed(crew, `opening ${data.name} in ${shapeLabel(shape)}`, () =>
        crew.open(group[0]!, data, this.#stateOf(crew, data.name), shape.processes),
      );
    }
    const cells: Cell[] = [];
    for (const workload of group) {
      const doing = able.filter(({ peer }) => canDo(peer, workload));
      cells.push(...(await this.#measureCells(doing, workload, shape)));
    }
    for (const crew of able) {
      await this.#unlessCrashed(crew, `closing ${data.name} in ${shapeLabel(shape)}`, () => crew.close());
    }
    return cells;
  }

  async #measureCells(crews: readonly Crew[], workload: Workload, shape: Shape): Promise<Cell[]> {
    const settings = this.#settings;
    const rounds = new Map<string, Round[]>(crews.map(({ peer }) => [peer.name, []]));
    for (let round = 0; round <= settings.rounds; round++) {
      for (const crew of crews) {
        const what = round === 0 ? 'warming up' : `round ${round}`;
        await this.#unlessCrashed(crew, `${workload.short}, ${shapeLabel(shape)}, ${what}`, async () => {
          if (settings.extent !== 'quick') await writeOut(this.#directory);
          const id = workload.type === 'stampede' ? `stampede/${shapeLabel(shape)}/${round}` : '';
          const milliseconds = round === 0 ? warmUpOf(shape, settings) : settings.milliseconds;
          const summary = summarize(crew, await crew.run(workload, milliseconds, round, id));
          if (round > 0) rounds.get(crew.peer.name)!.push(summary);
        });
      }
    }
    const whole = crews.filter(({ peer }) => !this.crashes.has(peer));
    const speeds = (name: string) => rounds.get(name)?.map(round => round.opsPerSecond);
    const reference = speeds(REFERENCE);
    return whole.map(({ peer: { name } }) => {
      const compared = name === REFERENCE ? undefined : reference && ratio(reference, speeds(name)!);
      return summarizeCell(
        { workload: workload.name, ...shape, peer: name, ratio: compared },
        rounds.get(name)!,
      );
    });
  }

  // Closed, and opened anew in a process that has not written it: what was acknowledged is still there.
  async #verify(): Promise<void> {
    let reader = Host.reader();
    try {
      for (const peer of this.#sound) {
        const workloads = this.#settings.workloads.filter(workload => canDo(peer, workload));
        if (workloads.length === 0) continue;
        const crew = new Crew(peer, join(this.#directory, peer.name), ALONE);
        try {
          if (peer.peer.program) crew.start();
          else {
            if (reader.hasEnded) reader = Host.reader();
            await crew.join(reader);
          }
          await this.#readBack(crew, workloads);
        } finally {
          await crew.stop();
        }
      }
    } finally {
      await reader.stop();
    }
  }

  async #readBack(crew: Crew, workloads: readonly Workload[]): Promise<void> {
    for (const [workload] of byData(workloads)) {
      const data = dataOf(workload!, this.#settings);
      const count = Math.min(data.keys, this.#settings.verified, Math.ceil(VERIFIED_BYTES / data.size));
      const step = data.keys / count;
      await this.#unlessCrashed(crew, `reading ${data.name} back`, async () => {
        await crew.open(workload!, data, this.#stateOf(crew, data.name));
        await crew.verify(Array.from({ length: count }, (_, index) => Math.floor(index * step)));
        await crew.close();
      });
    }
  }

  #stateOf(crew: Crew, data: string): StoreState {
    const name = `${crew.peer.name}/${data}`;
    const state = this.#states.get(name) ?? { versions: undefined };
    this.#states.set(name, state);
    return state;
  }
}

// What a peer has left for the system to write would else be written in the time of the next one, by its flushes.
async function writeOut(directory: string): Promise<void> {
  await promisify(execFile)('sync', ['-f', directory]).catch(() => undefined);
}

function canDo({ peer }: LoadedPeer, workload: Workload): boolean {
  return peer.lacks?.(workload) === undefined;
}

function summarize(crew: Crew, runs: readonly HostRun[]): Round {
  try {
    return summarizeRound(runs);
  } catch (error) {
    throw new BenchmarkFailure(`${crew.peer.peer.title}: ${(error as Error).message}`);
  }
}

function byData(workloads: readonly Workload[]): Workload[][] {
  return [...Map.groupBy(workloads, ({ data }) => data.name).values()];
}
