// One frame of a running build that fits the screen: one line per target, or the active ones and a count.
import { memoryWords } from './memory.ts';
import type { BuildProgress, TargetProgress } from './progress.ts';
import type { Paint, Style } from './style.ts';
import {
  formatDuration,
  formatElapsed,
  padded,
  plural,
  sanitizeLine,
  shortPath,
  textWidth,
  truncate,
} from './text.ts';

export interface FrameOptions {
  style: Style;
  cwd: string;
  columns: number;
  /** Maximum number of lines. Infinity draws every target. */
  lines: number;
  /** Milliseconds since the epoch. */
  now: number;
  /** The build was asked to stop and has not ended yet. */
  stopping?: boolean;
}

const SPINNER = [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'];
const SPINNER_STEP_MS = 100;
const STATE_COLUMNS = 10;
const TIME_COLUMNS = 7;
/** Narrower frames have room only for a mark and a name. */
const NARROW = 48;

/** At most `lines` lines, each at most `columns` wide. */
export function frameLines(progress: BuildProgress, options: FrameOptions): string[] {
  const targets = [...progress.targets.values()];
  const header = headerLine(progress, options);
  if (targets.length + 1 <= options.lines) {
    return [header, ...targetLines(targets, options)];
  }
  return crowdedLines(progress, targets, header, options);
}

/** The lines of these targets, aligned in columns. */
export function targetLines(targets: TargetProgress[], options: FrameOptions): string[] {
  const room = options.columns - 2 - STATE_COLUMNS - TIME_COLUMNS - 4;
  const longest = Math.max(0, ...targets.map(target => textWidth(target.name)));
  const nameColumns = Math.min(longest, Math.max(room - 12, 16));
  return targets.map(target => targetLine(target, nameColumns, options));
}

function headerLine(progress: BuildProgress, { style, cwd, columns, stopping }: FrameOptions): string {
  const started = progress.started;
  if (started === undefined) {
    return '';
  }
  if (stopping) {
    return style.warning(truncate('Stopping the compilers (Ctrl-C again: do not wait for them)', columns));
  }
  const targets = plural(started.targets.length, 'target');
  const where = shortPath(started.configDirectory, cwd);
  return style.bold(
    truncate(`Building ${targets} in ${where} (${started.toolchain}, ${started.jobs} at once)`, columns),
  );
}

/** With more targets than lines: active and failed targets, then counts of the others. */
function crowdedLines(
  progress: BuildProgress,
  targets: TargetProgress[],
  header: string,
  options: FrameOptions,
): string[] {
  const count = truncate(countLine(progress), options.columns);
  if (options.lines < 4) {
    return [count].slice(0, Math.max(0, options.lines));
  }
  const active = targets.filter(({ state }) => ['compiling', 'waiting', 'checking'].includes(state));
  const failed = targets.filter(({ state }) => state === 'failed');
  const worthALine = [...active, ...failed];
  const room = options.lines - 2;
  return [header, ...targetLines(worthALine.slice(0, room), options), options.style.dim(count)];
}

function countLine(progress: BuildProgress): string {
  const done = progress.count('finished', 'failed', 'cancelled', 'planned');
  const parts = [
    `${done} of ${plural(progress.targets.size, 'target')} done`,
    [progress.count('failed'), 'failed'] as const,
    [progress.count('cancelled'), 'cancelled'] as const,
    [progress.count('compiling'), 'compiling'] as const,
    [progress.count('waiting'), 'waiting'] as const,
    [progress.count('checking'), 'checking'] as const,
    [progress.count('queued'), 'queued'] as const,
  ];
  return parts
    .flatMap(part => (typeof part === 'string' ? part : part[0] > 0 ? `${part[0]} ${part[1]}` : []))
    .join(', ');
}

function targetLine(target: TargetProgress, nameColumns: number, options: FrameOptions): string {
  const { columns, now, style } = options;
  const { mark, label, paint } = appearance(target, now, style);
  if (columns < NARROW) {
    return `${paint(mark)} ${truncate(target.name, columns - 2)}`;
  }
  const time = timeOf(target, now).padStart(TIME_COLUMNS);
  const used = 2 + nameColumns + 1 + STATE_COLUMNS + 1 + TIME_COLUMNS + 2;
  const detail = truncate(detailOf(target), columns - used);
  const line = `${paint(mark)} ${padded(target.name, nameColumns)} ${paint(padded(label, STATE_COLUMNS))} ${time}`;
  return detail === '' ? line.trimEnd() : `${line}  ${style.dim(detail)}`;
}

function appearance(
  target: TargetProgress,
  now: number,
  style: Style,
): { mark: string; label: string; paint: Paint } {
  const spinner = SPINNER[Math.floor(now / SPINNER_STEP_MS) % SPINNER.length] ?? '';
  switch (target.state) {
    case 'queued':
      return { mark: '·', label: 'queued', paint: style.dim };
    case 'checking':
    case 'compiling':
      return { mark: spinner, label: target.state, paint: style.active };
    case 'waiting':
      return {
        mark: spinner,
        label: target.agent === undefined ? 'waiting' : 'preparing',
        paint: style.warning,
      };
    case 'finished':
      return {
        mark: '✔',
        label: finishedLabel(target),
        paint: style.good,
      };
    case 'failed':
      return { mark: '✖', label: 'failed', paint: style.bad };
    case 'cancelled':
      return { mark: '■', label: 'cancelled', paint: style.warning };
    case 'planned':
      return {
        mark: '·',
        label: target.planned?.plan === 'compile' ? 'to compile' : 'in cache',
        paint: style.active,
      };
  }
}

function finishedLabel({ finished }: TargetProgress): string {
  if (finished?.source === 'compiled' || finished?.source === 'agent') return 'compiled';
  return finished?.source === 'remote' ? 'from remote' : 'from cache';
}

function timeOf(target: TargetProgress, now: number): string {
  const ended = target.finished ?? target.failed;
  if (ended !== undefined) {
    return formatDuration(ended.duration);
  }
  return ['checking', 'waiting', 'compiling'].includes(target.state) ? formatElapsed(now - target.since) : '';
}

function detailOf(target: TargetProgress): string {
  const { agent, state, detail, finished } = target;
  if (finished === undefined) {
    const isElsewhere = agent !== undefined && (state === 'waiting' || state === 'compiling');
    if (!isElsewhere) return detail;
    return detail === '' ? `on ${sanitizeLine(agent)}` : `on ${sanitizeLine(agent)}: ${sanitizeLine(detail)}`;
  }
  return [memoryWords(finished.memory), originOf(finished)].filter(part => part !== '').join(', ');
}

/** The origin of the firmware, or the time that the cache saved. */
function originOf({
  source,
  signer,
  agent,
  duration,
  compileDuration,
}: NonNullable<TargetProgress['finished']>): string {
  if (source === 'compiled') return '';
  if (source === 'agent') return `by ${sanitizeLine(agent ?? 'an agent')}`;
  if (source === 'waited') return 'another build compiled it';
  if (source === 'remote') return `signed by ${sanitizeLine(signer ?? 'no key')}`;
  const saved = compileDuration - duration;
  return saved >= 100 ? `saved ${formatDuration(saved)}` : '';
}
