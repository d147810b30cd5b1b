// Which thread the others leave their writes to.
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { LEAD_WORDS, Lead } from '../../src/cache/lead.ts';

const sharedWords = () => new Int32Array(new SharedArrayBuffer(4 * LEAD_WORDS));

test('a thread that commits again and again leads the others, as long as it goes on', async t => {
  const words = sharedWords();
  const leader = new Lead(words, 1);
  const other = new Lead(words, 2);
  t.deepEqual([leader.committed(), leader.committed(), other.isAnothers], [false, false, false]);
  // A pause begins anew, and a busy machine may make one.
  let leads = false;
  for (let tries = 0; tries < 1000 && !leads; tries++) leads = leader.committed() && other.isAnothers;
  t.true(leads);
  t.false(leader.isAnothers);
  await setTimeout(20);
  t.false(other.isAnothers);
  t.false(leader.committed());
});

test('who commits in between ends the lead', t => {
  const words = sharedWords();
  const leader = new Lead(words, 1);
  const other = new Lead(words, 2);
  for (let count = 0; count < 10; count++) {
    leader.committed();
    t.false(other.committed());
    t.deepEqual([leader.isAnothers, other.isAnothers], [false, false]);
  }
});
