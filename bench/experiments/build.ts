// Build time of `glovebox build` as a whole process: with an empty cache, with everything cached, and after one edit.
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BuildProject } from '../build-project.ts';
import { runNode } from '../child.ts';
import { baseEnvironment, distribution, type Installation } from '../distribution.ts';
import { type Experiment, type ExperimentContext, roundsOf } from '../experiment.ts';
import type { ExperimentResult } from '../experiment-result.ts';
import { formatTime } from '../format.ts';
import { formatRatio } from '../goals.ts';
import type { Settings } from '../settings.ts';
import { median, type Ratio, spreadOf } from '../statistics.ts';

/** Durations of whole processes in milliseconds, one per round. */
export interface BuildTimes {
  targets: number;
  cold: number[];
  cached: number[];
  oneChanged: number[];
  /** A single script that reads and hashes the inputs and copies the outputs. */
  byHand: number[];
}

const BY_HAND = fileURLToPath(new URL('../programs/by-hand.mjs', import.meta.url));
const SIZES = [2, 8, 32, 128];
const QUICK_SIZES = [2];
// The goal refers to the largest number of targets.
const JUDGED = 128;
const MOST = 1.8;

export const experiment: Experiment = {
  name: 'build',
  async run(context) {
    const { settings, directory, onProgress } = context;
    const installation = await distribution(directory);
    const subjects = await Promise.all(sizesOf(settings).map(targets => Subject.create(context, targets)));
    for (let round = 1; round <= roundsOf(settings); round++) {
      for (const subject of subjects) {
        onProgress(`building ${subject.times.targets} targets, round ${round}`);
        await subject.measure(installation, round);
      }
    }
    return summarizeBuilds(subjects.map(({ times }) => times));
  },
};

function sizesOf({ extent }: Settings): number[] {
  return extent === 'quick' ? QUICK_SIZES : SIZES;
}

class Subject {
  readonly times: BuildTimes;
  readonly #project: BuildProject;
  readonly #kept: string;
  readonly #copies: string;

  private constructor(project: BuildProject, directory: string) {
    this.#project = project;
    this.#kept = join(directory, 'kept');
    this.#copies = join(directory, 'copies');
    this.times = { targets: project.targets, cold: [], cached: [], oneChanged: [], byHand: [] };
  }

  static async create({ directory }: ExperimentContext, targets: number): Promise<Subject> {
    const own = join(directory, String(targets));
    await mkdir(own);
    return new Subject(await BuildProject.create(own, targets), own);
  }

  async measure(installation: Installation, round: number): Promise<void> {
    const project = this.#project;
    const { targets } = project;
    await project.forgetAll();
    await project.removeFirmware();
    this.times.cold.push(await project.build(installation, { compiled: targets, cached: 0 }));
    await rm(this.#kept, { recursive: true, force: true });
    await cp(project.output, this.#kept, { recursive: true });
    await project.removeFirmware();
    this.times.cached.push(await project.build(installation, { compiled: 0, cached: targets }));
    this.times.byHand.push(await this.#byHand());
    await project.edit(round % targets, round);
    await project.removeFirmware();
    this.times.oneChanged.push(await project.build(installation, { compiled: 1, cached: targets - 1 }));
  }

  async #byHand(): Promise<number> {
    await rm(this.#copies, { recursive: true, force: true });
    const args = [BY_HAND, this.#project.directory, this.#kept, this.#copies];
    const { milliseconds } = await runNode(args, baseEnvironment());
    await this.#project.check(this.#copies);
    return milliseconds;
  }
}

/** Start-up cost in milliseconds: the extra time over the script for the smallest number of targets. */
export function startUpOf({ cached, byHand }: BuildTimes): number {
  return Math.max(0, median(cached.map((milliseconds, round) => milliseconds - byHand[round]!)));
}

/** Ratio of a fully cached build to the script, without start-up, round by round. */
export function cachedRatio(fewest: BuildTimes, { cached, byHand }: BuildTimes): Ratio {
  const startUp = startUpOf(fewest);
  return spreadOf(cached.map((milliseconds, round) => (milliseconds - startUp) / byHand[round]!));
}

/** Cost of one more target in milliseconds, from the medians of the smallest number of targets and of these. */
export function perTarget(fewest: BuildTimes, times: BuildTimes, kind: 'cached' | 'byHand'): number {
  return (median(times[kind]) - median(fewest[kind])) / (times.targets - fewest.targets);
}

export function summarizeBuilds(all: readonly BuildTimes[]): ExperimentResult {
  const fewest = all[0]!;
  const most = all.at(-1)!;
  const judged = all.find(({ targets }) => targets === JUDGED);
  const ratio = judged && cachedRatio(fewest, judged);
  const time = (values: number[]) => formatTime(median(values));
  const each = (kind: 'cached' | 'byHand') => formatTime(Math.max(0, perTarget(fewest, most, kind)));
  return {
    name: 'build',
    title: 'build: glovebox build as a process, with a compiler that takes no time',
    table: [
      ['targets', 'cold', 'one changed', 'all cached', 'by hand', 'cached ÷ by hand'],
      ...all.map(times => [
        String(times.targets),
        ...[times.cold, times.oneChanged, times.cached, times.byHand].map(time),
        times === fewest ? '' : formatRatio(cachedRatio(fewest, times)),
      ]),
    ],
    notes: [
      'by hand: one script that reads and hashes the inputs, and copies the outputs (400 KB each); nothing else.',
      `cached ÷ by hand: less start-up, ${formatTime(startUpOf(fewest))}, which is what ${fewest.targets} targets take longer than by hand.`,
      ...(most === fewest
        ? []
        : [`One target more, all cached: ${each('cached')}, by hand ${each('byHand')}.`]),
      'Medians of whole processes, from the compiled package. The firmware was removed before each; all of it was checked.',
    ],
    targets: ratio ? [{ id: 'build', measured: formatRatio(ratio), isMet: ratio.median <= MOST }] : [],
    data: all,
    chart: {
      axis: 'time of the whole process: shorter is better',
      groups: all.map(times => ({
        heading: `${times.targets} targets`,
        lines: (
          [
            ['cold', times.cold],
            ['one changed', times.oneChanged],
            ['all cached', times.cached],
            ['script by hand', times.byHand],
          ] as const
        ).map(([name, values]) => ({
          name,
          value: median(values),
          label: time(values),
          isOurs: values !== times.byHand,
        })),
      })),
    },
  };
}
