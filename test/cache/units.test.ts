import test from 'ava';
import fc from 'fast-check';
import { MAX_DURATION_MS, parseDuration, parseSize } from '../../src/cache/units.ts';
import { InvalidArgumentError } from '../../src/errors.ts';

const SECOND = 1000;
const DAY = 24 * 60 * 60 * SECOND;

test('a time is milliseconds, or a number with a unit', t => {
  t.is(parseDuration(1500), 1500);
  t.is(parseDuration('1500'), 1500);
  t.is(parseDuration('250ms'), 250);
  t.is(parseDuration('90s'), 90 * SECOND);
  t.is(parseDuration('5 minutes'), 300 * SECOND);
  t.is(parseDuration('1h'), 3600 * SECOND);
  t.is(parseDuration('1.5h'), 5400 * SECOND);
  t.is(parseDuration('7d'), 7 * DAY);
  t.is(parseDuration('2w'), 14 * DAY);
});

test("'never' is null, not a number", t => {
  t.is(parseDuration('never'), null);
});

test('an invalid time is refused, with the value and the allowed forms in the message', t => {
  const wrong = [0, -1, Number.NaN, Infinity, -Infinity, MAX_DURATION_MS * 2];
  const text = [
    '',
    '0',
    '0s',
    '-5s',
    'soon',
    '5 parsecs',
    '1h30m',
    'Infinity',
    '1e400',
    'NaN',
    '2000y',
    '9'.repeat(200),
  ];
  for (const value of [...wrong, ...text]) {
    const error = t.throws(
      () => parseDuration(value, 'cache.ttl'),
      { instanceOf: InvalidArgumentError },
      `${value}`,
    );
    t.is(error.code, 'GLOVEBOX_INVALID_ARGUMENT');
    t.true(error.message.startsWith('cache.ttl is '), error.message);
    t.regex(error.message, /'7d'.*'never'/);
  }
  t.regex(t.throws(() => parseDuration('5 parsecs')).message, /"5 parsecs"/);
});

test('values of the wrong type are refused as times and as sizes', t => {
  for (const value of [null, undefined, true, {}, [1], 5n, new Date()] as unknown as number[]) {
    t.throws(() => parseDuration(value), { instanceOf: InvalidArgumentError });
    t.throws(() => parseSize(value), { instanceOf: InvalidArgumentError });
  }
});

test('any positive number of seconds means the same as a thousand times as many milliseconds', t => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 ** 9 }), seconds => {
      t.is(parseDuration(`${seconds}s`), parseDuration(seconds * SECOND));
      t.is(parseDuration(`${seconds} s`), seconds * SECOND);
    }),
  );
});

test('every text gives a positive finite time, null for never, or the typed error', t => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.double().map(String),
        fc.stringMatching(/^-?\d{1,9}(\.\d)? ?(ms|s|m|h|d|w|y)$/),
      ),
      text => {
        try {
          const duration = parseDuration(text);
          t.true(duration === null ? text === 'never' : duration > 0 && Number.isFinite(duration));
        } catch (error) {
          t.true(error instanceof InvalidArgumentError);
        }
      },
    ),
  );
  t.pass();
});

test('a size is bytes, or a number with a unit in powers of 1024', t => {
  t.is(parseSize(1), 1);
  t.is(parseSize('4096'), 4096);
  t.is(parseSize('100B'), 100);
  t.is(parseSize('512KB'), 512 * 1024);
  t.is(parseSize('500MB'), 500 * 1024 ** 2);
  t.is(parseSize('2GB'), 2 * 1024 ** 3);
  t.is(parseSize('1TB'), 1024 ** 4);
  t.is(parseSize('1.5 gb'), 1.5 * 1024 ** 3);
  t.is(parseSize('3KiB'), 3 * 1024);
  t.is(parseSize('3MiB'), 3 * 1024 ** 2);
  t.is(parseSize('3 GiB'), 3 * 1024 ** 3);
  t.is(parseSize('3TiB'), 3 * 1024 ** 4);
});

test('an invalid size is refused, with the value and the allowed forms in the message', t => {
  const wrong = [0, -1, 1.5, Number.NaN, Infinity, 2 ** 53];
  const text = [
    '',
    '0',
    '0GB',
    '-1MB',
    '0.5B',
    'big',
    '2GBx',
    '12 parsecs',
    '1e9',
    'GB',
    '99999999TB',
    '0x10',
  ];
  for (const value of [...wrong, ...text]) {
    const error = t.throws(
      () => parseSize(value, 'maxSize'),
      { instanceOf: InvalidArgumentError },
      `${value}`,
    );
    t.true(error.message.startsWith('maxSize is '), error.message);
    t.regex(error.message, /'2GB'/);
  }
});

test('every unit means the same in either spelling and any case', t => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8000 }), fc.constantFrom('K', 'M', 'G', 'T'), (count, prefix) => {
      const size = count * 1024 ** ('KMGT'.indexOf(prefix) + 1);
      for (const unit of [`${prefix}B`, `${prefix}iB`, `${prefix}B`.toLowerCase()]) {
        t.is(parseSize(`${count}${unit}`), size);
      }
    }),
  );
});

test('every text gives a positive whole size or the typed error', t => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^-?\d{1,20}(\.\d{1,3})? ?([kKmMgGtT]i?[bB]|b)?$/)),
      text => {
        try {
          t.true(Number.isSafeInteger(parseSize(text)) && parseSize(text) > 0);
        } catch (error) {
          t.true(error instanceof InvalidArgumentError);
        }
      },
    ),
  );
  t.pass();
});
