// Libraries that use Keyv, on top of the adapter.
import { createServer } from 'node:http';
import { findPackageJSON } from 'node:module';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import got from 'got';
import Keyv from 'keyv5';
import { KeyvGlovebox } from '../../src/keyv.ts';
import { temporaryRoot } from '../support/temporary.ts';

// A program has one Keyv 5; here each library has its own copy, and got accepts no other copy's Keyv.
const cacheableRequest = findPackageJSON('cacheable-request', import.meta.resolve('got'))!;
const ofGot = findPackageJSON('keyv', pathToFileURL(cacheableRequest))!;
const { Keyv: KeyvOfGot }: { Keyv: typeof Keyv } = await import(
  new URL('dist/index.js', pathToFileURL(ofGot)).href
);

const keyvOf = (cacheRoot: string) => new Keyv({ store: new KeyvGlovebox({ cacheRoot }) });

test.serial('cache-manager wraps, stores, lists and clears', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createCache({ stores: [keyvOf(cacheRoot)] });
  t.is(await cache.wrap('answer', async () => 42, 60_000), 42);
  // Another cache over the same store does not compute it.
  const other = createCache({ stores: [keyvOf(cacheRoot)] });
  t.is(await other.wrap('answer', async () => -1, 60_000), 42);
  await cache.mset([
    { key: 'a', value: { n: 1 } },
    { key: 'b', value: [2] },
  ]);
  t.deepEqual(await other.mget(['a', 'b', 'c']), [{ n: 1 }, [2], undefined]);
  t.true(await other.del('a'));
  t.is(await cache.get('a'), undefined);
  await cache.clear();
  t.is(await other.get('answer'), undefined);
});

test.serial('cacheable accepts it as its second layer', async t => {
  const cacheRoot = await temporaryRoot(t);
  const first = new Cacheable({ secondary: keyvOf(cacheRoot) });
  await first.set('key', { text: 'value' }, '1h');
  const second = new Cacheable({ secondary: keyvOf(cacheRoot) });
  t.deepEqual(await second.get('key'), { text: 'value' });
  t.true(await second.delete('key'));
  t.is(await new Cacheable({ secondary: keyvOf(cacheRoot) }).get('key'), undefined);
});

test.serial('got serves responses that another process may have fetched, for URLs of any length', async t => {
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    response.setHeader('cache-control', 'public, max-age=3600');
    response.end(JSON.stringify({ request: requests }));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  const cacheRoot = await temporaryRoot(t);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/?long=${'x'.repeat(2000)}`;
  const fetchBy = (cache: unknown) => got(url, { cache: cache as never });
  t.is((await fetchBy(new KeyvOfGot({ store: new KeyvGlovebox({ cacheRoot }) }))).body, '{"request":1}');
  const again = await fetchBy(new KeyvOfGot({ store: new KeyvGlovebox({ cacheRoot }) }));
  t.is(again.body, '{"request":1}');
  t.true(again.isFromCache);
  // As a store by itself, too.
  await fetchBy(new KeyvGlovebox({ cacheRoot, tag: 'got' }));
  t.true((await fetchBy(new KeyvGlovebox({ cacheRoot, tag: 'got' }))).isFromCache);
  t.is(requests, 2);
});
