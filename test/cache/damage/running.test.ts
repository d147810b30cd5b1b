// Databases that are damaged while a process has them open, and one of its threads has its own connection.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { damages, logDamages, randomFrom, removedLogs } from './damages.ts';
import { assertRightOrMiss, copyOf, fillWith, isAside, KEYS, makeSources, type Sources } from './filled.ts';
import type { ReadRequest } from './reader-worker.ts';
import { open, until, warningsOf } from './support.ts';

let directory: string;
let sources: Sources;
let thread: Worker;
test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'glovebox-damage-'));
  sources = await makeSources(directory);
  thread = new Worker(new URL('reader-worker.ts', import.meta.url));
});
test.after.always(async () => {
  await thread.terminate();
  await rm(directory, { recursive: true, force: true });
});

/** Reads in another thread, which has its own connection to each cache. */
async function readInThread(place: Omit<ReadRequest, 'keys'>, keys = KEYS): Promise<Map<string, unknown>> {
  thread.postMessage({ ...place, keys } satisfies ReadRequest);
  return (await once(thread, 'message'))[0] as Map<string, unknown>;
}

async function closeInThread(place: Omit<ReadRequest, 'keys'>): Promise<void> {
  thread.postMessage({ ...place, keys: undefined } satisfies ReadRequest);
  await once(thread, 'message');
}

// One after another, because they share the thread.
const some = damages.filter(({ name }, index) => !name.startsWith('a random page') || index % 3 === 0);
const cases = [...some, ...logDamages, ...removedLogs];
for (const [index, { name, make, isNoticed }] of cases.entries()) {
  for (const first of ['the thread', 'the process'] as const) {
    if (first === 'the process' && index % 4 !== 0 && index < some.length) continue;
    test.serial(
      `a database with ${name}, first noticed by ${first}, gives no wrong value and the cache goes on`,
      async t => {
        const tag = `running-${index}-${first === 'the thread' ? 0 : 1}`;
        const root = await copyOf(t, sources.closed, tag);
        const warnings = warningsOf(t, tag);
        const cache = open(t, { cacheRoot: root, tag, policy: 'none' });
        // Some of it is in the database, some in the log, and some in the connections' memory.
        await fillWith(cache, 'ours');
        const place = { cacheRoot: root, tag };
        t.is((await readInThread(place)).size, KEYS.length);

        const file = join(root, tag, 'cache.db');
        make({ file, other: file, random: randomFrom(index + 1) });
        if (first === 'the thread') assertRightOrMiss(t, await readInThread(place));
        assertRightOrMiss(t, await cache.getMany(KEYS));
        assertRightOrMiss(t, await readInThread(place));

        // Whether or not the damage was noticed, new entries are kept, for both threads.
        await until(async () => {
          await fillWith(cache, 'ours');
          return (await cache.getMany(KEYS)).size === KEYS.length;
        });
        assertRightOrMiss(t, await cache.getMany(KEYS));
        await until(async () => (await readInThread(place)).size === KEYS.length);
        assertRightOrMiss(t, await readInThread(place));
        await cache.check();
        await fillWith(cache, 'ours');
        t.deepEqual((await cache.check()).problems, []);
        await closeInThread(place);

        const aside = readdirSync(join(root, tag)).filter(isAside);
        if (isNoticed && name.startsWith('only')) t.true(aside.length > 0);
        t.true(warnings.filter(text => text.includes('was quarantined')).length <= 1);
        t.is(new Set(warnings).size, warnings.length);
        t.true(warnings.length <= 2, warnings.join('\n'));
      },
    );
  }
}
