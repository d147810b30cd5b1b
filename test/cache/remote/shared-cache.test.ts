import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Piscina } from 'piscina';
import { type CacheOptions, cacheKey, openCache, resetSharedCacheInstances } from '../../../src/index.ts';
import type { SharedTask } from '../../support/shared-task.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { TestServer } from './server.ts';
import { writerKey } from './tier.ts';

const VARIABLES = [
  'GLOVEBOX_REMOTE',
  'GLOVEBOX_REMOTE_MODE',
  'GLOVEBOX_REMOTE_TRUST',
  'GLOVEBOX_SIGNING_KEY',
];

/** The environment of a machine that writes, or of one that only reads. */
function actAs(t: ExecutionContext, mode: 'read' | 'read-write', url: string): void {
  for (const name of VARIABLES) delete process.env[name];
  Object.assign(process.env, {
    ...{ GLOVEBOX_REMOTE: url, GLOVEBOX_REMOTE_MODE: mode, GLOVEBOX_REMOTE_TRUST: writerKey.publicKey },
    ...(mode === 'read' ? {} : { GLOVEBOX_SIGNING_KEY: writerKey.privateKey }),
  });
  t.teardown(() => {
    for (const name of VARIABLES) delete process.env[name];
  });
}

test.serial.afterEach.always(() => resetSharedCacheInstances());

const shared = (options: CacheOptions) => openCache({ tag: 'shared', remote: true, ...options });

test.serial('a pool on one machine produces, and a pool on another machine does not', async t => {
  const { url } = await TestServer.start(t);
  const keys = await Promise.all(['one', 'two', 'three'].map(name => cacheKey('value', name)));
  const runPool = async (mode: 'read' | 'read-write') => {
    actAs(t, mode, url);
    const cacheRoot = await temporaryDirectory(t);
    const holder = shared({ cacheRoot });
    // The coordinator has to exist before the threads.
    await holder.has('any');
    const pool = new Piscina<SharedTask, unknown>({
      filename: new URL('../../support/shared-task.ts', import.meta.url).href,
      ...{ minThreads: 2, maxThreads: 2, atomics: 'disabled', env: process.env },
    });
    const produced = new SharedArrayBuffer(4);
    const tasks = [...keys, ...keys].map(key => pool.run({ cacheRoot, key, produced }));
    const values = await Promise.all(tasks);
    await pool.destroy();
    await holder.close();
    return { values, produced: new Int32Array(produced)[0] };
  };
  const first = await runPool('read-write');
  t.is(first.produced, keys.length);
  const second = await runPool('read');
  t.deepEqual(second, { values: first.values, produced: 0 });
});

test.serial('values of every form, and files with their modes, are restored unchanged', async t => {
  const server = await TestServer.start(t);
  const values: Record<string, unknown> = {
    ...{
      text: 'süß',
      number: 1,
      nothing: null,
      nested: { a: [1n, new Date(0)] },
      bytes: Buffer.from([0, 255]),
    },
    ...{ array: new Uint8Array([1, 2]), map: new Map([['a', 1]]) },
  };
  actAs(t, 'read-write', server.url);
  const first = shared({ cacheRoot: await temporaryDirectory(t) });
  const file = path.join(await temporaryDirectory(t), 'file');
  writeFileSync(file, 'content');
  chmodSync(file, 0o750);
  for (const [key, value] of Object.entries(values)) t.true(await first.set(key, value));
  t.true(await first.setMany([['many', 1]]));
  t.true(await first.add('added', 2));
  t.false(await first.add('added', 3));
  t.true(await first.putFile('file', file));
  writeFileSync(file, 'changed since');
  await first.close();

  actAs(t, 'read', server.url);
  const second = shared({ cacheRoot: await temporaryDirectory(t) });
  for (const [key, value] of Object.entries(values)) t.deepEqual(await second.get(key), value, key);
  t.deepEqual([await second.get('many'), await second.get('added')], [1, 2]);
  const copy = path.join(await temporaryDirectory(t), 'copy');
  t.true(await second.getFile('file', copy));
  t.is(readFileSync(copy, 'utf8'), 'content');
  t.is(statSync(copy).mode & 0o777, 0o750);
  t.is(await second.get('absent', 'fallback'), 'fallback');
  t.false(await second.getFile('absent', copy));
  // By now it is in the local cache.
  await server.stop();
  t.is(await second.get('text'), 'süß');
  t.true(await second.getFile('file', copy));
});

test.serial('a delete is local, and concurrent callers send one request', async t => {
  const server = await TestServer.start(t);
  actAs(t, 'read-write', server.url);
  const cache = shared({ cacheRoot: await temporaryDirectory(t) });
  await cache.set('key', 'value');
  await cache.close();
  const again = shared({ cacheRoot: await temporaryDirectory(t) });
  const before = server.seen.length;
  t.deepEqual(
    await Promise.all([again.get('key'), again.get('key'), again.get('key')]),
    Array(3).fill('value'),
  );
  t.is(server.seen.length, before + 1);
  t.true(await again.delete('key'));
  t.is(again.getSync('key'), undefined);
  t.is(await again.get('key'), 'value');
  t.is(server.log.filter(line => line.startsWith('DELETE')).length, 0);
});

test.serial('without a server, or with one that is down, the cache works as without the option', async t => {
  const none = shared({ cacheRoot: await temporaryDirectory(t) });
  t.is(await none.getOrSet('key', () => 1), 1);
  const server = await TestServer.start(t);
  actAs(t, 'read-write', server.url);
  await server.stop();
  const down = shared({ cacheRoot: await temporaryDirectory(t) });
  t.is(await down.getOrSet('key', () => 2), 2);
  t.is(await down.get('key'), 2);
  await down.close();
});

test.serial('an invalid option is an error when the cache is opened', t => {
  actAs(t, 'read-write', 'http://127.0.0.1:1/');
  process.env.GLOVEBOX_REMOTE = 'ftp://example.org';
  t.throws(() => shared({}), { code: 'GLOVEBOX_INVALID_ARGUMENT', message: /GLOVEBOX_REMOTE/ });
  t.throws(() => openCache({ remote: 'yes' as never }), { message: /remote must be true or false/ });
});
