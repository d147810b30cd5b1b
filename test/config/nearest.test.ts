import test from 'ava';
import { didYouMean, nearestWord } from '../../src/config/nearest.ts';

const FIELDS = ['directory', 'enabled', 'maxSize', 'policy', 'ttl', 'jobs'];

test('a slip finds the word that was meant', t => {
  t.is(nearestWord('maxsize', FIELDS), 'maxSize');
  t.is(nearestWord('max_size', FIELDS), 'maxSize');
  t.is(nearestWord('jbos', FIELDS), 'jobs');
  t.is(nearestWord('tll', FIELDS), 'ttl');
  t.is(nearestWord('dirctory', FIELDS), 'directory');
  t.is(nearestWord('enable', FIELDS), 'enabled');
});

test('a word that is like none of them finds nothing', t => {
  t.is(nearestWord('color', FIELDS), undefined);
  t.is(nearestWord('', FIELDS), undefined);
  t.is(nearestWord('jobs', []), undefined);
  t.is(nearestWord('x'.repeat(100_000), FIELDS), undefined);
});

test('of two the nearer one is found, of two equals the first', t => {
  t.is(nearestWord('build', ['built', 'build']), 'build');
  t.is(nearestWord('buil', ['built', 'build']), 'built');
});

test('the hint is a sentence to put behind another', t => {
  t.is(didYouMean('jbos', FIELDS), " Did you mean 'jobs'?");
  t.is(didYouMean('color', FIELDS), '');
});
