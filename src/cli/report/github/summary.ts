// Markdown summary of a build for the page of a GitHub Actions run.
import { formatBytes } from '../../terminal/bytes.ts';
import { formatDuration, plural } from '../../terminal/text.ts';
import type { TargetRecord } from '../recording.ts';
import { regionText } from '../region-text.ts';

/** GitHub rejects a summary of 1 MiB. The rest is left to other steps of the job. */
export const MAX_SUMMARY_BYTES = 960 * 1024;

/** A target in the summary. */
export interface SummaryTarget extends TargetRecord {
  /** Total size of its files in bytes; undefined without files. */
  size: number | undefined;
}

/** The layers of a keymap as text. */
export interface DrawnKeymap {
  file: string;
  text: string;
}

/** The summary, of at most {@link MAX_SUMMARY_BYTES}. Excess parts are left out, and counted at the end. */
export function summaryMarkdown(
  targets: readonly SummaryTarget[],
  duration: number,
  keymaps: readonly DrawnKeymap[],
): string {
  const failed = targets.filter(target => target.failed !== undefined);
  const state =
    failed.length > 0
      ? `${failed.length} of ${plural(targets.length, 'target')} failed`
      : plural(targets.length, 'target');
  const parts = [
    `## Firmware: ${state}, ${formatDuration(duration)}\n\n`,
    '| target | source | time | size | flash | RAM | why |\n|---|---|---|---|---|---|---|\n',
    ...targets.map(row),
    ...failed.map(problem),
    ...keymaps.map(layers),
  ];
  let text = '';
  let left = MAX_SUMMARY_BYTES - 200;
  let omitted = 0;
  for (const part of parts) {
    const bytes = Buffer.byteLength(part);
    // The rows of a table must be consecutive.
    if (omitted > 0 || bytes > left) omitted++;
    else {
      text += part;
      left -= bytes;
    }
  }
  return omitted === 0 ? text : `${text}\n${omitted} more parts are left out: GitHub takes no more.\n`;
}

function row(target: SummaryTarget): string {
  const { name, finished, failed, cancelled, why } = target;
  const source = failed
    ? '❌ failed'
    : cancelled
      ? 'cancelled'
      : finished?.source === 'compiled'
        ? 'compiled'
        : finished?.source === 'agent'
          ? 'agent'
          : 'cache';
  const time = finished ?? failed;
  const cells = [
    `\`${name.replaceAll('`', '')}\``,
    source,
    time === undefined ? '' : formatDuration(time.duration),
    target.size === undefined ? '' : formatBytes(target.size),
    regionText(finished?.memory?.flash),
    regionText(finished?.memory?.ram),
    finished !== undefined && !['compiled', 'agent'].includes(finished.source)
      ? ''
      : why.map(inCell).join('<br>'),
  ];
  return `| ${cells.join(' | ')} |\n`;
}

function problem({ name, failed }: SummaryTarget): string {
  const { diagnosis, message, lastLines } = failed!;
  const said = diagnosis?.message ?? message;
  const source = diagnosis?.source === undefined ? [] : [diagnosis.source];
  const lines = diagnosis?.certain ? source : [...source, ...lastLines];
  return `\n### ${inCell(name)}\n\n${inCell(said)}\n${lines.length === 0 ? '' : `\n${fenced(lines.join('\n'))}`}`;
}

function layers({ file, text }: DrawnKeymap): string {
  return `\n<details><summary>Layers of ${inCell(file)}</summary>\n\n${fenced(text)}\n</details>\n`;
}

/** A code block. Its fence is longer than any in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}\n`;
}

/** Text for a table cell: one line, with Markdown and HTML escaped. */
function inCell(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/[\\`*_[\]|~#]/g, '\\$&');
}
