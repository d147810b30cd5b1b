// HTML report of a build: one self-contained page.
import type { CacheStats } from '../../cache/cache.ts';
import type { Layout, PhysicalLayout } from '../../keymap/index.ts';
import { formatBytes } from '../terminal/bytes.ts';
import { failureText } from '../terminal/diagnosis.ts';
import { ccacheText, unchangedSince } from '../terminal/explanation.ts';
import { remoteWords } from '../terminal/summary.ts';
import { formatDuration, plural, sanitizeLine, shortPath } from '../terminal/text.ts';
import { layerFigures } from './layers.ts';
import { listsOf } from './layout-svg.ts';
import { type Content, Markup, markup, scrollable } from './markup.ts';
import type { Recording, TargetRecord } from './recording.ts';
import { regionText } from './region-text.ts';
import { STYLESHEET } from './stylesheet.ts';
import { KINDS, timeline } from './timeline.ts';

/** A keymap of the config. */
export interface DrawnKeymap {
  /** Relative to the config directory. */
  file: string;
  layout: Layout;
  /** Where the keys are, if that is known. */
  physical: PhysicalLayout[];
}

/** Report data besides the build's events. */
export interface ReportData {
  /** Statistics by tag; empty when the build used no cache. */
  caches: CacheStats[];
  keymaps: DrawnKeymap[];
}

/** The page as HTML text. It loads no external resources. */
export function pageOf(recording: Recording, { caches, keymaps }: ReportData): string {
  const { started, finished } = recording;
  const title = `Build of ${started?.configDirectory ?? ''}`.trimEnd();
  const begun = started === undefined ? '' : new Date(started.at).toLocaleString('sv-SE');
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${new Markup(STYLESHEET)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="dim">${begun}${started && `, toolchain ${started.toolchain}, ${started.jobs} at once`}</p>
<p>${summary(recording)}${finished && finished.compiled + finished.cached > 0 ? ` Firmware: ${finished.outputDirectory}` : ''}</p>
${recording.warnings.map(warning => markup`<p>Warning: ${sanitizeLine(warning)}</p>`)}
</header>
<main>
${section('timeline', 'What ran where', markup`${legend(recording)}${scrollable(timeline(recording), 'Timeline')}`)}
${section('targets', 'What came from where', targetTable(recording))}
${failures(recording)}
${caches.length === 0 ? undefined : section('caches', 'Caches', cacheTable(caches))}
${keymaps.map((keymap, index) => section(`keymap-${index}`, keymap.file, keymapFigures(keymap)))}
</main>
</body>
</html>
`;
  return page.text;
}

function section(id: string, title: string, content: Content): Markup {
  return markup`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
${content}</section>`;
}

function summary({ targets, finished }: Recording): string {
  if (finished === undefined) return `${plural(targets.size, 'target')}; the build did not finish.`;
  const { compiled, cached, remote, failed, cancelled, saved, duration, remoteCache } = finished;
  const parts = [
    `${compiled} compiled`,
    `${cached - remote} from the cache`,
    ...(remote > 0 ? [`${remote} from the remote cache`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(cancelled > 0 ? [`${cancelled} cancelled`] : []),
    ...(saved >= 100 ? [`${formatDuration(saved)} saved`] : []),
  ];
  const shared = remoteCache === undefined ? '' : remoteWords(remoteCache);
  const told = shared === '' ? '' : ` Remote cache: ${shared}.`;
  return `${plural(targets.size, 'target')} in ${formatDuration(duration)}: ${parts.join(', ')}.${told}`;
}

function legend({ spans }: Recording): Markup {
  const used = Object.entries(KINDS).filter(([kind]) => spans.some(span => span.kind === kind));
  const items = used.map(([kind, words]) => markup`<li><span class="swatch ${kind}"></span>${words}</li>`);
  return markup`<ul class="legend">${items}</ul>`;
}

function targetTable({ targets }: Recording): Markup {
  const rows = [...targets.values()].map(target => {
    const { name, board, shield, finished, failed } = target;
    const ended = finished ?? failed;
    return markup`<tr><th scope="row">${name}</th><td>${[shield, board].filter(part => part !== undefined).join(', ')}</td>
<td>${origin(target)}</td><td class="number">${ended && formatDuration(ended.duration)}</td>
<td class="number">${finished && formatDuration(finished.compileDuration)}</td>
<td class="number">${finished?.size === undefined ? '' : formatBytes(finished.size)}</td>
<td class="number">${regionText(finished?.memory?.flash)}</td><td class="number">${regionText(finished?.memory?.ram)}</td>
<td>${objects(target)}</td><td>${reasons(target)}</td></tr>
`;
  });
  const table = markup`<table>
<thead><tr><th scope="col">Target</th><th scope="col">Built for</th><th scope="col">Came from</th><th scope="col" class="number">Took</th><th scope="col" class="number">Compiling took</th><th scope="col" class="number">Size</th><th scope="col" class="number">Flash used</th><th scope="col" class="number">RAM used</th><th scope="col">Objects</th><th scope="col">Why</th></tr></thead>
<tbody>
${rows}</tbody></table>`;
  return scrollable(table, 'Table of targets');
}

/** What became of a target's objects. */
function objects({ path, finished }: TargetRecord): string {
  const { ccache } = finished ?? {};
  const kept = path?.kind === 'incremental' ? [`${path.compiled} of ${path.objects} not as before`] : [];
  return [...kept, ...(ccache === undefined ? [] : [ccacheText(ccache)])].join('; ');
}

function origin({ finished, failed, cancelled }: TargetRecord): string {
  if (finished?.source === 'remote')
    return `the remote cache (signed by ${sanitizeLine(finished.signer ?? 'no key')})`;
  if (finished?.source === 'agent') return `compiled by ${sanitizeLine(finished.agent ?? 'an agent')}`;
  if (finished) return { compiled: 'compiled', cache: 'the cache', waited: 'another build' }[finished.source];
  return failed ? 'failed' : cancelled ? 'cancelled' : 'not built';
}

function reasons({ why, finished }: TargetRecord): string {
  const bound =
    finished?.bound === undefined ? [] : [`kept for this machine only: ${sanitizeLine(finished.bound)}`];
  const told =
    finished?.source === 'cache' || finished?.source === 'remote'
      ? [unchangedSince(finished.compiledAt)]
      : why.map(sanitizeLine);
  return [...told, ...bound].join(', ');
}

function failures({ targets, started }: Recording): Markup | undefined {
  const failed = [...targets.values()].flatMap(target => target.failed ?? []);
  if (failed.length === 0) return undefined;
  const told = failed.map(event => {
    const { target, diagnosis, logFile } = event;
    const text = failureText(event, file => shortPath(file, started?.configDirectory ?? '/'));
    const source = diagnosis?.source;
    return markup`<h3>${target}</h3>
<p>${text}</p>
${source && markup`<pre tabindex="0" role="region" aria-label="Source of the mistake in ${target}">${sanitizeLine(source)}</pre>`}
${logFile && markup`<p class="dim">Full log: ${logFile}</p>`}
`;
  });
  return section('failures', 'What failed', told);
}

function cacheTable(caches: CacheStats[]): Markup {
  const largest = Math.max(1, ...caches.map(({ size }) => size));
  const rows = caches.map(({ tag, size, maxSize, count, hits, misses }) => {
    const share = Math.round((size / largest) * 1_000) / 10;
    return markup`<tr><th scope="row">${tag}</th><td><div class="meter" role="img" aria-label="${formatBytes(size)}"><div style="width:${share}%"></div></div></td>
<td class="number">${formatBytes(size)}</td><td class="number">${Number.isFinite(maxSize) ? formatBytes(maxSize) : 'none'}</td><td class="number">${count}</td><td class="number">${hits}</td><td class="number">${misses}</td></tr>
`;
  });
  const table = markup`<table>
<thead><tr><th scope="col">Tag</th><th scope="col">Size</th><th scope="col" class="number">Bytes</th><th scope="col" class="number">Limit</th><th scope="col" class="number">Entries</th><th scope="col" class="number">Hits</th><th scope="col" class="number">Misses</th></tr></thead>
<tbody>
${rows}</tbody></table>`;
  return markup`${scrollable(table, 'Table of caches')}
<p class="dim">Hits and misses are those of this build.</p>`;
}

/** The layers of a keymap, with its mistakes above and its combos, macros and conditional layers below them. */
export function keymapFigures({ layout, physical }: DrawnKeymap): Markup {
  const errors = layout.errors.map(
    ({ file, line, column, message }) =>
      markup`<p class="mistake">${file && `${file}:`}${line}:${column}: ${message}</p>`,
  );
  const lists = listsOf(layout).map(
    ([heading, items]) => markup`<h3>${heading}</h3>
<ul>${items.map(item => markup`<li>${item}</li>`)}</ul>
`,
  );
  return markup`${errors}${layerFigures(layout, physical)}${lists}`;
}
