// Databases that were damaged before they are opened.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Damage, damages, logDamages, randomFrom, removedLogs } from './damages.ts';
import { assertRightOrMiss, copyOf, fillWith, isAside, KEYS, makeSources, type Sources } from './filled.ts';
import { open, untilWarned, warningsOf } from './support.ts';

let directory: string;
let sources: Sources;
test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'glovebox-damage-'));
  sources = await makeSources(directory);
});
test.after.always(() => rm(directory, { recursive: true, force: true }));

interface Case extends Damage {
  source: keyof Sources;
  /** The cache whose values may be found. */
  names: string[];
}

const others: Damage[] = [
  { name: 'the log of another', make: p => writeFileSync(`${p.file}-wal`, readFileSync(`${p.other}-wal`)) },
  {
    name: 'the log of another and no index',
    make: p => {
      writeFileSync(`${p.file}-wal`, readFileSync(`${p.other}-wal`));
      rmSync(`${p.file}-shm`);
    },
  },
  {
    name: 'the log index of another',
    make: p => writeFileSync(`${p.file}-shm`, readFileSync(`${p.other}-shm`)),
  },
];

// Without its log, a killed process's database has only its checkpointed content: older, and sound.
const cases: Case[] = [
  ...damages.map(one => ({ ...one, source: 'closed' as const, names: ['ours'] })),
  ...[...logDamages, ...removedLogs].map(one => ({
    ...one,
    isNoticed: false,
    source: 'killed' as const,
    names: ['ours'],
  })),
  // A log is not tied to its database: another one's entries are read as they are, each under its own key.
  ...others.map(one => ({ ...one, source: 'killed' as const, names: ['ours', 'other'] })),
];

for (const [index, { name, make, isNoticed, source, names }] of cases.entries()) {
  test(`a database with ${name} gives no wrong value once it is opened, and is replaced by a new one`, async t => {
    const tag = `opened-${index}`;
    const root = await copyOf(t, sources[source], tag);
    make({
      file: join(root, tag, 'cache.db'),
      other: join(sources.other, 'cache.db'),
      random: randomFrom(index + 1),
    });
    const warnings = warningsOf(t, tag);
    const cache = open(t, { cacheRoot: root, tag, policy: 'none' });

    assertRightOrMiss(t, await cache.getMany(KEYS), names);
    assertRightOrMiss(t, new Map(await Array.fromAsync(cache.entries())), names);
    await fillWith(cache, 'ours');
    t.is(assertRightOrMiss(t, await cache.getMany(KEYS)), KEYS.length);
    await cache.check();
    t.deepEqual((await cache.check()).problems, []);

    await untilWarned();
    const aside = readdirSync(join(root, tag)).filter(isAside);
    if (isNoticed) t.is(aside.length, 1);
    t.is(warnings.filter(text => text.includes('was quarantined')).length, aside.length);
    t.is(new Set(warnings).size, warnings.length);
    t.true(warnings.length <= 2, warnings.join('\n'));
  });
}
