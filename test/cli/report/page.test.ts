import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { BuildEvent } from '../../../src/builder/events.ts';
import type { CacheStats } from '../../../src/cache/cache.ts';
import { markup } from '../../../src/cli/report/markup.ts';
import { pageOf, type ReportData } from '../../../src/cli/report/page.ts';
import { Recording } from '../../../src/cli/report/recording.ts';
import { parseKeymap } from '../../../src/keymap/index.ts';
import {
  at,
  cached,
  checking,
  compiled,
  compiling,
  failed,
  finished,
  missed,
  started,
} from '../terminal/scripted-events.ts';

const OBJECTS = { compiled: 4, objects: 219, causes: [] };
const NOTHING: ReportData = { caches: [], keymaps: [] };

function page(surroundings: Partial<ReportData> = {}, name = 'left'): string {
  const recording = new Recording();
  for (const event of [
    started(name, 'right', 'reset'),
    checking(0, name),
    missed(10, name, '<b>keymap</b> changed'),
    checking(10, 'right'),
    { ...cached(30, 'right', 5_000), size: 447_488, memory: { flash: { used: 208_016, size: 811_008 } } },
    compiling(40, name),
    at(50, { type: 'target-path', target: name, path: { kind: 'incremental', ...OBJECTS } }),
    { ...compiled(900, name, 800), ccache: { direct: 0, preprocessed: 3, missed: 1 } } as BuildEvent,
    compiling(45, 'reset'),
    failed(950, 'reset', 550),
    at(960, { type: 'warning', message: 'something & "other"' }),
    finished(1_000, { compiled: 1, cached: 1, failed: 1 }),
  ]) {
    recording.event(event);
  }
  return pageOf(recording, { ...NOTHING, ...surroundings });
}

const stats = (tag: string, size: number): CacheStats => ({
  ...{ tag, backend: 'sqlite', enabled: true, directory: '/c', size, maxSize: 2 ** 31, count: 3, blobs: 0 },
  ...{ hits: 1, misses: 2, sets: 0, deletes: 0, evictions: 0, expired: 0 },
});

/** Fails unless every element is closed, in the right order. */
function assertWellFormed(html: string): void {
  const open: string[] = [];
  const empty = new Set(['meta', 'rect', 'line']);
  for (const [, slash, name = '', rest = ''] of html.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?:"[^"]*"|[^">])*)>/g,
  )) {
    if (slash === '/') {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing: ${open.join(' ')}`);
    } else if (!empty.has(name) && !rest.endsWith('/')) open.push(name);
  }
  if (open.length > 0) throw new Error(`still open: ${open.join(' ')}`);
}

test('the page counts the objects that were compiled, and those from ccache', t => {
  t.true(page().includes('<td>4 of 219 not as before; 3 of 4 from ccache</td>'));
});

test('the page shows which thread compiled what, where each target came from, caches by tag, and the layers', async t => {
  const file = fileURLToPath(new URL('../../keymap/fixtures/corne.keymap', import.meta.url));
  const layout = await parseKeymap(await readFile(file, 'utf8'), { file });
  const html = page({
    caches: [stats('firmware', 2_048), stats('layout', 1_024)],
    keymaps: [{ file: 'config/corne.keymap', layout, physical: [] }],
  });
  assertWellFormed(html);
  t.regex(html, /<title>left: compiled, 860ms<\/title>/);
  t.regex(html, /<title>right: from the cache, 20ms<\/title>/);
  t.regex(html, /<text class="track"[^>]*>worker 1<\/text>/);
  t.regex(html, /3 targets in 1s: 1 compiled, 1 from the cache, 1 failed/);
  t.regex(
    html,
    /<th scope="row">right<\/th>.*\n<td>the cache<\/td><td class="number">12ms<\/td>\n<td class="number">5s<\/td>\n<td class="number">437 KiB<\/td>\n<td class="number">203 KiB \(25\.6 %\)<\/td><td class="number"><\/td>\n<td><\/td><td>nothing changed since /,
  );
  t.regex(html, /keymap\.c:3:7: error: unknown type/);
  t.regex(html, /<th scope="row">firmware<\/th>.*\n<td class="number">2 KiB<\/td>/);
  t.is(html.match(/<figure>/g)?.length, layout.layers.length);
  const keys = layout.layers.reduce((sum, { bindings }) => sum + bindings.length, 0);
  t.is(html.match(/<g class="key /g)?.length, keys);
  t.regex(html, /aria-label="Layer 0, [^"]+: 42 keys"/);
});

test('layers are numbered only if none can be missing', t => {
  const captions = (isIncomplete: boolean) =>
    page({
      keymaps: [{ file: 'x.keymap', layout: { layers: [LAYER], errors: [], isIncomplete }, physical: [] }],
    }).match(/<figcaption>.*|aria-label="Layer [^"]*"/g);
  t.deepEqual(captions(false), [
    `<figcaption>0 ${LAYER.name}</figcaption>`,
    `aria-label="Layer 0, ${LAYER.name}: 1 keys"`,
  ]);
  t.deepEqual(captions(true), [
    `<figcaption>${LAYER.name}</figcaption>`,
    `aria-label="Layer ${LAYER.name}: 1 keys"`,
  ]);
});

test("no text of a build can become part of the page's markup", t => {
  const hostile = `"'><script>alert(1)</script>\u0000&`;
  const html = page(
    {
      keymaps: [
        { file: hostile, layout: { layers: [{ ...LAYER, name: hostile }], errors: [] }, physical: [] },
      ],
    },
    hostile,
  );
  assertWellFormed(html);
  t.notRegex(html, /<script/);
  t.false(html.includes('\u0000'));
  t.true(html.includes('&lt;b&gt;keymap&lt;/b&gt; changed'));
  t.true(html.includes('something &amp; &quot;other&quot;'));
});

const LAYER = {
  name: 'base',
  bindings: [{ behavior: 'kp', parameters: ['<A>"'] }],
  sensorBindings: [],
  rows: [1],
};

test('the page loads nothing and runs nothing', t => {
  const html = page();
  t.notRegex(html, /(?:src|href|url)\s*[=(]|@import|<(?:script|link|iframe|img|object)\b|\son\w+=/);
  t.regex(html, /http-equiv="Content-Security-Policy" content="default-src 'none'/);
  t.deepEqual(html.match(/https?:[^"'\s<]*/g), null);
});

test('the page supports light and dark, has a language, and its pictures have descriptions', t => {
  const html = page({ caches: [stats('firmware', 1)] });
  t.regex(html, /<html lang="en">/);
  t.regex(html, /prefers-color-scheme: dark/);
  for (const [svg] of html.matchAll(/<svg[^>]*>/g)) t.regex(svg, /role="img" aria-label="[^"]+"/);
});

test('a build without any result has a page all the same', t => {
  assertWellFormed(pageOf(new Recording(), NOTHING));
  t.pass();
});

test('values in a template are escaped, in text and in attributes, once', t => {
  const inner = markup`<i>${'<'}</i>`;
  t.is(
    markup`<b title="${'"&'}">${[inner, undefined, 3]}</b>`.text,
    '<b title="&quot;&amp;"><i>&lt;</i>3</b>',
  );
});
