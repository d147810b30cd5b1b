// Summary of a finished build: failures with their logs, counts, time saved by the cache, and the firmware's directory.
import type { RemoteUse } from '../../builder/events.ts';
import { failureText, sourceLines } from './diagnosis.ts';
import { explanationLines } from './explanation.ts';
import type { BuildProgress, TargetProgress } from './progress.ts';
import type { Style } from './style.ts';
import { formatDuration, plural, sanitizeLine, shortPath } from './text.ts';

export interface SummaryOptions {
  style: Style;
  cwd: string;
  /** Explain for every target why it was compiled or not. Default: false. */
  explain?: boolean | undefined;
}

/** The lines after the last target; empty while the build is running. Lines are not truncated. */
export function summaryLines(progress: BuildProgress, options: SummaryOptions): string[] {
  if (progress.finished === undefined) {
    return [];
  }
  const lines: string[] = [];
  for (const target of progress.targets.values()) {
    if (target.failed !== undefined) {
      lines.push(...failureLines(target, target.failed, options), '');
    }
  }
  // A plan already includes the explanations.
  if (options.explain && progress.count('planned') === 0) {
    lines.push(...explanationLines(progress, options.style), '');
  }
  return progress.count('planned') > 0
    ? [...lines, planLine(progress, options)]
    : [...lines, ...totalLines(progress, progress.finished, options)];
}

/** The lines about a failed target: the mistake, its place, the last output lines and the log. */
export function failureLines(
  target: TargetProgress,
  failed: NonNullable<TargetProgress['failed']>,
  { style, cwd }: SummaryOptions,
): string[] {
  const { diagnosis } = failed;
  const said = failed.message.split(/\r?\n/).map(sanitizeLine);
  const first = failureText(failed, file => shortPath(file, cwd));
  const lines = [`${style.bad('✖')} ${style.bold(target.name)}: ${first}`];
  if (diagnosis !== undefined) {
    lines.push(...sourceLines(diagnosis, style).map(line => `  ${line}`));
  }
  // The mistake in the keymap comes before the compiler's output, and replaces it when the diagnosis is certain.
  if (diagnosis?.certain !== true) {
    lines.push(...said.slice(diagnosis === undefined ? 1 : 0).map(line => `  ${line}`));
    for (const line of failed.lastLines) {
      lines.push(`  ${style.dim('│')} ${sanitizeLine(line)}`.trimEnd());
    }
  }
  if (failed.logFile !== undefined) {
    lines.push(`  Full log: ${shortPath(failed.logFile, cwd)}`);
  }
  return lines;
}

function planLine(progress: BuildProgress, { style }: SummaryOptions): string {
  let compile = 0;
  for (const target of progress.targets.values()) {
    compile += target.planned?.plan === 'compile' ? 1 : 0;
  }
  const planned = [...progress.targets.values()].map(target => target.planned?.plan);
  const [cached, remote] = ['cache', 'remote'].map(plan => planned.filter(one => one === plan).length);
  const shared = remote === 0 ? '' : `, ${remote} from the remote cache`;
  return style.bold(
    `${plural(compile, 'target')} would be compiled, ${cached} would come from the cache${shared}`,
  );
}

function totalLines(
  progress: BuildProgress,
  finished: NonNullable<BuildProgress['finished']>,
  { style, cwd }: SummaryOptions,
): string[] {
  const { compiled, agents, cached, remote, failed, cancelled, remoteCache } = finished;
  const parts = [
    compiled > 0 || cached + failed + cancelled === 0
      ? `${compiled} compiled${agents > 0 ? ` (${agents} by agents)` : ''}`
      : '',
    cached > remote ? `${cached - remote} from the cache` : '',
    remote > 0 ? `${remote} from the remote cache` : '',
    failed > 0 ? style.bad(`${failed} failed`) : '',
    cancelled > 0 ? style.warning(`${cancelled} cancelled`) : '',
    // Less than a tenth of a second is not worth mentioning.
    finished.saved >= 100 ? `${formatDuration(finished.saved)} saved` : '',
  ].filter(part => part !== '');
  const mark = failed > 0 ? style.bad('✖') : cancelled > 0 ? style.warning('■') : style.good('✔');
  const targets = plural(progress.targets.size, 'target');
  const lines = [
    `${mark} ${style.bold(`${targets} in ${formatDuration(finished.duration)}`)}: ${parts.join(', ')}`,
  ];
  if (compiled + cached > 0) {
    lines.push(`  Firmware: ${shortPath(finished.outputDirectory, cwd)}`);
  }
  if (remoteCache !== undefined && remoteWords(remoteCache) !== '') {
    lines.push(`  Remote cache: ${remoteWords(remoteCache)}`);
  }
  return lines;
}

/** Use of the remote cache in words; empty without requests. */
export function remoteWords({ hits, misses, stored, notStored, refused }: RemoteUse): string {
  return [
    hits + misses > 0 ? `${hits} of ${hits + misses} found` : '',
    stored > 0 ? `${stored} stored` : '',
    notStored > 0 ? `${notStored} not stored` : '',
    refused > 0 ? `${refused} not believed` : '',
  ]
    .filter(part => part !== '')
    .join(', ');
}
