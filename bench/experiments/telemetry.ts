// Telemetry overhead: the cost of traceable hot reads. Without a subscriber it should be zero.
import { fileURLToPath } from 'node:url';
import { runNode } from '../child.ts';
import { baseEnvironment } from '../distribution.ts';
import { type Experiment, roundsOf } from '../experiment.ts';
import type { ExperimentResult } from '../experiment-result.ts';
import { formatTime } from '../format.ts';
import { formatRatio } from '../goals.ts';
import {
  type Looks,
  type TelemetryReply,
  type TelemetryTask,
  type TracedWay,
  WAYS,
} from '../programs/telemetry.ts';
import { median, ratio } from '../statistics.ts';
import { COMPILED } from '../worker-group.ts';

const PROGRAM = fileURLToPath(new URL('../programs/telemetry.ts', import.meta.url));
const READS = 20_000;
const QUICK_READS = 2000;
const LOOPS = 9;

export const experiment: Experiment = {
  name: 'telemetry',
  async run({ settings, directory, onProgress }) {
    const isQuick = settings.extent === 'quick';
    onProgress('hot reads that could be traced');
    const task: TelemetryTask = {
      directory,
      rounds: isQuick ? 1 : LOOPS * roundsOf(settings),
      reads: isQuick ? QUICK_READS : READS,
    };
    const args = ['--disable-warning=ExperimentalWarning', PROGRAM, JSON.stringify(task)];
    const { stdout } = await runNode(args, { ...baseEnvironment(), NODE_COMPILE_CACHE: COMPILED });
    return summarizeTelemetry(JSON.parse(stdout) as TelemetryReply);
  },
};

export function summarizeTelemetry(times: TelemetryReply): ExperimentResult {
  const time = (way: TracedWay, looks: Looks) => formatTime(median(times[way][looks]) / 1000);
  return {
    name: 'telemetry',
    title: 'telemetry: hot reads in one thread, with and without the check for subscribers',
    table: [
      ['', 'without the look', 'nothing subscribes', 'of the time without', 'something subscribes'],
      ...WAYS.map(way => [
        way,
        time(way, 'plain'),
        time(way, 'traced'),
        formatRatio(ratio(times[way].traced, times[way].plain)),
        time(way, 'subscribed'),
      ]),
    ],
    notes: [
      `Medians of ${times.get.plain.length} loops in turn, the ratio round by round (least–greatest).`,
      'Without the look: the methods of the class below, on the same object with the same copies.',
    ],
    targets: [],
    data: times,
  };
}
