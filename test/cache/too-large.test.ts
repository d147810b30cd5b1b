// Values that exceed the whole limit and can never be stored: the warning about them.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { createDefaultCache } from '../../src/index.ts';
import { temporaryRoot } from '../support/temporary.ts';
import { startThreads } from '../support/thread.ts';

const warnings: string[] = [];
process.on('warning', ({ message }) => warnings.push(message));

for (const backend of ['sqlite', 'memory'] as const) {
  test.serial(
    `${backend}: a value over the whole limit is warned about once, with its key and the remedy`,
    async t => {
      const cacheRoot = await temporaryRoot(t);
      const file = join(cacheRoot, 'file');
      await writeFile(file, Buffer.alloc(5000));
      const tag = `small-${backend}`;
      const cache = createDefaultCache({ cacheRoot, tag, backend, maxSize: '2KB' });
      const said = () => warnings.filter(message => message.includes(`'${tag}'`));
      t.true(await cache.set('fits', 'x'));
      t.false(await cache.add('fits', 'y'), 'not stored for another reason');
      t.false(await cache.set('front-page', 'x'.repeat(3000)));
      t.false(await cache.putFile('file', file));
      t.false(await cache.setMany([['many', 'x'.repeat(3000)]]));
      t.is(await cache.getOrSet('made', () => 'x'.repeat(3000)), 'x'.repeat(3000));
      const [thread] = startThreads(t, 1);
      const answer = await thread!.run(
        (tools, options) => tools.createDefaultCache(options).set('other', 'x'.repeat(3000)),
        { cacheRoot, tag, backend, maxSize: '2KB' },
      );
      t.false(answer);
      // The thread's warning arrives before its next request.
      await thread!.run((tools, options) => tools.createDefaultCache(options).stats(), {
        cacheRoot,
        tag,
        backend,
        maxSize: '2KB',
      });
      await new Promise(setImmediate);
      t.is(said().length, 1);
      t.regex(said()[0]!, /"front-page" has 2\.93KB.*'small-\w+' may have \(2KB\).*larger maxSize/);
    },
  );
}

test.serial(
  'a value over the limit is warned about once, even if a worker thread is the first to have one',
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const options = { cacheRoot, tag: 'in-threads', maxSize: '2KB' };
    const threads = startThreads(t, 3);
    const set = (thread: (typeof threads)[number]) =>
      thread.run(async (tools, given) => {
        const cache = tools.createDefaultCache(given);
        await cache.set('page', 'x'.repeat(3000));
        await cache.stats();
      }, options);
    await Promise.all(threads.map(set));
    await new Promise(setImmediate);
    t.is(warnings.filter(message => message.includes("'in-threads'")).length, 1);
  },
);

test.serial('without eviction no value is too large', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'unlimited', maxSize: '2KB', policy: 'none' });
  t.true(await cache.set('page', 'x'.repeat(3000)));
  t.deepEqual(
    warnings.filter(message => message.includes("'unlimited'")),
    [],
  );
});
