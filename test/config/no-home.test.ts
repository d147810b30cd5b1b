// A user without a home directory, as in containers: no entry for their id in /etc/passwd, and no HOME.
import { execFile } from 'node:child_process';
import { chownSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { cacheEnvironment, defaultCacheRoot, expandHome } from '../../src/config/environment.ts';
import {
  cacheDirectory,
  configDirectory,
  homeDirectory,
  NoHomeError,
} from '../../src/config/user-directories.ts';
import { noRoot } from '../cache/damage/support.ts';
import { bareEnvironment } from '../support/bare-environment.ts';
import { MAIN } from '../support/published.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const asStranger = noRoot ? test.skip : test;
const STRANGER = 54321;

const program = `
import { createDefaultCache, resetSharedCacheInstances } from '${new URL('../../src/index.ts', import.meta.url)}';
const warnings = [];
process.on('warning', ({ message }) => warnings.push(message));
const cache = createDefaultCache(JSON.parse(process.argv[1]));
const other = createDefaultCache({ tag: 'other', ...JSON.parse(process.argv[1]) });
const seen = [
  await cache.set('key', 1),
  await cache.get('key'),
  await cache.getOrSet('key', () => 1),
  await other.get('key'),
  (await cache.stats()).directory,
  (await cache.stats()).degraded,
];
await resetSharedCacheInstances();
await new Promise(setImmediate);
console.log(JSON.stringify({ seen, warnings }));
`;

async function runAsStranger(options: object, environment: Record<string, string>) {
  const { HOME: _, ...env } = bareEnvironment(environment);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', program, JSON.stringify(options)],
    { env, uid: STRANGER, gid: STRANGER, cwd: '/' },
  );
  return JSON.parse(stdout) as { seen: unknown[]; warnings: string[] };
}

async function directoryOfStranger(t: ExecutionContext): Promise<string> {
  const directory = await temporaryDirectory(t);
  chownSync(directory, STRANGER, STRANGER);
  return directory;
}

asStranger('without a home directory a cache works in a given directory', async t => {
  const directory = await directoryOfStranger(t);
  const stored = [true, 1, 1, null, path.join(directory, 'default'), null];
  t.deepEqual(await runAsStranger({ cacheRoot: directory }, {}), { seen: stored, warnings: [] });
  t.deepEqual(await runAsStranger({}, { GLOVEBOX_CACHE_DIR: directory }), {
    seen: [true, 1, 1, null, path.join(directory, 'default'), null],
    warnings: [],
  });
  const { seen } = await runAsStranger({}, { XDG_CACHE_HOME: directory });
  t.deepEqual(seen.slice(0, 5), [true, 1, 1, null, path.join(directory, 'glovebox', 'default')]);
});

asStranger('without a home directory a cache in memory works', async t => {
  const { seen, warnings } = await runAsStranger({ backend: 'memory' }, {});
  t.deepEqual(seen, [true, 1, 1, null, null, null]);
  t.deepEqual(warnings, []);
});

asStranger('without a home directory and a given one, every read misses, with one warning', async t => {
  for (const environment of [
    {},
    { HOME: '' },
    { HOME: 'relative', XDG_CACHE_HOME: 'relative' },
    { GLOVEBOX_CACHE_DIR: '~/caches' },
  ]) {
    const { seen, warnings } = await runAsStranger({}, environment as Record<string, string>);
    t.deepEqual(seen.slice(0, 5), [false, null, 1, null, null]);
    t.regex(String(seen[5]), /GLOVEBOX_CACHE_DIR/);
    t.is(warnings.length, 1);
    t.regex(warnings[0]!, /home directory.*GLOVEBOX_CACHE_DIR/);
  }
  const off = await runAsStranger({ enabled: false }, {});
  t.deepEqual(off.warnings, [], 'no warning is due when the cache is disabled');
});

asStranger('the program works without a home directory, and says which features need one', async t => {
  const { HOME: _, ...env } = bareEnvironment();
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [MAIN, ...args], { env, uid: STRANGER, gid: STRANGER, cwd: '/' });
  t.regex((await run('--version')).stdout, /^\d/);
  t.regex((await run('--help')).stdout, /build/);
  const directory = await directoryOfStranger(t);
  t.regex((await run('cache', 'list', '--cache-dir', directory)).stdout, /./);
  const error = await t.throwsAsync<Error & { code: number; stderr: string }>(run('cache', 'list'));
  t.is(error?.code, 1);
  t.regex(error?.stderr ?? '', /^error: There is no home directory.*GLOVEBOX_CACHE_DIR/m);
});

test('an empty or relative HOME and XDG_CACHE_HOME are ignored, as the XDG standard says', t => {
  const known = homeDirectory({})!;
  t.true(path.isAbsolute(known));
  for (const wrong of ['', 'relative', './home']) {
    t.is(homeDirectory({ HOME: wrong, USERPROFILE: wrong }), known);
    const wrongs = { XDG_CACHE_HOME: wrong, XDG_CONFIG_HOME: wrong, LOCALAPPDATA: wrong, APPDATA: wrong };
    t.is(cacheDirectory(wrongs, 'x'), cacheDirectory({}, 'x'));
    t.is(configDirectory(wrongs, 'x'), configDirectory({}, 'x'));
  }
  if (process.platform !== 'linux') return;
  t.is(homeDirectory({ HOME: '/home/me' }), '/home/me');
  t.is(cacheDirectory({ HOME: '/home/me' }, 'x'), '/home/me/.cache/x');
  t.is(configDirectory({ HOME: '/home/me' }, 'x'), '/home/me/.config/x');
  t.is(defaultCacheRoot({ HOME: '/home/me', XDG_CACHE_HOME: '/caches' }), '/caches/glovebox');
  t.is(cacheEnvironment('a', { HOME: '/home/me', GLOVEBOX_CACHE_DIR: '~/c' }).cacheRoot, '/home/me/c');
  t.is(expandHome('~/a', { HOME: '/home/me' }), '/home/me/a');
  t.is(new NoHomeError('x').code, 'GLOVEBOX_NO_HOME');
});
