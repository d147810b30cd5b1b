// Start-up time of `glovebox` beyond that of Node itself.
import { cp, mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BuildProject, runBuild } from '../build-project.ts';
import { runNode } from '../child.ts';
import { baseEnvironment, distribution, type Installation, SOURCES } from '../distribution.ts';
import type { Experiment } from '../experiment.ts';
import type { ExperimentResult } from '../experiment-result.ts';
import { formatTime } from '../format.ts';
import { packageVersion } from '../package-version.ts';
import { median, type Ratio, spreadOf } from '../statistics.ts';
import { BenchmarkFailure } from '../worker-group.ts';

/** Durations of whole processes in milliseconds, one per round; the processes of one round ran one after the other. */
export interface StartUpTimes {
  node: number[];
  version: number[];
  versionFromSource: number[];
  build: number[];
  buildFromSource: number[];
  /** The project's example, which starts Node to ask its toolchain for its version. Empty in a quick run. */
  example: number[];
}

const ROUNDS = 15;
const TARGETS = 2;
const EXAMPLE = fileURLToPath(new URL('../../examples/corne', import.meta.url));
const EXAMPLE_TARGETS = 2;
const MOST = { version: 60, build: 200 };

export const experiment: Experiment = {
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
      example: [],
    };
    const build = async (which: Installation): Promise<number> => {
      await project.removeFirmware();
      return project.build(which, { compiled: 0, cached: TARGETS });
    };
    const isQuick = settings.extent === 'quick';
    // Compiling it once takes as long as the rest of a quick run.
    const buildExample = isQuick ? undefined : await createExample(directory, installation);
    // The first round fills the file caches of the system and Node, and is not counted.
    for (let round = isQuick ? 1 : 0; round <= (isQuick ? 1 : ROUNDS); round++) {
      onProgress(`starting up, round ${round}`);
      const taken = {
        node: (await runNode(['-e', '0'], baseEnvironment())).milliseconds,
        version: await version(installation),
        versionFromSource: await version(SOURCES),
        build: await build(installation),
        buildFromSource: await build(SOURCES),
        example: await buildExample?.(),
      };
      if (round === 0) continue;
      for (const [name, milliseconds] of Object.entries(taken)) {
        if (milliseconds !== undefined) times[name as keyof StartUpTimes].push(milliseconds);
      }
    }
    return summarizeStartUp(times);
  },
};

/** Copies the project's example and builds it once. The result builds it again from the cache. */
async function createExample(directory: string, installation: Installation): Promise<() => Promise<number>> {
  const own = join(directory, 'example');
  const config = join(own, 'corne');
  const output = join(config, 'firmware');
  await cp(EXAMPLE, config, { recursive: true });
  await rm(output, { recursive: true, force: true });
  // Its compiler is an npm package.
  await symlink(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(own, 'node_modules'));
  const environment = { ...baseEnvironment(), HOME: own, GLOVEBOX_CACHE_DIR: join(own, 'caches') };
  await runBuild(installation, config, environment, { compiled: EXAMPLE_TARGETS, cached: 0 });
  return async () => {
    await rm(output, { recursive: true });
    return runBuild(installation, config, environment, { compiled: 0, cached: EXAMPLE_TARGETS });
  };
}

async function version({ program }: Installation): Promise<number> {
  const { stdout, milliseconds } = await runNode([program, '--version'], baseEnvironment());
  const expected = packageVersion(SOURCES.module);
  if (stdout.trim() === expected) return milliseconds;
  throw new BenchmarkFailure(`glovebox --version says '${stdout.trim()}' instead of '${expected}'.`);
}

/** Extra time over Node alone in milliseconds, round by round. */
export function beyondNode({ node }: Pick<StartUpTimes, 'node'>, program: readonly number[]): Ratio {
  return spreadOf(program.map((milliseconds, round) => milliseconds - node[round]!));
}

export function summarizeStartUp(times: StartUpTimes): ExperimentResult {
  const row = (title: string, values: number[]): string[] => [
    title,
    formatTime(median(values)),
    values === times.node ? '' : formatSpread(beyondNode(times, values)),
  ];
  const delay = (values: number[]) => formatDelay(beyondNode(times, values).median);
  const isWithin = (most: number, values: number[]) => beyondNode(times, values).median <= most;
  const { node, version, versionFromSource, build, buildFromSource, example } = times;
  const hasExample = example.length > 0;
  const rows: [string, number[]][] = [
    ['node -e 0', node],
    ['glovebox --version', version],
    ['glovebox --version, from source', versionFromSource],
    [`glovebox build, ${TARGETS} targets, cached`, build],
    [`glovebox build, ${TARGETS} targets, cached, from source`, buildFromSource],
    ...(hasExample ? [["glovebox build, the project's example, cached", example] as [string, number[]]] : []),
  ];
  return {
    name: 'start-up',
    title: 'start-up: whole processes, run one after the other',
    table: [['', 'takes', 'beyond node -e 0'], ...rows.map(([title, values]) => row(title, values))],
    notes: [
      `Medians (least–greatest) of ${node.length} rounds. Not from source: from the compiled package, as npm installs it.`,
      'The example asks its compiler for its version, for which that starts Node, while the caches are opened.',
    ],
    targets: [
      {
        id: 'start-up-version',
        measured: `${delay(version)}; from source ${delay(versionFromSource)}`,
        isMet: isWithin(MOST.version, version),
      },
      {
        id: 'start-up-build',
        measured: `${delay(build)}${hasExample ? `; the example ${delay(example)}` : ''}`,
        isMet: isWithin(MOST.build, build) && (!hasExample || isWithin(MOST.build, example)),
      },
    ],
    data: times,
    chart: {
      axis: 'time of the whole process: shorter is better',
      groups: [
        {
          heading: 'package',
          lines: [
            line('node -e 0', node, false),
            line('--version', version),
            line('build, cached', build),
            ...(hasExample ? [line('the example, cached', example)] : []),
          ],
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

// Negative values are kept: they show that the machine is not idle.
function formatDelay(time: number): string {
  return time < 0 ? `−${formatTime(-time)}` : `+${formatTime(time)}`;
}
