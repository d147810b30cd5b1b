// Hostile stored values: each is shown without a crash, a hang or control of the terminal.
import test from 'ava';
import { publishedLibrary } from '../support/published.ts';
import { gloveboxHere } from './run.ts';
import { temporaryDirectory } from './temporary.ts';

const { createDefaultCache } = await publishedLibrary();

/** Small when stored, and 2 to the power of `levels` when printed: every level refers to the next one twice. */
function bomb(levels: number): unknown {
  let value: unknown = 'boom';
  for (let level = 0; level < levels; level++) value = [value, value];
  return value;
}

function nested(depth: number): unknown {
  let value: unknown = {};
  for (let level = 0; level < depth; level++) value = { value };
  return value;
}

const circle: unknown[] = [];
circle.push(circle);

for (const [what, value] of [
  ['a bomb', bomb(60)],
  ['something deep', nested(1_500)],
  ['a circle', circle],
  ['a long list', Array.from({ length: 300_000 }, (_, index) => index)],
  ['escape sequences', '\u001b[2J\u001b]0;owned\u0007'],
] as const) {
  test(`${what} is shown, and as JSON`, async t => {
    const directory = await temporaryDirectory(t);
    const cache = createDefaultCache({ tag: 'layout', cacheRoot: directory });
    t.true(await cache.set('key', value));
    await cache.close();
    const show = (...more: string[]) =>
      gloveboxHere(['cache', 'show', 'key', '--cache-dir', directory, ...more], directory);
    const shown = await show();
    t.is(shown.status, 0, shown.stderr.slice(0, 500));
    t.true(shown.stdout.length < 1_000_000);
    t.false(shown.stdout.includes('\u001b'));
    const json = await show('--json');
    t.is(json.status, 0, json.stderr.slice(0, 500));
    t.notThrows(() => JSON.parse(json.stdout));
  });
}
