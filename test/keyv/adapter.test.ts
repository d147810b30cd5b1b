// Guarantees of the Keyv storage adapter beyond Keyv's own suite.
import test from 'ava';
import Keyv6 from 'keyv';
import Keyv from 'keyv5';
import KeyvGlovebox, { type NotStoredError } from '../../src/keyv.ts';
import { temporaryRoot } from '../support/temporary.ts';

test.serial('Keyv 5 and Keyv 6 accept the adapter, with and without options', async t => {
  const cacheRoot = await temporaryRoot(t);
  const [five, six] = [new KeyvGlovebox({ cacheRoot }), new KeyvGlovebox({ cacheRoot })];
  t.is(new Keyv(five).store, five);
  t.is(new Keyv({ store: five }).store, five);
  t.is(new Keyv6(six).namespace, undefined);
  t.is(new Keyv6({ store: six, namespace: 'own' }).namespace, 'own');
});

test.serial("the adapter has the properties that Keyv 5's iterator requires", async t => {
  const cacheRoot = await temporaryRoot(t);
  const { opts } = new KeyvGlovebox({ cacheRoot, tag: 'mine' });
  t.is(opts.dialect, 'sqlite');
  t.is(opts.url, `sqlite://${cacheRoot}/mine`);
  t.is(opts.tag, 'mine');
});

for (const [version, Class] of [
  ['5', Keyv],
  ['6', Keyv6 as unknown as typeof Keyv],
] as const) {
  test.serial(`Keyv ${version} clears its own namespace, and no other with the same prefix`, async t => {
    const cacheRoot = await temporaryRoot(t);
    const [a, ab] = ['a', 'ab'].map(
      namespace => new Class({ store: new KeyvGlovebox({ cacheRoot }), namespace }),
    );
    await a!.setMany([
      { key: 'one', value: 1 },
      { key: 'a'.repeat(2000), value: 2 },
    ]);
    await ab!.set('one', 3);
    await a!.clear();
    t.deepEqual(await a!.getMany(['one', 'a'.repeat(2000)]), [undefined, undefined]);
    t.is(await ab!.get('one'), 3);
  });

  test.serial(
    `keys of any length and any characters are kept apart and listed with Keyv ${version}`,
    async t => {
      const keyv = new Class({
        store: new KeyvGlovebox({ cacheRoot: await temporaryRoot(t) }),
        namespace: 'odd',
      });
      const stem = 'https://example.org/'.repeat(100);
      const keys = [`${stem}1`, `${stem}2`, 'half \uD83D', `x…${'0'.repeat(64)}`, 'with:colons:and::more'];
      for (const key of keys) t.true(await keyv.set(key, `of ${key}`));
      t.deepEqual(
        await keyv.getMany(keys),
        keys.map(key => `of ${key}`),
      );
      const listed: unknown[] = [];
      for await (const [key] of keyv.iterator!(undefined)) listed.push(key);
      t.deepEqual(listed.toSorted(), keys.toSorted());
      t.true(await keyv.delete(keys[0]!));
      t.deepEqual(await keyv.hasMany(keys), [false, true, true, true, true]);
    },
  );
}

test.serial('without a namespace, clear empties the tag', async t => {
  const store = new KeyvGlovebox({ cacheRoot: await temporaryRoot(t) });
  await store.set('a:one', 1);
  await store.set('two', 2);
  await store.clear();
  t.deepEqual(await store.getMany(['a:one', 'two']), [undefined, undefined]);
});

test.serial(
  'many entries with individual TTLs are all stored, and of a repeated key the last one',
  async t => {
    const store = new KeyvGlovebox({ cacheRoot: await temporaryRoot(t) });
    t.true(await store.set('gone', 0));
    const stored = await store.setMany([
      { key: 'twice', value: 1, ttl: 60_000 },
      { key: 'for ever', value: 2 },
      { key: 'gone', value: 3, ttl: -1 },
      { key: 'twice', value: 4 },
      { key: 'boundless', value: 5, ttl: Number.POSITIVE_INFINITY },
    ]);
    t.deepEqual(stored, [true, true, true, true, true]);
    t.deepEqual(await store.getMany(['twice', 'for ever', 'gone', 'boundless']), [4, 2, undefined, 5]);
  },
);

test.serial('entries expire by themselves, without Keyv', async t => {
  let now = 1000;
  const store = new KeyvGlovebox({ cacheRoot: await temporaryRoot(t), clock: () => now });
  await store.set('key', 'value', 500);
  t.is(await store.get('key'), 'value');
  now += 501;
  t.is(await store.get('key'), undefined);
  t.false(await store.has('key'));
});

test.serial('a value that was not stored gives false, and an error event for listeners', async t => {
  const store = new KeyvGlovebox({ cacheRoot: await temporaryRoot(t), maxSize: '64KB', tag: 'small' });
  const keyv = new Keyv({ store });
  // There is no listener, so nothing is thrown.
  t.false(await store.set('large', Buffer.alloc(1_000_000)));
  const errors: NotStoredError[] = [];
  keyv.on('error', error => errors.push(error));
  t.false(await keyv.set('large', 'x'.repeat(1_000_000)));
  t.deepEqual(
    errors.map(({ code }) => code),
    ['GLOVEBOX_NOT_STORED'],
  );
  t.regex(errors[0]!.message, /'keyv:large'/);
});

test.serial('a disabled cache stores nothing, and emits no error', async t => {
  const store = new KeyvGlovebox({ cacheRoot: await temporaryRoot(t), enabled: false });
  store.on('error', error => t.fail(String(error)));
  t.false(await store.set('key', 1));
  t.is(await store.get('key'), undefined);
});

test.serial('a disconnected store is closed, and another instance goes on', async t => {
  const cacheRoot = await temporaryRoot(t);
  const [store, other] = [new KeyvGlovebox({ cacheRoot }), new KeyvGlovebox({ cacheRoot })];
  await store.set('key', 1);
  await store.disconnect();
  t.is(await other.get('key'), 1);
  await other.disconnect();
  await t.throwsAsync(other.get('key'), { code: 'GLOVEBOX_CLOSED' });
});
