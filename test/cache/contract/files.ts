// putFile and getFile.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InvalidArgumentError, WrongKindError } from '../../../src/index.ts';
import { type Case, type ContractContext, collect } from './context.ts';

async function source(context: ContractContext, name: string, content: string | Buffer, mode = 0o644) {
  const path = join(context.directory, name);
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

/** The names in the case's directory. */
async function names(context: ContractContext): Promise<string[]> {
  return (await readdir(context.directory)).sort();
}

export const files: readonly Case[] = [
  {
    name: 'a file is restored with its content and mode',
    async run(context) {
      const cache = context.open();
      const target = join(context.directory, 'target');
      const contents = { empty: '', small: 'firmware', binary: Buffer.from([0, 255, 10, 13, 0]) };
      for (const [name, content] of Object.entries(contents)) {
        for (const mode of [0o600, 0o644, 0o755, 0o400]) {
          assert.equal(await cache.putFile(name, await source(context, 'source', content, mode)), true);
          await rm(join(context.directory, 'source'));
          assert.equal(await cache.getFile(name, target), true);
          assert.deepEqual(await readFile(target), Buffer.from(content));
          assert.equal((await stat(target)).mode & 0o777, mode);
          await rm(target);
        }
      }
    },
  },
  {
    name: 'a large file is restored whole',
    async run(context) {
      const cache = context.open();
      const content = Buffer.alloc(5_000_000);
      for (let offset = 0; offset < content.length; offset += 4) content.writeUInt32LE(offset * 31, offset);
      await cache.putFile('large', await source(context, 'source', content));
      const target = join(context.directory, 'target');
      assert.equal(await cache.getFile('large', target), true);
      assert.ok(content.equals(await readFile(target)));
      assert.equal((await cache.metadata('large'))?.size, content.length);
      assert.ok(content.equals((await cache.get<Buffer>('large')) ?? Buffer.alloc(0)));
    },
  },
  {
    name: 'the source may be changed or removed once it is stored',
    async run(context) {
      const cache = context.open();
      const path = await source(context, 'source', 'before');
      await cache.putFile('key', path);
      await writeFile(path, 'after');
      assert.equal(String(await cache.get('key')), 'before');
      await rm(path);
      assert.equal(String(await cache.get('key')), 'before');
    },
  },
  {
    name: 'getFile writes nothing when the stored content is not the requested one',
    async run(context) {
      const cache = context.open();
      const target = join(context.directory, 'target');
      for (const [name, size] of [
        ['small', 100],
        ['large', 100_000],
      ] as const) {
        const content = Buffer.alloc(size, name);
        await cache.putFile(name, await source(context, name, content));
        const sha256 = createHash('sha256').update(content).digest('hex');
        assert.equal(await cache.getFile(name, target, { sha256: '0'.repeat(64) }), false);
        await assert.rejects(readFile(target), { code: 'ENOENT' });
        assert.equal(await cache.getFile(name, target, { sha256 }), true);
        assert.deepEqual(await readFile(target), content);
        assert.equal(await cache.has(name), true);
        await rm(target);
      }
    },
  },
  {
    name: 'get on a file returns its content as a Buffer; getFile on a value is a typed error',
    async run(context) {
      const cache = context.open();
      await cache.putFile('file', await source(context, 'source', 'content'));
      const content = await cache.get('file');
      assert.ok(Buffer.isBuffer(content));
      assert.equal(content.toString(), 'content');
      await cache.set('value', 'x'.repeat(100_000));
      const target = join(context.directory, 'target');
      await assert.rejects(cache.getFile('value', target), (error: unknown) => {
        assert.ok(error instanceof WrongKindError);
        assert.match(error.message, /'value'/);
        return true;
      });
      await assert.rejects(cache.increment('file'), WrongKindError);
      assert.equal(await cache.getFile('missing', target), false);
      assert.deepEqual(await names(context), ['source']);
    },
  },
  {
    name: 'a file replaces its destination atomically, and follows no link there',
    async run(context) {
      const cache = context.open();
      await cache.putFile('a', await source(context, 'a', Buffer.alloc(400_000, 'a')));
      await cache.putFile('b', await source(context, 'b', Buffer.alloc(400_000, 'b')));
      const target = join(context.directory, 'target');
      await cache.getFile('a', target);
      let isDone = false;
      const writing = (async () => {
        for (let round = 0; round < 12; round++) await cache.getFile(round % 2 ? 'a' : 'b', target);
        isDone = true;
      })();
      while (!isDone) {
        const seen = await readFile(target);
        assert.equal(seen.length, 400_000);
        assert.equal(seen[0], seen[seen.length - 1], 'a whole old or a whole new file');
      }
      await writing;
      const outside = await source(context, 'outside', 'untouched');
      const link = join(context.directory, 'link');
      await symlink(outside, link);
      await cache.getFile('a', link);
      assert.equal(await readFile(outside, 'utf8'), 'untouched');
      assert.deepEqual(await names(context), ['a', 'b', 'link', 'outside', 'target']);
    },
  },
  {
    name: 'a destination that cannot be written rejects, and leaves no temporary file',
    async run(context) {
      const cache = context.open();
      await cache.putFile('key', await source(context, 'source', 'content'));
      await mkdir(join(context.directory, 'folder', 'full'), { recursive: true });
      await assert.rejects(cache.getFile('key', join(context.directory, 'folder')));
      await assert.rejects(cache.getFile('key', join(context.directory, 'missing', 'target')));
      await assert.rejects(cache.getFile('key', join(context.directory, 'source', 'target')));
      assert.deepEqual(await names(context), ['folder', 'source']);
      assert.deepEqual(await readdir(join(context.directory, 'folder')), ['full']);
    },
  },
  {
    name: 'a destination that is not a file is refused, even for root, and stays unchanged',
    async run(context) {
      const cache = context.open();
      await cache.putFile('key', await source(context, 'source', 'content'));
      const path = (name: string) => join(context.directory, name);
      const device = path('device');
      // Never one that everything needs: if this test failed, it would be deleted.
      const isMade = spawnSync('mknod', [device, 'c', '1', '3']).status === 0;
      execFileSync('mkfifo', [path('pipe')]);
      await symlink(isMade ? device : path('pipe'), path('link-to-device'));
      await symlink(context.directory, path('link-to-directory'));
      const wrong = ['pipe', 'link-to-device', 'link-to-directory', ...(isMade ? ['device'] : [])];
      const before = await Promise.all(wrong.map(name => lstat(path(name))));
      for (const destination of [context.directory, '', ...wrong.map(path)]) {
        for (const key of ['key', 'missing']) {
          await assert.rejects(cache.getFile(key, destination), {
            name: 'InvalidArgumentError',
            message: new RegExp(`${resolve(destination)} is a (device|directory|pipe)`),
          });
        }
      }
      await assert.rejects(cache.getFile('key', new URL('file:///tmp/x') as unknown as string), {
        name: 'InvalidArgumentError',
      });
      const after = await Promise.all(wrong.map(name => lstat(path(name))));
      assert.deepEqual(
        after.map(({ ino, mode }) => [ino, mode]),
        before.map(({ ino, mode }) => [ino, mode]),
      );
      // A dangling link is replaced like a link to a file: nothing is lost.
      await symlink(path('nowhere'), path('dangling'));
      assert.equal(await cache.getFile('key', path('dangling')), true);
      assert.equal(await readFile(path('dangling'), 'utf8'), 'content');
    },
  },
  {
    name: 'a file whose stat size differs from its content is stored with the content that is read',
    async run(context) {
      if (process.platform !== 'linux') return;
      const cache = context.open();
      const target = join(context.directory, 'target');
      // Their stat sizes, zero and one page, differ from their content.
      const files = ['/proc/cpuinfo', '/sys/kernel/mm/transparent_hugepage/enabled'];
      for (const file of files.filter(existsSync)) {
        const content = await readFile(file);
        assert.notEqual((await lstat(file)).size, content.length, file);
        assert.equal(await cache.putFile('key', file), true);
        assert.equal(await cache.getFile('key', target), true);
        assert.ok((await readFile(target)).length > 0, file);
        if (!file.startsWith('/proc')) assert.deepEqual(await readFile(target), content);
      }
    },
  },
  {
    name: 'a file that is truncated while it is stored does not hold up the operation',
    async run(context) {
      const cache = context.open();
      const path = await source(context, 'source', Buffer.alloc(64 * 1024 * 1024, 1));
      const stored = cache.putFile('key', path);
      let isDone = false;
      void stored.then(() => {
        isDone = true;
      });
      // Shorter and shorter delays, so that one falls into the middle of any way of copying.
      for (let length = 64 * 1024 * 1024; !isDone && length > 0; length -= 1024 * 1024) {
        await truncate(path, length);
        await new Promise(setImmediate);
      }
      await truncate(path, 0);
      assert.equal(typeof (await stored), 'boolean');
      const found = await cache.get<Buffer>('key');
      assert.ok(found === undefined || found.every(byte => byte === 1 || byte === 0));
    },
  },
  {
    name: 'a source that is missing or not a regular file is the caller’s error, and changes nothing',
    async run(context) {
      const cache = context.open();
      await cache.set('key', 'kept');
      for (const path of [join(context.directory, 'missing'), context.directory, '/dev/null']) {
        await assert.rejects(cache.putFile('key', path), (error: unknown) => {
          assert.ok(error instanceof InvalidArgumentError);
          assert.ok(error.message.includes(path));
          return true;
        });
      }
      assert.equal(await cache.get('key'), 'kept');
    },
  },
  {
    name: 'a source that disappears while it is queued is a failed write, and affects no other',
    async run(context) {
      const cache = context.open();
      await cache.set('ready', 1);
      const path = await source(context, 'source', 'content');
      const large = cache.set('large', Buffer.alloc(8_000_000));
      const vanished = cache.putFile('file', path);
      await rm(path);
      const after = cache.set('after', 1);
      assert.equal(await large, true);
      assert.equal(typeof (await vanished), 'boolean');
      assert.equal(await after, true);
      assert.deepEqual(
        (await collect(cache.keys())).filter(key => key !== 'file'),
        ['after', 'large', 'ready'],
      );
    },
  },
  {
    name: 'files and values replace one another under one key',
    async run(context) {
      const cache = context.open();
      const path = await source(context, 'source', 'content');
      await cache.putFile('key', path);
      await cache.set('key', 'value');
      assert.equal((await cache.metadata('key'))?.kind, 'value');
      await cache.putFile('key', path);
      assert.equal((await cache.metadata('key'))?.kind, 'file');
      await cache.delete('key');
      assert.equal(await cache.getFile('key', join(context.directory, 'target')), false);
    },
  },
];
