// Keyv's own suite for storage adapters, run with Keyv 6. The suite is written for Keyv 5, where `keyv.delete([…])`
// resolves to one boolean. Keyv 6 makes one for each key of whatever the store answers, so no store could satisfy the
// suite; here they are one again.
import test from 'ava';
import Keyv from 'keyv';
import { conforms, gloveboxStores } from './conformance.ts';

class Keyv6 extends Keyv {
  override async delete(key: string | string[]): Promise<never> {
    const deleted: boolean | boolean[] = await super.delete(key as string);
    return (Array.isArray(deleted) ? deleted.some(Boolean) : deleted) as never;
  }
}

const makeStore = gloveboxStores();
conforms('Keyv 6', Keyv6, makeStore);

test.serial('Keyv 6 returns one result for each key', async t => {
  const keyv = new Keyv({ store: makeStore() });
  t.deepEqual(await keyv.delete(['none', 'neither']), [false, false]);
});
