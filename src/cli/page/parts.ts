// Parts of the live page, drawn from the progress of a watched build.

import { type Markup, markup, scrollable } from '../report/markup.ts';
import { type DrawnKeymap, keymapFigures } from '../report/page.ts';
import { failureText, sourceLines } from '../terminal/diagnosis.ts';
import { unchangedSince } from '../terminal/explanation.ts';
import { memoryWords } from '../terminal/memory.ts';
import type { BuildProgress, TargetProgress } from '../terminal/progress.ts';
import { createStyle } from '../terminal/style.ts';
import { formatDuration, plural, sanitizeLine, shortPath } from '../terminal/text.ts';
import { changedLine } from '../terminal/watch-lines.ts';

/** The end of a compiler's output. */
export interface LogEnd {
  target: string;
  lines: readonly string[];
}

const PLAIN = createStyle(false);

/** What the build is doing, in one line. */
export function statusPart({ watch, changed, targets }: BuildProgress, isEnding: boolean): Markup {
  const all = [...targets.values()];
  const failed = all.filter(({ state }) => state === 'failed').length;
  const ready = all.filter(({ state }) => state === 'finished').length;
  const time = changed === undefined ? '' : `${new Date(changed.at).toTimeString().slice(0, 8)} `;
  const last = changed && markup`<p class="dim">${time}${sanitizeLine(changedLine(changed))}</p>`;
  if (isEnding) return markup`Stopping the compilers`;
  if (watch?.type === 'watch-problem') {
    return markup`Nothing can be built: ${watch.message.split('\n').map(sanitizeLine).join(' ')}${last}`;
  }
  const counts = `${ready} of ${plural(all.length, 'target')} ready${failed > 0 ? `, ${failed} failed` : ''}`;
  const isWaiting = watch?.type === 'watch-waiting';
  return markup`${isWaiting ? `${counts}. Waiting for changes.` : `Building: ${counts}.`}${last}`;
}

const STATES: Readonly<Record<TargetProgress['state'], string>> = {
  queued: 'queued',
  checking: 'checking',
  waiting: 'waiting for another build',
  compiling: 'compiling',
  finished: 'ready',
  failed: 'failed',
  cancelled: 'cancelled',
  planned: 'planned',
};

/** The state of each target, and why it was compiled. */
export function targetsPart({ targets }: BuildProgress): Markup {
  const rows = [...targets.values()].map(target => {
    const { name, state, finished, failed } = target;
    const ended = finished ?? failed;
    return markup`<tr><th scope="row">${name}</th><td><span class="state ${state}">${stateOf(target)}</span></td>
<td class="number">${ended && formatDuration(ended.duration)}</td><td>${memoryWords(finished?.memory)}</td><td>${reasons(target)}</td></tr>
`;
  });
  const table = markup`<table>
<thead><tr><th scope="col">Target</th><th scope="col">State</th><th scope="col" class="number">Took</th><th scope="col">Memory</th><th scope="col">Why</th></tr></thead>
<tbody>
${rows}</tbody></table>`;
  return markup`<h2>Targets</h2>
${scrollable(table, 'Table of targets', 'targets-table')}`;
}

function stateOf({ state, finished }: TargetProgress): string {
  if (state !== 'finished' || finished === undefined) return STATES[state];
  const origins = {
    compiled: 'compiled',
    cache: 'from the cache',
    waited: 'compiled by another build',
    remote: 'from the remote cache',
    agent: `compiled by ${sanitizeLine(finished.agent ?? 'an agent')}`,
  };
  return `ready, ${origins[finished.source]}`;
}

function reasons({ why, finished }: TargetProgress): string {
  if (finished?.source === 'cache' || finished?.source === 'remote')
    return unchangedSince(finished.compiledAt);
  return why.map(sanitizeLine).join(', ');
}

/** The mistakes, each with its source line and the path of the full log. */
export function failuresPart({ targets, started }: BuildProgress): Markup {
  const shown = (file: string) => shortPath(file, started?.configDirectory ?? '/');
  const told = [...targets.values()].flatMap(({ name, failed }, index) => {
    if (failed === undefined) return [];
    const { diagnosis, logFile, lastLines } = failed;
    const source = diagnosis === undefined ? [] : sourceLines(diagnosis, PLAIN);
    const lines = source.length > 0 ? source : lastLines.map(sanitizeLine);
    return markup`<h3>${name}</h3>
<p>${failureText(failed, shown)}</p>
${lines.length > 0 ? markup`<pre id="source-${index}" tabindex="0" role="region" aria-label="Source of the mistake in ${name}">${lines.join('\n')}</pre>` : undefined}
${logFile && markup`<p class="dim">Full log: ${logFile}</p>`}
`;
  });
  return told.length === 0 ? markup`` : markup`<h2>What failed</h2>${told}`;
}

/** The layers of the keymaps as they are on disk. */
export function keymapsPart(keymaps: readonly DrawnKeymap[]): Markup {
  return markup`${keymaps.map(keymap => markup`<h2>${keymap.file}</h2>${keymapFigures(keymap)}`)}`;
}

/** The ends of the logs of this build's compilers. */
export function logPart(logs: readonly LogEnd[]): Markup {
  if (logs.length === 0) return markup``;
  const ends = logs.map(
    ({ target, lines }, index) => markup`<h3>${target}</h3>
<pre class="log" id="log-${index}" tabindex="0" role="region" aria-label="Log of ${target}">${lines.join('\n')}</pre>`,
  );
  return markup`<h2>The log's end</h2>${ends}`;
}
