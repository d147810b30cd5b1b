// A locked database: another program holds the lock for longer than a write's timeout.
import { join } from 'node:path';
import test from 'ava';
import { connect } from '../../../src/cache/storage/sqlite/connection.ts';
import { createDefaultCache } from '../../../src/index.ts';
import { startProcess } from '../../support/process.ts';
import { temporaryRoot } from '../../support/temporary.ts';

test('every write of a process is answered after its timeout, including the second and those of a worker', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'locked' });
  t.true(await cache.set('key', 'before'));
  // The test's own process is the other program.
  const database = connect(join(cacheRoot, 'locked', 'cache.db'), {});
  t.teardown(() => database.close());
  database.exec('BEGIN EXCLUSIVE');

  // Only the writes themselves keep the process alive.
  const writing = startProcess(
    t,
    async ({ createDefaultCache, threads }, cacheRoot, file) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'locked', timeout: '300ms' });
      const answers: unknown[] = [];
      for (let index = 0; index < 3; index++) answers.push(await cache.set('key', index));
      answers.push(await cache.increment('count'), await cache.delete('key'));
      answers.push(await cache.getOrSet('produced', () => 'value'), await cache.get('key'));
      answers.push((await cache.metadata('key'))?.kind);
      const worker = new threads.Worker(new URL(file));
      const answer = new Promise<{ value?: unknown }>(resolve => worker.once('message', resolve));
      worker.postMessage({
        id: 1,
        source: `async ({ createDefaultCache, threads }, cacheRoot) => {
          threads.parentPort.unref();
          const cache = createDefaultCache({ cacheRoot, tag: 'locked', timeout: '300ms' });
          return [await cache.set('key', 1), await cache.set('key', 2)];
        }`,
        args: [cacheRoot],
      });
      answers.push((await answer).value);
      await cache.close();
      return answers;
    },
    [cacheRoot, new URL('../../support/thread-worker.ts', import.meta.url).href],
  );
  t.deepEqual(await writing.result(), [
    ...[false, false, false, null, false],
    ...['value', 'before', 'value', [false, false]],
  ]);

  database.exec('ROLLBACK');
  t.true(await cache.set('key', 'after'));
});
