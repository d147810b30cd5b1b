// Reopening a store that could not be opened: soon, and without cost to others.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { LiveStore } from '../../../src/cache/coordinator/live-store.ts';
import { connect } from '../../../src/cache/storage/sqlite/connection.ts';
import { OPENING_WAIT_MS } from '../../../src/cache/storage/sqlite/open.ts';
import { performance } from '../../../src/system/time.ts';
import { temporaryRoot } from '../../support/temporary.ts';

const options = {
  tag: 'a',
  backend: 'sqlite',
  maxSize: 1000,
  policy: 'none',
  writer: 'test',
  allowUntrusted: false,
} as const;

const hooks = { onOpen: () => undefined, takeAccesses: () => [] };

test.serial('once the cause is fixed, the store opens within a second', async t => {
  const directory = join(await temporaryRoot(t), 'a');
  writeFileSync(directory, 'in the way');
  const live = new LiveStore({ ...options, directory }, hooks);
  t.teardown(() => live.close());
  t.truthy(live.degraded);
  const { epoch } = live.shared.versions;
  t.false(live.checkFiles());

  // At most half a second until its own check, and half a second until a check becomes a try.
  const { now } = performance;
  t.teardown(() => {
    performance.now = now;
  });
  let later = 500;
  performance.now = () => now() + later;
  t.false(live.checkFiles(), 'it is still in the way');
  t.is(live.shared.versions.epoch, epoch, 'other threads need not open anything anew');

  rmSync(directory);
  later = 1000;
  t.true(live.checkFiles());
  t.is(live.degraded, undefined);
  t.not(live.shared.versions.epoch, epoch);
});

test.serial(
  'a program that keeps the database from being opened does not block the thread at each try',
  async t => {
    const directory = join(await temporaryRoot(t), 'a');
    const before = new LiveStore({ ...options, directory }, hooks);
    before.close();
    renameSync(directory, `${directory}-aside`);
    writeFileSync(directory, 'in the way');
    const live = new LiveStore({ ...options, directory }, hooks);
    t.teardown(() => live.close());
    rmSync(directory);
    renameSync(`${directory}-aside`, directory);
    const program = connect(join(directory, 'cache.db'), {});
    t.teardown(() => program.close());
    program.pragma('locking_mode = EXCLUSIVE');
    program.exec('BEGIN EXCLUSIVE; COMMIT');
    const { now } = performance;
    t.teardown(() => {
      performance.now = now;
    });
    let later = 0;
    performance.now = () => now() + later;
    const since = now();
    for (let attempt = 0; attempt < 10; attempt++) {
      later += 500;
      t.false(live.checkFiles());
    }
    // No longer in total than a single attempt may wait.
    t.true(now() - since < OPENING_WAIT_MS, `${now() - since} ms`);
  },
);
