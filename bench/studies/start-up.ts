// How long people wait for `glovebox` before it does anything, beyond what Node itself takes.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildProject } from '../build-project.ts';
import { runNode } from '../child.ts';
import { BenchmarkFailure } from '../crew.ts';
import { baseEnvironment, distribution, type Installation, SOURCES } from '../distribution.ts';
import { formatTime } from '../format.ts';
import { packageVersion } from '../package-version.ts';
import { median, type Ratio, spreadOf } from '../statistics.ts';
import type { Study, StudyResult } from '../study.ts';

/** Milliseconds of whole processes, one for each round; those of one round ran next to each other. */
export interface StartUpTimes {
  node: number[];
  version: number[];
  versionFromSource: number[];
  build: number[];
  buildFromSource: number[];
}

const ROUNDS = 15;
const TARGETS = 2;
const MOST = { version: 60, build: 200 };

export const study: Study = {
  name: 'start-up',
  async run({ settings, directory, onProgress }) {
    const installation = await distribution(directory);
    const own = join(directory, 'project');
    await mkdir(own);
    const project = await BuildProject.create(own, TARGETS);
    await project.build(installation, { compiled: TARGETS, cached: 0 });
    const times: StartUpTimes = {
      node: [],
      version: [],
      versionFromSource: [],
      build: [],
      buildFromSource: [],
    };
    const build = async (which: Installation): Promise<number> => {
      await project.removeFirmware();
      return project.build(which, { compiled: 0, cached: TARGETS });
    };
    const isQuick = settings.extent === 'quick';
    // The first round fills what the system and Node keep of files, and is not counted.
    for (let round = isQuick ? 1 : 0; round <= (isQuick ? 1 : ROUNDS); round++) {
      onProgress(`starting up, round ${round}`);
      const taken = {
        node: (await runNode(['-e', '0'], baseEnvironment())).milliseconds,
        version: await version(installation),
        versionFromSource: await version(SOURCES),
        build: await build(installation),
        buildFromSource: await build(SOURCES),
      };
      if (round === 0) continue;
      for (const name of Object.keys(times) as (keyof StartUpTimes)[]) times[name].push(taken[name]);
    }
    return summarizeStartUp(times);
  },
};

async function version({ program }: Installation): Promise<number> {
  const { stdout, milliseconds } = await runNode([program, '--version'], baseEnvironment());
  const expected = packageVersion(SOURCES.module);
  if (stdout.trim() === expected) return milliseconds;
  throw new BenchmarkFailure(`glovebox --version says '${stdout.trim()}' instead of '${expected}'.`);
}

/** What a program takes longer than Node alone, in milliseconds, round by round. */
export function beyondNode({ node }: Pick<StartUpTimes, 'node'>, program: readonly number[]): Ratio {
  return spreadOf(program.map((milliseconds, round) => milliseconds - node[round]!));
}

export function summarizeStartUp(times: StartUpTimes): StudyResult {
  const row = (title: string, values: number[]): string[] => [
    title,
    formatTime(median(values)),
    values === times.node ? '' : formatSpread(beyondNode(times, values)),
  ];
  const verdict = (id: string, most: number, values: number[], fromSource: number[]) => {
    const found = beyondNode(times, values);
    return {
      id,
      measured: `${formatDelay(found.median)}; from source ${formatDelay(beyondNode(times, fromSource).median)}`,
      isMet: found.median <= most,
    };
  };
  const { node, version, versionFromSource, build, buildFromSource } = times;
  const rows: [string, number[]][] = [
    ['node -e 0', node],
    ['glovebox --version', version],
    ['glovebox --version, from source', versionFromSource],
    [`glovebox build, ${TARGETS} targets, cached`, build],
    [`glovebox build, ${TARGETS} targets, cached, from source`, buildFromSource],
  ];
  return {
    name: 'start-up',
    title: 'start-up: whole processes, one after the other',
    table: [['', 'takes', 'beyond node -e 0'], ...rows.map(([title, values]) => row(title, values))],
    notes: [
      `Medians (least–greatest) of ${node.length} rounds. Not from source: from the compiled package, as npm installs it.`,
    ],
    targets: [
      verdict('start-up-version', MOST.version, version, versionFromSource),
      verdict('start-up-build', MOST.build, build, buildFromSource),
    ],
    data: times,
    chart: {
      axis: 'time of the whole process: shorter is better',
      groups: [
        {
          heading: 'package',
          lines: [line('node -e 0', node, false), line('--version', version), line('build, cached', build)],
        },
        {
          heading: 'source',
          lines: [line('--version', versionFromSource), line('build, cached', buildFromSource)],
        },
      ],
    },
  };
}

function line(name: string, values: number[], isOurs = true) {
  return { name, value: median(values), label: formatTime(median(values)), isOurs };
}

/** `+31 ms (+28 ms to +40 ms)`. */
function formatSpread({ median: middle, min, max }: Ratio): string {
  return `${formatDelay(middle)} (${formatDelay(min)} to ${formatDelay(max)})`;
}

// What is less than nothing is shown as it is: it says that the machine is not idle.
function formatDelay(time: number): string {
  return time < 0 ? `−${formatTime(-time)}` : `+${formatTime(time)}`;
}
