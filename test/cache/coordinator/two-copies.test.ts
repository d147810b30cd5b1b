// Two copies of the library in one thread, as two versions in one node_modules would be: the published one and the
// sources.
import test from 'ava';
import * as sources from '../../../src/index.ts';
import { publishedLibrary } from '../../support/published.ts';
import { temporaryRoot } from '../../support/temporary.ts';

test("both copies work, and see each other's entries", async t => {
  const cacheRoot = await temporaryRoot(t);
  const published = await publishedLibrary();
  t.not(published.createDefaultCache, sources.createDefaultCache);
  const one = sources.createDefaultCache({ cacheRoot, tag: 'copies' });
  const other = published.createDefaultCache({ cacheRoot, tag: 'copies' });
  t.teardown(() => Promise.all([one.close(), other.close()]));
  t.true(await one.set('key', 'from one'));
  t.is(await other.get('key'), 'from one');
  t.true(await other.set('key', 'from the other'));
  t.is((await one.metadata('key'))?.kind, 'value');
  t.is(await one.get('key'), 'from the other');
});
