// Schedule of targets that share objects.
import test from 'ava';
import type { Target } from '../../../src/builder/matrix/target.ts';
import { FamilySchedule } from '../../../src/builder/workers/family-schedule.ts';

const of = (artifactName: string, board = 'nice_nano_v2'): Target => ({ artifactName, board });
const [left, right, dongle, other] = [of('left'), of('right'), of('dongle'), of('other', 'xiao_ble')];

/** Enters targets, and notes what happens in order. */
function scheduleOf(targets: Target[], threads: number, cores = 4) {
  const schedule = new FamilySchedule({ cores, threads, targets });
  const log: string[] = [];
  const enter = async (target: Target, signal?: AbortSignal) => {
    const name = target.artifactName;
    const onWait = (leader: string) => void log.push(`${name} waits for ${leader}`);
    log.push(`${name} with ${await schedule.enter(target, onWait, signal)}`);
  };
  return { schedule, log, enter };
}

test('the first target of a board goes ahead with all cores; the others compile together after it', async t => {
  const { schedule, log, enter } = scheduleOf([left, right, dongle], 2);
  const all = [left, right, dongle].map(target => enter(target));
  await all[0];
  t.deepEqual(log.splice(0), ['right waits for left', 'dongle waits for left', 'left with 4']);
  schedule.leave(left, true);
  await Promise.all(all);
  t.deepEqual(log, ['right with 2', 'dongle with 2']);
});

test('the last target has all cores', async t => {
  const { schedule, log, enter } = scheduleOf([left, right], 2);
  await enter(left);
  schedule.leave(left, true);
  await enter(right);
  t.deepEqual(log, ['left with 4', 'right with 4']);
});

test('another board does not wait, and shares the cores', async t => {
  const { log, enter } = scheduleOf([left, right, other], 3);
  await enter(left);
  await enter(other);
  t.deepEqual(log, ['left with 4', 'other with 2']);
});

test('after a target that fails, the next one goes ahead, and the others wait for it', async t => {
  const { schedule, log, enter } = scheduleOf([left, right, dongle], 3);
  const all = [left, right, dongle].map(target => enter(target));
  await all[0];
  log.length = 0;
  schedule.leave(left, false);
  await all[1];
  t.deepEqual(log.splice(0), ['dongle waits for right', 'right with 4']);
  schedule.leave(right, true);
  await all[2];
  t.deepEqual(log, ['dongle with 4']);
});

test('a target that never entered can leave; a cancelled one no longer waits', async t => {
  const { schedule, log, enter } = scheduleOf([left, right, dongle], 3);
  await enter(left);
  schedule.leave(dongle, true);
  const stop = new AbortController();
  const waiting = enter(right, stop.signal);
  stop.abort();
  await waiting;
  t.deepEqual(log, ['left with 4', 'right waits for left', 'right with 2']);
});
