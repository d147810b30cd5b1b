// Fake timers of test runners: an awaited cache operation is answered even while time stands still.
import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import FakeTimers from '@sinonjs/fake-timers';
import test from 'ava';
import {
  type HeldLock,
  LOCK_STALE_MS,
  lockPath,
  removeStaleLocks,
  tryLock,
} from '../../../src/cache/coordinator/locks.ts';
import { temporaryRoot } from '../../support/temporary.ts';

const program = new URL('fake-timers-process.ts', import.meta.url).pathname;

for (const [faking, when] of [
  ['all', 'after the import'],
  ['some', 'before the import'],
  ['past', 'after the import'],
  ['future', 'before the import'],
]) {
  test(`no operation waits for fake timers: ${faking}, ${when}`, async t => {
    const args = [program, await temporaryRoot(t), faking!, when!];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
    t.is(stdout, 'done\n');
    t.is(stderr, '');
  });
}

for (const [name, now] of [
  ['past', Date.UTC(2000, 0, 1)],
  ['future', Date.UTC(2100, 0, 1)],
] as const) {
  test.serial(`a lock has its real age, even for a process with fake time: ${name}`, async t => {
    const directory = join(await temporaryRoot(t), 'locks');
    const real = (await tryLock(directory, 'real')) as HeldLock;
    const clock = FakeTimers.install({ now, toFake: ['Date'] });
    try {
      t.is(await tryLock(directory, 'real'), 'taken');
      await removeStaleLocks(directory);
      t.true(existsSync(lockPath(directory, 'real')));
      const fake = (await tryLock(directory, 'fake')) as HeldLock;
      clock.uninstall();
      t.true(Math.abs(Date.now() - statSync(lockPath(directory, 'fake')).mtimeMs) < LOCK_STALE_MS);
      t.is(await tryLock(directory, 'fake'), 'taken');
      await fake.release();
      await real.release();
      t.false(existsSync(lockPath(directory, 'fake')));
    } finally {
      clock.uninstall();
    }
  });
}
