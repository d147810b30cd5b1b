import path from 'node:path';
import test from 'ava';
import {
  cacheEnvironment,
  defaultCacheRoot,
  expandHome,
  pickEnvironment,
  terminalEnvironment,
} from '../../src/config/environment.ts';

const home = path.resolve('/home/keyboards');
const HOME = { HOME: home, USERPROFILE: home };

test('1, true and yes disable all caches, in any case', t => {
  for (const value of ['1', 'true', 'TRUE', 'yes', 'Yes']) {
    t.deepEqual(cacheEnvironment('layout', { GLOVEBOX_CACHE_DISABLED: value }), { enabled: false });
  }
});

test('any other value neither disables nor enables', t => {
  for (const value of ['', '0', 'false', 'no', 'off', '2', 'yes please']) {
    t.deepEqual(cacheEnvironment('layout', { GLOVEBOX_CACHE_DISABLED: value }), {});
  }
  t.deepEqual(cacheEnvironment('layout', {}), {});
});

test("a tag's own variable disables that tag only", t => {
  const environment = { GLOVEBOX_CACHE_LAYOUT_DISABLED: 'yes' };
  t.deepEqual(cacheEnvironment('layout', environment), { enabled: false });
  t.deepEqual(cacheEnvironment('firmware', environment), {});
});

test("in a variable's name a tag has underscores for dashes and dots", t => {
  const environment = { GLOVEBOX_CACHE_MY_OWN_TAG_DISABLED: '1' };
  t.deepEqual(cacheEnvironment('my-own.tag', environment), { enabled: false });
});

test('GLOVEBOX_CACHE_DIR is the root, made absolute, with ~ as the home directory', t => {
  t.deepEqual(cacheEnvironment('layout', { GLOVEBOX_CACHE_DIR: '/some/where' }), {
    cacheRoot: '/some/where',
  });
  t.deepEqual(cacheEnvironment('layout', { GLOVEBOX_CACHE_DIR: 'here' }), {
    cacheRoot: path.resolve('here'),
  });
  t.is(cacheEnvironment('layout', { GLOVEBOX_CACHE_DIR: '~/c', ...HOME }).cacheRoot, path.join(home, 'c'));
  t.deepEqual(cacheEnvironment('layout', { GLOVEBOX_CACHE_DIR: '' }), {});
});

test("without it the root is glovebox in the platform's cache directory", t => {
  t.is(defaultCacheRoot({ GLOVEBOX_CACHE_DIR: '/some/where' }), '/some/where');
  const root = defaultCacheRoot({});
  t.true(path.isAbsolute(root));
  t.true(root.split(path.sep).includes('glovebox'));
});

test('NO_COLOR and a dumb terminal turn colors off, FORCE_COLOR turns them on', t => {
  t.like(terminalEnvironment({}), { noColor: false, forceColor: false, ci: false, dumb: false });
  t.like(terminalEnvironment({ NO_COLOR: '1', FORCE_COLOR: '1' }), { noColor: true, forceColor: false });
  t.like(terminalEnvironment({ NO_COLOR: '' }), { noColor: false });
  t.like(terminalEnvironment({ FORCE_COLOR: '1' }), { noColor: false, forceColor: true });
  t.like(terminalEnvironment({ FORCE_COLOR: '0' }), { noColor: true, forceColor: false });
  t.like(terminalEnvironment({ TERM: 'dumb' }), { noColor: true, dumb: true });
});

test('CI is on unless it says that it is off', t => {
  t.true(terminalEnvironment({ CI: 'true' }).ci);
  t.true(terminalEnvironment({ CI: 'woodpecker' }).ci);
  t.false(terminalEnvironment({ CI: 'false' }).ci);
  t.false(terminalEnvironment({ CI: '' }).ci);
});

test('only the named variables that are set are picked', t => {
  const environment = { PATH: '/bin', HOME: '', SECRET: 'x' };
  t.deepEqual(pickEnvironment(['PATH', 'HOME', 'TMPDIR'], environment), { PATH: '/bin', HOME: '' });
});

test('only a leading ~/ stands for the home directory', t => {
  t.is(expandHome('~', HOME), home);
  t.is(expandHome('~/a/b', HOME), path.join(home, 'a', 'b'));
  t.is(expandHome('~other/a', HOME), '~other/a');
  t.is(expandHome('a/~/b', HOME), 'a/~/b');
});
