// `npm run bench`: compares Glovebox with its alternatives in one run.
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { runBenchmark } from './benchmark.ts';
import { chart, experimentChart } from './chart.ts';
import { MAX_WRITERS } from './data-set.ts';
import { loadExperiments } from './experiment.ts';
import { markdown } from './markdown.ts';
import { loadPeers, peerNames, REFERENCE } from './peer.ts';
import { report } from './report.ts';
import type { Results } from './results.ts';
import { FULL, isQuick, NORMAL, QUICK, type Settings, topologiesOf } from './settings.ts';
import { BenchmarkFailure } from './worker-group.ts';
import { WORKLOADS } from './workload.ts';

const PEERS = fileURLToPath(new URL('peers', import.meta.url));
const studies = await loadExperiments();
const NAMES = [
  ...new Set([
    ...WORKLOADS.flatMap(({ name, family }) => [family, name]),
    ...studies.map(({ name }) => name),
  ]),
];

interface Options {
  quick?: boolean;
  full?: boolean;
  json?: boolean;
  targets?: boolean;
  charts?: boolean;
  results?: boolean;
  threads?: number[];
  processes?: number[];
  entries?: number;
  rounds?: number;
  only?: string[];
  against?: string[];
  peers: string;
}

function numbers(least: number, most: number): (text: string) => number[] {
  return text => {
    const given = text.split(',').map(Number);
    if (given.every(count => Number.isInteger(count) && count >= least && count <= most)) return given;
    throw new InvalidArgumentError(`Give numbers from ${least} to ${most}, such as 1,8.`);
  };
}

function positive(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('Give a whole number above 0.');
}

function parseNames(text: string): string[] {
  const names = text.split(',');
  const unknown = names.find(name => !NAMES.includes(name));
  if (unknown === undefined) return names;
  throw new InvalidArgumentError(`Unknown workload '${unknown}'. The workloads are ${NAMES.join(', ')}.`);
}

const program = new Command('bench')
  .description('Measures Glovebox and its peers side by side. The machine should be idle.')
  .option('--quick', 'less than a minute: shows that everything works, too short to judge by')
  .option('--full', 'every workload in every shape, with longer rounds: takes hours')
  .option('--json', 'print all figures as JSON')
  .option('--charts', 'also draw bench/charts/<workload>.svg')
  .option('--results', 'also draw the charts and write bench/RESULTS.md')
  .option('--targets', 'print only the goals, and whether they are met')
  .option(
    '--threads <numbers>',
    'numbers of worker threads, each measured separately',
    numbers(1, MAX_WRITERS),
  )
  .option(
    '--processes <numbers>',
    'numbers of processes with 2 threads each; 0 for none',
    numbers(0, MAX_WRITERS / 2),
  )
  .option('--entries <number>', 'number of entries in the cold data', positive)
  .option('--rounds <number>', 'number of rounds per figure', positive)
  .option('--only <workloads>', `some of ${NAMES.join(', ')} (default: all)`, parseNames)
  .option('--against <peers>', 'names of peers, which are files in bench/peers (default: all)', text =>
    text.split(','),
  )
  .option('--peers <folder>', 'folder of the peers, one file each (see bench/peer.ts)', PEERS)
  .exitOverride();

function settingsOf({ quick, full, threads, processes, entries, rounds, only }: Options): Settings {
  const extent = quick ? QUICK : full ? FULL : NORMAL;
  // With a number of threads but none of processes, only single processes are measured.
  const counts = (processes ?? (threads ? [] : extent.processes)).filter(count => count > 0);
  return {
    ...extent,
    entries: entries ?? extent.entries,
    rounds: rounds ?? extent.rounds,
    shapes: topologiesOf(threads ?? (processes?.some(count => count > 0) ? [] : extent.threads), counts),
    workloads: WORKLOADS.filter(workload =>
      only ? only.includes(workload.name) || only.includes(workload.family) : !quick || isQuick(workload),
    ),
  };
}

/** Resolves to the exit status: 0 measured, 1 a peer failed or returned a wrong value, 2 invalid usage. */
async function main(argv: string[]): Promise<number> {
  try {
    const options = program.parse(argv, { from: 'user' }).opts<Options>();
    const { only, against, json, targets, charts, results: isPage } = options;
    const names = await peerNames(options.peers);
    const unknown = against?.find(name => !names.includes(name));
    if (unknown !== undefined) {
      program.error(`Unknown peer '${unknown}'. The peers are ${names.join(', ')}.`);
    }
    const chosen = names.filter(name => !against || name === REFERENCE || against.includes(name));
    const peers = await loadPeers(options.peers, chosen);
    const wanted = studies.filter(({ name }) => !only || only.includes(name));
    const results = await runBenchmark(settingsOf(options), peers, wanted, showProgress, argv);
    showProgress('');
    const drawn = charts || isPage ? await writeCharts(results) : new Set<string>();
    if (isPage) await writeFile(new URL('RESULTS.md', import.meta.url), markdown(results, drawn));
    console.log(json ? JSON.stringify(results, null, 2) : report(results, targets));
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    showProgress('');
    console.error(error instanceof BenchmarkFailure ? error.message : error);
    return 1;
  }
}

/** Resolves to the workloads and experiments that now have a chart. */
async function writeCharts(results: Results): Promise<Set<string>> {
  const folder = new URL('charts/', import.meta.url);
  await mkdir(folder, { recursive: true });
  const drawn = new Set<string>();
  const charts = new Map([
    ...results.settings.workloads.map(name => [name, chart(results, name)] as const),
    ...results.studies.map(experiment => [experiment.name, experimentChart(results, experiment)] as const),
  ]);
  for (const [name, svg] of charts) {
    if (svg === undefined) continue;
    await writeFile(new URL(`${name}.svg`, folder), svg);
    drawn.add(name);
  }
  return drawn;
}

// One line that is overwritten; prints nothing when standard error is not a terminal.
function showProgress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`);
}

// Temporary files are removed on exit, which a signal alone does not trigger.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.exitCode = await main(process.argv.slice(2));
