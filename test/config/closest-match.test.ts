import test from 'ava';
import { closestMatch, didYouMean } from '../../src/config/closest-match.ts';

const FIELDS = ['directory', 'enabled', 'maxSize', 'policy', 'ttl', 'jobs'];

test('a typo finds the intended word', t => {
  t.is(closestMatch('maxsize', FIELDS), 'maxSize');
  t.is(closestMatch('max_size', FIELDS), 'maxSize');
  t.is(closestMatch('jbos', FIELDS), 'jobs');
  t.is(closestMatch('tll', FIELDS), 'ttl');
  t.is(closestMatch('dirctory', FIELDS), 'directory');
  t.is(closestMatch('enable', FIELDS), 'enabled');
});

test('a word unlike all of them finds nothing', t => {
  t.is(closestMatch('color', FIELDS), undefined);
  t.is(closestMatch('', FIELDS), undefined);
  t.is(closestMatch('jobs', []), undefined);
  t.is(closestMatch('x'.repeat(100_000), FIELDS), undefined);
});

test('of two candidates the nearer one is found, of two equals the first', t => {
  t.is(closestMatch('build', ['built', 'build']), 'build');
  t.is(closestMatch('buil', ['built', 'build']), 'built');
});

test('the hint is a sentence that can follow another', t => {
  t.is(didYouMean('jbos', FIELDS), " Did you mean 'jobs'?");
  t.is(didYouMean('color', FIELDS), '');
});
