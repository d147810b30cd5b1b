// Keyv's own suite for storage adapters, run with Keyv 6. It is the suite of Keyv 5 except for one test:
// `keyv.delete([…])` resolves to one boolean in Keyv 5, and to one for each key in Keyv 6.
import test from 'ava';
import Keyv from 'keyv';
import { conforms, gloveboxStores } from './conformance.ts';

conforms('Keyv 6', Keyv, gloveboxStores(), ['.deleteMany([keys]) with nonexistent keys resolves to false']);

test('Keyv 6 returns one result for each key, with any store', async t => {
  t.deepEqual(await new Keyv().delete(['foo', 'foo1']), [false, false]);
});
