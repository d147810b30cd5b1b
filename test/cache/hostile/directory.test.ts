// Cache directories that other users made or can change, and links that they planted there.
import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import {
  assertTrusted,
  factsOf,
  UnusableDirectoryError,
} from '../../../src/cache/storage/sqlite/directory.ts';
import { noRoot, open, scratch, until, warningsOf } from '../damage/support.ts';

const LARGE = Buffer.alloc(80_000, 'large');

(noRoot ? test.skip : test)(
  `a root of another user is refused, with the remedy (${noRoot ?? 'as root'})`,
  async t => {
    const cacheRoot = await scratch(t);
    chownSync(cacheRoot, 65_534, 65_534);
    const warnings = warningsOf(t, 'of-another');
    const cache = open(t, { cacheRoot, tag: 'of-another' });
    t.false(await cache.set('key', 1));
    t.is(await cache.get('key'), undefined);
    t.is(warnings.length, 1);
    t.regex(warnings[0]!, /belongs to user 65534.*GLOVEBOX_CACHE_DIR.*GLOVEBOX_CACHE_UNTRUSTED=1/);
    t.deepEqual(readdirSync(cacheRoot), []);
    const trusting = open(t, { cacheRoot, tag: 'trusting', allowUntrusted: true });
    t.true(await trusting.set('key', 1));
  },
);

for (const mode of [0o770, 0o707, 0o777, 0o720, 0o702]) {
  test(`a root that others can write to (${mode.toString(8)}) is refused, with the remedy`, async t => {
    const tag = `writable-${mode.toString(8)}`;
    const cacheRoot = await scratch(t);
    chmodSync(cacheRoot, mode);
    const warnings = warningsOf(t, tag);
    const cache = open(t, { cacheRoot, tag });
    t.false(await cache.set('key', 1));
    t.is(warnings.length, 1);
    t.regex(warnings[0]!, /can be written by others.*chmod go-w.*GLOVEBOX_CACHE_UNTRUSTED=1/);
    t.true(await open(t, { cacheRoot, tag: `${tag}-trusting`, allowUntrusted: true }).set('key', 1));
    // It is used as soon as its owner is corrected.
    chmodSync(cacheRoot, 0o755);
    await until(() => cache.set('key', 1));
    t.is(await cache.get('key'), 1);
  });
}

test('a root that all users share, like /tmp, is refused; the message suggests a directory in it, and does not ask to close it', async t => {
  const cacheRoot = await scratch(t);
  chmodSync(cacheRoot, 0o1777);
  const warnings = warningsOf(t, 'shared-root');
  t.false(await open(t, { cacheRoot, tag: 'shared-root' }).set('key', 1));
  t.is(warnings.length, 1);
  const own = `${cacheRoot}/glovebox-${process.getuid?.()}`;
  t.true(warnings[0]!.includes(`such as ${own}, or GLOVEBOX_CACHE_UNTRUSTED=1`), warnings[0]);
  t.notRegex(warnings[0]!, /chmod/);
  t.true(await open(t, { cacheRoot: own, tag: 'own-root' }).set('key', 1));
});

test('the environment can allow a root that others can write to', async t => {
  const cacheRoot = await scratch(t);
  chmodSync(cacheRoot, 0o777);
  const index = new URL('../../../src/index.ts', import.meta.url);
  const program = `const { createDefaultCache } = await import(${JSON.stringify(index.href)});
    process.stdout.write(String(await createDefaultCache({ tag: 'allowed' }).set('key', 1)));`;
  const run = async (allowed: string) => {
    const env = { ...process.env, GLOVEBOX_CACHE_DIR: cacheRoot, GLOVEBOX_CACHE_UNTRUSTED: allowed };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--no-warnings', '--input-type=module', '-e', program],
      { env },
    );
    return stdout;
  };
  t.is(await run(''), 'false');
  t.is(await run('1'), 'true');
});

for (const umask of ['000', '022', '077']) {
  test(`directories are 0700 and files 0600, whatever the umask (${umask})`, async t => {
    const cacheRoot = join(await scratch(t), 'deep', 'root');
    const program = new URL('modes-process.ts', import.meta.url).pathname;
    await promisify(execFile)('sh', [
      '-c',
      `umask ${umask}; exec "$0" --no-warnings "$1" "$2"`,
      process.execPath,
      program,
      cacheRoot,
    ]);
    const modes = JSON.parse(readFileSync(join(cacheRoot, '..', 'modes.json'), 'utf8')) as Record<
      string,
      string
    >;
    for (const name of [
      '',
      'modes',
      'modes/cache.db',
      'modes/cache.db-wal',
      'modes/cache.db-shm',
      'modes/blobs',
      'modes/blobs/tmp',
      'modes/locks',
    ]) {
      t.true(name in modes, name);
    }
    t.true(Object.keys(modes).some(name => /blobs\/[0-9a-f]{2}\/[0-9a-f]{62}$/.test(name)));
    t.true(Object.keys(modes).some(name => /blobs\/tmp\/.+/.test(name)));
    for (const [name, mode] of Object.entries(modes)) {
      // A lock is an empty directory inside a private one.
      if (!name.includes('locks/'))
        t.true(mode === 'directory 700' || mode === 'file 600', `${name}: ${mode}`);
    }
  });
}

test('network file systems are refused by their type numbers, and local ones are not', async t => {
  const directory = await scratch(t);
  const facts = factsOf(directory);
  for (const [fileSystem, name] of [
    [0x6969, 'NFS'],
    [0x517b, 'SMB'],
    [0xff534d42, 'CIFS'],
    [0xfe534d42, 'SMB2'],
    [0x5346414f, 'AFS'],
    [0x6b414653, 'kAFS'],
    [0x00c36400, 'Ceph'],
    [0x01021997, '9P'],
    [0x0bd00bd0, 'Lustre'],
  ] as const) {
    const error = t.throws(() => assertTrusted(directory, { ...facts, fileSystem }, true), {
      instanceOf: UnusableDirectoryError,
    });
    t.is(error.code, 'GLOVEBOX_UNUSABLE_DIRECTORY');
    t.true(error.message.includes(name) && error.message.includes('GLOVEBOX_CACHE_DIR'), error.message);
  }
  // ext4, tmpfs, btrfs, xfs, overlayfs
  for (const fileSystem of [0xef53, 0x01021994, 0x9123683e, 0x58465342, 0x794c7630]) {
    t.notThrows(() => assertTrusted(directory, { ...facts, fileSystem }, false));
  }
});

/** Every path below a directory, with its content. */
function contentOf(directory: string): Record<string, string> {
  const content: Record<string, string> = {};
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    content[path] = entry.isFile() ? readFileSync(path, 'base64') : `${lstatSync(path).mode}`;
  }
  return content;
}

const links = [
  '',
  'blobs',
  'blobs/tmp',
  'locks',
  'cache.db',
  'cache.db-wal',
  'cache.db-shm',
  'cache.db.lock',
  'cache.db-changes',
];

for (const [index, part] of links.entries()) {
  for (const leadsTo of ['what was there', 'a directory of files', 'a file', 'nothing'] as const) {
    test(`a link in place of ${part || "the tag's directory"} that leads to ${leadsTo} is not followed, and is reported`, async t => {
      const tag = `link-${index}-${leadsTo.replaceAll(' ', '-')}`;
      const base = await scratch(t);
      const cacheRoot = join(base, 'root');
      const outside = join(base, 'outside');
      mkdirSync(outside);
      const first = open(t, { cacheRoot, tag });
      await first.set('key', 'value');
      await first.set('large', LARGE);
      await first.getOrSet('locks', () => 'made');
      await first.close();
      // A lock is released after the value is there.
      await until(() => readdirSync(join(cacheRoot, tag, 'locks')).length === 0);
      const path = join(cacheRoot, tag, part);
      const target = join(outside, 'target');
      if (leadsTo === 'a directory of files') {
        mkdirSync(join(target, 'ab'), { recursive: true });
        for (const name of [
          'precious',
          'ab/precious',
          `ab/${'c'.repeat(62)}`,
          `${process.pid}-00000000-old`,
        ]) {
          writeFileSync(join(target, name), 'not ours');
          utimesSync(join(target, name), 0, 0);
        }
      } else if (leadsTo === 'a file') writeFileSync(target, 'not ours');
      else if (leadsTo === 'what was there' && lstatSync(path, { throwIfNoEntry: false }))
        renameSync(path, target);
      rmSync(path, { recursive: true, force: true });
      symlinkSync(target, path.replace(/\/$/, ''));
      const before = contentOf(outside);

      const warnings = warningsOf(t, tag);
      const cache = open(t, { cacheRoot, tag });
      t.is(await cache.set('key', 'other'), false);
      t.is(await cache.set('large', Buffer.alloc(80_000, 'other')), false);
      t.is(await cache.get('key'), undefined);
      t.is(await cache.get('large'), undefined);
      t.is(await cache.getOrSet('locks', () => 'mine'), 'mine');
      await cache.cleanup();
      await cache.check();
      t.deepEqual(contentOf(outside), before);
      t.is(warnings.length, 1);
      t.regex(warnings[0]!, /is a symbolic link, and links inside a cache are not followed.*Remove it/);

      // Without the link it is an ordinary cache again.
      rmSync(path);
      await until(() => cache.set('key', 'again'));
      t.is(await cache.get('key'), 'again');
      t.deepEqual(contentOf(outside), before);
    });
  }
}

for (const part of [
  'the shard',
  'the directory of blobs',
  'the directory of temporary files',
  'the directory of locks',
] as const) {
  test(`a link in place of ${part}, planted while the cache is open, is not followed`, async t => {
    const tag = `planted-${part.replaceAll(' ', '-')}`;
    const base = await scratch(t);
    const cacheRoot = join(base, 'root');
    const outside = join(base, 'outside');
    mkdirSync(outside);
    const cache = open(t, { cacheRoot, tag });
    await cache.set('large', LARGE);
    await cache.getOrSet('locks', () => 'made');
    const blobs = join(cacheRoot, tag, 'blobs');
    const [shard] = readdirSync(blobs).filter(name => name !== 'tmp');
    const path = {
      'the shard': join(blobs, shard!),
      'the directory of blobs': blobs,
      'the directory of temporary files': join(blobs, 'tmp'),
      'the directory of locks': join(cacheRoot, tag, 'locks'),
    }[part];
    // A lock is released after the value is there.
    await until(() => readdirSync(join(cacheRoot, tag, 'locks')).length === 0);
    renameSync(path, join(outside, 'target'));
    writeFileSync(join(outside, 'target', 'precious'), 'not ours');
    utimesSync(join(outside, 'target', 'precious'), 0, 0);
    symlinkSync(join(outside, 'target'), path);
    const before = contentOf(outside);

    if (part === 'the shard' || part === 'the directory of blobs') t.is(await cache.get('large'), undefined);
    const isStored = await cache.set('large', LARGE);
    t.is(isStored, part === 'the shard' || part === 'the directory of locks');
    if (isStored) t.deepEqual(await cache.get('large'), LARGE);
    t.is(await cache.getOrSet('other lock', () => 'mine'), 'mine');
    await cache.delete('large');
    await cache.cleanup();
    await cache.check();
    t.deepEqual(contentOf(outside), before);
  });
}

test('a link at the destination of getFile is replaced, and its target is unchanged', async t => {
  const base = await scratch(t);
  const cache = open(t, { cacheRoot: join(base, 'root'), tag: 'destination' });
  const source = join(base, 'source');
  const precious = join(base, 'precious');
  const destination = join(base, 'destination');
  writeFileSync(source, 'from the cache', { mode: 0o640 });
  writeFileSync(precious, 'not ours');
  symlinkSync(precious, destination);
  await cache.putFile('file', source);
  t.true(await cache.getFile('file', destination));
  t.false(lstatSync(destination).isSymbolicLink());
  t.is(readFileSync(destination, 'utf8'), 'from the cache');
  t.is(readFileSync(precious, 'utf8'), 'not ours');
  t.is(statSync(destination).mode & 0o777, 0o640);
  t.deepEqual(readdirSync(dirname(destination)).sort(), ['destination', 'precious', 'root', 'source']);
});
