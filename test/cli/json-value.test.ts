import test from 'ava';
import { toJsonValue } from '../../src/cli/terminal/json-value.ts';

test('values without a JSON form are shown in the nearest one', t => {
  const value = {
    date: new Date(0),
    big: 2n ** 70n,
    map: new Map<unknown, unknown>([['a', new Set([1, 2n])]]),
    bytes: Buffer.from('hi'),
    view: new Uint16Array([1]),
    error: new TypeError('no'),
    pattern: /x/g,
    missing: undefined,
    list: [undefined, null, 0, ''],
  };
  t.deepEqual(JSON.parse(JSON.stringify(toJsonValue(value))), {
    date: '1970-01-01T00:00:00.000Z',
    big: '1180591620717411303424',
    map: [['a', [1, '2']]],
    bytes: 'aGk=',
    view: 'AQA=',
    error: { name: 'TypeError', message: 'no' },
    pattern: '/x/g',
    missing: null,
    list: [null, null, 0, ''],
  });
});

test('a cycle ends, and a repeated value is not a cycle', t => {
  const shared = { x: 1 };
  const value: Record<string, unknown> = { one: shared, two: shared };
  value.self = value;
  t.deepEqual(toJsonValue(value), { one: { x: 1 }, two: { x: 1 }, self: '[circular]' });
});
