import test from 'ava';
import { describeError, UsageError } from '../../src/cli/errors.ts';
import { didYouMean } from '../../src/config/closest-match.ts';
import { GloveboxError } from '../../src/errors.ts';

test('an expected error is its message, without a stack', t => {
  t.is(describeError(new GloveboxError('X', 'The disk is full.')), 'error: The disk is full.');
  t.is(describeError(new UsageError('No.\nNot like this.')), 'error: No.\nNot like this.');
});

test('a system limit is reported with the remedy, wherever it was hit', t => {
  const error = Object.assign(new Error('EMFILE: too many open files'), {
    code: 'EMFILE',
    syscall: 'scandir',
  });
  t.regex(describeError(error), /^error: Too many files are open\. Raise the limit \(ulimit -n\)/);
});

test('a bug is its stack, and a request to report it', t => {
  const text = describeError(new TypeError('x is undefined'));
  t.regex(text, /^error: this is a bug in glovebox, please report it/);
  t.regex(text, /TypeError: x is undefined\n\s+at .*errors\.test\.ts/);
  t.regex(describeError('a string'), /a string$/);
});

test('file content in an error cannot control the terminal', t => {
  t.is(
    describeError(new GloveboxError('X', "'\u001b[2Jboard\u0007' is unknown")),
    "error: 'board ' is unknown",
  );
});

test('a suggestion is a sentence of its own, or empty', t => {
  t.is(didYouMean('frimware', ['layout', 'firmware']), " Did you mean 'firmware'?");
  t.is(didYouMean('keyboard', ['layout', 'firmware']), '');
});
