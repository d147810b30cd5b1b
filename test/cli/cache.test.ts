import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { writeKept } from '../support/kept-builds.ts';
import { MAIN, publishedLibrary } from '../support/published.ts';
import { glovebox, gloveboxAlone, gloveboxHere, type RunResult, runProgram, startProgram } from './run.ts';
import { temporaryDirectory } from './temporary.ts';

const { createDefaultCache } = await publishedLibrary();

/** A home directory of the test's own, and `glovebox cache …` in it. */
async function home(t: ExecutionContext) {
  const directory = await temporaryDirectory(t);
  const root = join(directory, 'caches');
  const env = { HOME: directory, XDG_CONFIG_HOME: directory, GLOVEBOX_CACHE_DIR: root };
  return {
    directory,
    root,
    env,
    cache: (...args: string[]): Promise<RunResult> =>
      gloveboxHere(['cache', ...args, '--cache-dir', root], directory),
    /** The same in a separate process, with its own warnings and environment. */
    program: (...args: string[]): Promise<RunResult> => glovebox(['cache', ...args], { cwd: directory, env }),
    /** The same alone in this process, for serial tests: see {@link gloveboxAlone}. */
    alone: (...args: string[]): Promise<RunResult> =>
      gloveboxAlone(['cache', ...args], { cwd: directory, env }),
    /** Stores entries in the cache of a tag, as a build of another process would. */
    async fill(tag: string, entries: Record<string, unknown>): Promise<void> {
      const cache = createDefaultCache({ tag, cacheRoot: root });
      for (const [key, value] of Object.entries(entries)) {
        t.true(await cache.set(key, value));
      }
      await cache.close();
    },
    async keys(tag: string): Promise<string[]> {
      const cache = createDefaultCache({ tag, cacheRoot: root });
      const keys: string[] = [];
      for await (const key of cache.keys()) {
        keys.push(key);
      }
      await cache.close();
      return keys;
    },
  };
}

test('without caches every command says so, and creates none', async t => {
  const { cache, root, directory } = await home(t);
  for (const command of ['list', 'stats', 'keys', 'cleanup', 'check', 'clear']) {
    t.deepEqual(await cache(command), { status: 0, stdout: `No caches in ${root}\n`, stderr: '' });
  }
  t.deepEqual(JSON.parse((await cache('list', '--json')).stdout), { root, caches: [] });
  t.deepEqual(await readdir(directory), []);
});

test('stats shows the size of the directories of last builds, and cleanup removes them', async t => {
  const { cache, fill, root } = await home(t);
  await fill('firmware', { a: 1 });
  const kept = [1, 2].map(index => writeKept(root, index, 3 * 1024 ** 2, 10));
  const stats = await cache('stats');
  t.regex(stats.stdout, /last builds\n {2}2 directories, 6 MiB \(at most 12, 1 GiB\)/);
  t.deepEqual(JSON.parse((await cache('stats', '--json')).stdout).builds, { count: 2, size: 6 * 1024 ** 2 });
  t.regex((await cache('cleanup')).stdout, /^Removed 0 entries and 2 build directories, freed 6 MiB$/m);
  t.deepEqual(
    kept.map(directory => existsSync(join(directory, 'build'))),
    [false, false],
  );
  t.notRegex((await cache('stats')).stdout, /last builds/);
});

test('stats prints metrics for Prometheus, even if there are no caches', async t => {
  const { cache, fill } = await home(t);
  const empty = await cache('stats', '--format', 'prometheus');
  t.regex(empty.stdout, /^# HELP glovebox_cache_entries .*\n# TYPE glovebox_cache_entries gauge\n# HELP/);
  await fill('firmware', { a: 1, b: 2 });
  await fill('my-tag', { c: 3 });
  const { status, stdout, stderr } = await cache('stats', '--format', 'prometheus');
  t.is(status, 0, stderr);
  const lines = stdout.split('\n');
  t.is(lines.pop(), '', 'it ends with a line end');
  t.true(lines.includes('glovebox_cache_entries{tag="firmware"} 2'));
  t.true(lines.includes('glovebox_cache_entries{tag="my-tag"} 1'));
  t.true(lines.includes('glovebox_cache_usable{tag="firmware"} 1'));
  const sample = /^glovebox_cache_[a-z_]+\{tag="[\w.-]+"\} \d+$/;
  const comment = /^# (HELP glovebox_cache_[a-z_]+ [^\n]+|TYPE glovebox_cache_[a-z_]+ gauge)$/;
  t.deepEqual(
    lines.filter(line => !sample.test(line) && !comment.test(line)),
    [],
  );
  // Those of one metric are together, below what they are.
  const names = lines.map(line => /glovebox_\w+/.exec(line)![0]);
  t.is(names.filter((name, at) => name !== names[at - 1]).length, new Set(names).size);
  t.deepEqual(await cache('stats', '--format', 'json'), await cache('stats', '--json'));
  t.is((await cache('stats', '--json', '--format', 'prometheus')).status, 2);
  t.regex((await cache('stats', '--format', 'xml')).stderr, /one of: text, json, prometheus/);
});

test('list shows each cache with entries and size', async t => {
  const { cache, fill, root } = await home(t);
  await fill('firmware', { a: 1, b: 2 });
  await fill('layout', { c: 'x'.repeat(100_000) });
  const { status, stdout, stderr } = await cache('list');
  t.is(status, 0);
  t.is(stderr, '');
  const [where, header, ...lines] = stdout.trimEnd().split('\n');
  t.is(where, root);
  t.regex(header ?? '', /^TAG +ENTRIES +SIZE +BLOBS$/);
  t.deepEqual(
    lines.map(line => line.split(/ {2,}/).slice(0, 2)),
    [
      ['firmware', '2'],
      ['layout', '1'],
    ],
  );
  const { caches } = JSON.parse((await cache('list', '--json')).stdout);
  t.deepEqual(
    caches.map(({ tag, count }: { tag: string; count: number }) => [tag, count]),
    [
      ['firmware', 2],
      ['layout', 1],
    ],
  );
  t.true(caches[1].size >= 100_000);
});

test('stats shows the fill level against the configured limit', async t => {
  const { cache, fill, directory } = await home(t);
  await writeFile(join(directory, 'glovebox.config.yaml'), 'cache:\n  tags:\n    layout: { maxSize: 7MB }\n');
  await fill('firmware', { a: 1 });
  await fill('layout', { c: 1 });
  const { stdout, status } = await cache('stats');
  t.is(status, 0);
  t.regex(stdout, /^firmware\n {2}entries +1\n {2}size +.* of 2 GiB/m);
  t.regex(stdout, /^layout\n {2}entries +1\n {2}size +.* of 7 MiB/m);
  t.regex(stdout, /^total\n {2}2 entries/m);
  const one = JSON.parse((await cache('stats', '--tag', 'layout', '--json')).stdout);
  t.is(one.caches.length, 1);
  t.is(one.caches[0].maxSize, 7 * 1024 * 1024);
  t.is(one.total.count, 1);
});

test('keys prints all keys in order, after their tags when there are several caches', async t => {
  const { cache, fill } = await home(t);
  await fill('firmware', { beta: 1, alpha: 2 });
  await fill('layout', { 'odd\nkey': 3 });
  t.is((await cache('keys', '--tag', 'firmware')).stdout, 'alpha\nbeta\n');
  t.is((await cache('keys')).stdout, 'firmware\talpha\nfirmware\tbeta\nlayout\todd\nkey\n');
  t.is((await cache('keys', '--prefix', 'be')).stdout, 'firmware\tbeta\n');
  t.deepEqual(JSON.parse((await cache('keys', '--json')).stdout), [
    { tag: 'firmware', key: 'alpha' },
    { tag: 'firmware', key: 'beta' },
    { tag: 'layout', key: 'odd\nkey' },
  ]);
  t.deepEqual(JSON.parse((await cache('keys', '--json', '--prefix', 'none')).stdout), []);
});

test('show prints an entry: its value and its metadata', async t => {
  const { cache, fill } = await home(t);
  await fill('layout', { corne: { layers: ['base'], made: new Date(0), big: 7n } });
  const { status, stdout } = await cache('show', 'corne');
  t.is(status, 0);
  t.regex(stdout, /^key +corne$/m);
  t.regex(stdout, /^cache +layout$/m);
  t.regex(stdout, /^expires +never$/m);
  t.true(stdout.includes("layers: [ 'base' ]"));
  const [entry] = JSON.parse((await cache('show', 'corne', '--json')).stdout);
  t.is(entry.tag, 'layout');
  t.is(entry.kind, 'value');
  t.deepEqual(entry.value, { layers: ['base'], made: '1970-01-01T00:00:00.000Z', big: '7' });
});

test('show writes out a whole stored file', async t => {
  const { cache, root, directory } = await home(t);
  const source = join(directory, 'a.uf2');
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 251));
  await writeFile(source, bytes);
  const firmware = createDefaultCache({ tag: 'firmware', cacheRoot: root });
  t.true(await firmware.putFile('left', source));
  await firmware.close();
  t.regex((await cache('show', 'left')).stdout, /a file; --output writes it out/);
  t.is((await cache('show', 'left', '--output', 'copy.uf2')).status, 0);
  t.deepEqual(await readFile(join(directory, 'copy.uf2')), bytes);
});

test('delete removes entries from the caches that have them', async t => {
  const { cache, fill, keys } = await home(t);
  await fill('firmware', { a: 1, b: 2, c: 3 });
  await fill('layout', { a: 4 });
  t.deepEqual(await cache('delete', 'a', 'b'), { status: 0, stdout: 'Removed 3 entries\n', stderr: '' });
  t.deepEqual(await keys('firmware'), ['c']);
  t.deepEqual(await keys('layout'), []);
  t.deepEqual(JSON.parse((await cache('delete', 'c', '--json')).stdout), { deleted: 1 });
});

test('an unknown key is wrong usage: the nearest one is named, nothing is removed', async t => {
  const { cache, fill, keys } = await home(t);
  await fill('layout', { 'corne-left': 1, 'corne-right': 2 });
  const shown = await cache('show', 'corne-lfet');
  t.is(shown.status, 2);
  t.is(shown.stdout, '');
  t.regex(shown.stderr, /^error: Key 'corne-lfet' was not found in .*Did you mean 'corne-left'\?\n$/);
  t.regex((await cache('show', 'corne-r')).stderr, /Did you mean 'corne-right'\?/);
  const deleted = await cache('delete', 'corne-left', 'corne-rihgt');
  t.is(deleted.status, 2);
  t.regex(deleted.stderr, /Did you mean 'corne-right'\?/);
  t.deepEqual(await keys('layout'), ['corne-left', 'corne-right']);
});

test('an invalid key is wrong usage', async t => {
  const { cache, fill } = await home(t);
  await fill('layout', { a: 1 });
  for (const key of ['', 'k'.repeat(2_000)]) {
    const { status, stderr } = await cache('show', key);
    t.is(status, 2);
    t.notRegex(stderr, /\n\s+at /);
  }
});

test('an unknown tag is wrong usage: the nearest one is named, and the existing ones', async t => {
  const { cache, fill, root } = await home(t);
  await fill('firmware', { a: 1 });
  await fill('layout', { a: 1 });
  for (const command of [
    ['stats'],
    ['keys'],
    ['show', 'a'],
    ['delete', 'a'],
    ['clear', '--yes'],
    ['cleanup'],
    ['check'],
  ]) {
    const { status, stderr } = await cache(...command, '--tag', 'frimware');
    t.is(status, 2, command[0]);
    t.regex(
      stderr,
      /^error: There is no cache 'frimware' .*Did you mean 'firmware'\? There are: firmware, layout\.\n$/,
    );
  }
  t.is((await cache('keys', '--tag', '../caches/layout')).status, 2);
  t.deepEqual((await readdir(root)).sort(), ['firmware', 'layout'], 'and no cache is made for it');
});

test('clear without a terminal refuses unless given --yes', async t => {
  const { cache, fill, keys } = await home(t);
  await fill('firmware', { a: 1, b: 2 });
  await fill('layout', { c: 3 });
  const refused = await cache('clear');
  t.is(refused.status, 2);
  t.regex(refused.stderr, /^error: .*--yes/);
  t.deepEqual(await keys('firmware'), ['a', 'b']);
  t.is((await cache('clear', '--tag', 'firmware', '--yes')).stdout, 'Removed 2 entries\n');
  t.deepEqual(await keys('firmware'), []);
  t.deepEqual(await keys('layout'), ['c'], 'the other tags stay');
  t.deepEqual(JSON.parse((await cache('clear', '--yes', '--json')).stdout), { removed: 1 });
});

for (const { answer, status, left, shown } of [
  { answer: 'y\n', status: 0, left: [], shown: /\[y\/N\] y\r+\nRemoved 2 entries\r\n$/ },
  { answer: 'n\n', status: 1, left: ['a', 'b'], shown: /\[y\/N\] n\r+\nNothing was removed\r\n$/ },
  { answer: '\n', status: 1, left: ['a', 'b'], shown: /\[y\/N\] \r+\nNothing was removed\r\n$/ },
  { answer: '\u0004', status: 1, left: ['a', 'b'], shown: /\[y\/N\] \r+\nNothing was removed\r\n$/ },
]) {
  test(`clear on a terminal asks, and ${JSON.stringify(answer)} is status ${status}`, async t => {
    if (!existsSync('/usr/bin/script') || process.platform !== 'linux') {
      t.log('skipped: nothing here gives a program a terminal');
      t.pass();
      return;
    }
    const { directory, env, fill, keys } = await home(t);
    await fill('firmware', { a: 1, b: 2 });
    const command = `'${process.execPath}' '${MAIN}' cache clear --tag firmware`;
    const running = startProgram('/usr/bin/script', ['-qec', command, '/dev/null'], { cwd: directory, env });
    await running.printed('Remove everything from firmware (2 entries');
    running.child.stdin.write(answer);
    const ended = await running.ended;
    t.is(ended.status, status);
    t.regex(stripVTControlCharacters(ended.stdout), shown);
    t.deepEqual(await keys('firmware'), left);
  });
}

test('cleanup removes expired entries and says how much that was', async t => {
  const { cache, root, keys } = await home(t);
  const layout = createDefaultCache({ tag: 'layout', cacheRoot: root, clock: () => Date.now() - 3_600_000 });
  t.true(await layout.set('old', 1, { ttl: '1m' }));
  t.true(await layout.set('new', 2));
  await layout.close();
  const { status, stdout } = await cache('cleanup', '--json');
  t.is(status, 0);
  t.is(JSON.parse(stdout).removed, 1);
  t.deepEqual(await keys('layout'), ['new']);
  t.regex((await cache('cleanup')).stdout, /^Removed 0 entries, freed /);
});

test('check finds a damaged file, repairs it, and finds no problem afterwards', async t => {
  const { cache, fill, root } = await home(t);
  await fill('layout', { big: Buffer.alloc(1_000_000, 7), small: 1 });
  t.regex((await cache('check')).stdout, /^layout: 2 entries, 1 blob: all is well\n$/);
  const blobs = (
    await readdir(join(root, 'layout', 'blobs'), { recursive: true, withFileTypes: true })
  ).filter(entry => entry.isFile());
  t.is(blobs.length, 1);
  await writeFile(join(blobs[0]!.parentPath, blobs[0]!.name), Buffer.alloc(1_000_000, 8));
  const report = await cache('check', '--json');
  t.is(report.status, 1);
  const {
    caches: [{ problems }],
  } = JSON.parse(report.stdout);
  t.is(problems[0].kind, 'damaged-blob');
  t.regex((await cache('check')).stdout, /not repaired.*\nTo repair this: glovebox cache check --repair\n$/s);
  const mended = await cache('check', '--repair');
  t.is(mended.status, 0);
  t.regex(mended.stdout, /repaired: /);
  t.regex((await cache('check')).stdout, /^layout: 1 entry, 0 blobs: all is well\n$/);
});

test.serial('--cache-dir takes precedence over the environment', async t => {
  const { program, alone, fill, root } = await home(t);
  await fill('layout', { a: 1 });
  t.regex((await alone('list', '--cache-dir', 'elsewhere')).stdout, /^No caches in .*elsewhere\n$/);
  t.regex((await program('list', '--cache-dir', root)).stdout, /^layout/m);
});

test.serial('disabled caches can still be maintained', async t => {
  const { directory, env, fill } = await home(t);
  await fill('layout', { a: 1 });
  const options = { cwd: directory, env: { ...env, GLOVEBOX_CACHE_DISABLED: '1' } };
  t.is((await gloveboxAlone(['cache', 'keys', '--tag', 'layout'], options)).stdout, 'a\n');
  t.is((await gloveboxAlone(['cache', 'clear', '--yes'], options)).stdout, 'Removed 1 entry\n');
});

test('folders that are not caches are left alone', async t => {
  const { cache, fill, root } = await home(t);
  await fill('layout', { a: 1 });
  await mkdir(join(root, 'logs'));
  await writeFile(join(root, 'note.txt'), '');
  await mkdir(join(root, 'no tag'));
  await writeFile(join(root, 'no tag', 'cache.db'), '');
  const { caches } = JSON.parse((await cache('list', '--json')).stdout);
  t.deepEqual(
    caches.map(({ tag }: { tag: string }) => tag),
    ['layout'],
  );
});

test('an unusable config is one clear message, exit status 1 and no stack', async t => {
  const { cache, directory } = await home(t);
  await writeFile(join(directory, 'glovebox.config.yaml'), 'cache:\n  maxSize: lots\n');
  const { status, stdout, stderr } = await cache('list');
  t.is(status, 1);
  t.is(stdout, '');
  t.regex(stderr, /^error: .*glovebox\.config\.yaml.*maxSize/);
  t.notRegex(stderr, /\n\s+at /);
});

test('a closed pipe is not an error', async t => {
  const { directory, env, root } = await home(t);
  const layout = createDefaultCache({ tag: 'layout', cacheRoot: root });
  await layout.setMany(Array.from({ length: 5_000 }, (_, index) => [`${index}-${'k'.repeat(100)}`, index]));
  await layout.close();
  const { stdout, stderr } = await runProgram(
    '/bin/sh',
    ['-c', `"${process.execPath}" "${MAIN}" cache keys --tag layout | head -n 1`],
    { cwd: directory, env },
  );
  t.regex(stdout, /^0-k+\n$/);
  t.is(stderr, '');
});

test.serial(
  'quarantined databases are listed with their size, and removed when they are old or on request',
  async t => {
    const { cache, program, fill, root, env, directory } = await home(t);
    await fill('layout', { a: 1 });
    await writeFile(join(root, 'layout', 'cache.db'), 'no database'.repeat(1_000));
    const first = await program('check');
    t.is(first.status, 0);
    t.regex(first.stderr, /damaged.*quarantined/);
    t.regex(
      first.stdout,
      /^layout: damaged and quarantined on \d{4}-\d\d-\d\d: 10\.7 KiB in .*cache\.db\.damaged-.*Z$/m,
    );
    t.regex(first.stdout, /^To remove damaged databases: glovebox cache cleanup --set-aside$/m);
    const { setAside } = JSON.parse((await cache('check', '--json')).stdout);
    t.like(setAside, [{ tag: 'layout', size: 11_000 }]);
    const doctor = await gloveboxAlone(['doctor'], { cwd: directory, env });
    t.regex(
      doctor.stdout,
      /^! damage +1 damaged database in quarantine, 10\.7 KiB\n +.*cache\.db\.damaged-.*\n +→ .*cleanup --set-aside$/m,
    );

    await cache('cleanup');
    t.true(existsSync(setAside[0].file), 'it is new');
    const old = join(root, 'layout', 'cache.db.damaged-2020-01-02T03-04-05-678Z');
    for (const part of ['', '-wal', '-2-shm']) await writeFile(old + part, 'x');
    t.is(
      JSON.parse((await cache('check', '--json')).stdout).setAside[0].date,
      Date.parse('2020-01-02T03:04:05.678Z'),
    );
    t.regex((await cache('cleanup')).stdout, /^Removed 0 entries and 1 damaged database, freed /);
    t.false(existsSync(old) || existsSync(`${old}-wal`) || existsSync(`${old}-2-shm`));
    t.true(existsSync(setAside[0].file));
    t.like(JSON.parse((await cache('cleanup', '--set-aside', '--json')).stdout), { setAside: 1, removed: 0 });
    t.false(existsSync(setAside[0].file));
    t.true(existsSync(join(root, 'layout', 'cache.db')));
  },
);
