import test from 'ava';
import fc from 'fast-check';
import { LAST_LINES, MAX_LINE_LENGTH, OutputLines } from '../../src/system/output-lines.ts';
import { runs } from '../support/extent.ts';

function split(...chunks: (string | Uint8Array)[]): { lines: string[]; last: string[] } {
  const lines: string[] = [];
  const output = new OutputLines(line => lines.push(line));
  for (const chunk of chunks) output.push(Buffer.from(chunk));
  output.end();
  return { lines, last: output.last };
}

test('lines end with \\n or \\r\\n, and the last one needs no end', t => {
  t.deepEqual(split('a\nb\r\n\nc').lines, ['a', 'b', '', 'c']);
  t.deepEqual(split('a\n').lines, ['a']);
  t.deepEqual(split('').lines, []);
  t.deepEqual(split('\r\n\r\n').lines, ['', '']);
});

test('progress is reported as it comes, and only its last state is among the last lines', t => {
  const { lines, last } = split('start\n', '10%\r50%\r', '100%\n', 'done\n');
  t.deepEqual(lines, ['start', '10%', '50%', '100%', 'done']);
  t.deepEqual(last, ['start', '100%', 'done']);
});

test('a \\r\\n that is split in two ends one line', t => {
  const { lines, last } = split('a\r', '\nb\r', '\n');
  t.deepEqual(lines, ['a', 'b']);
  t.deepEqual(last, ['a', 'b']);
});

test('only the last lines are kept', t => {
  const { last } = split(Array.from({ length: 100 }, (_, index) => `${index}\n`).join(''));
  t.is(last.length, LAST_LINES);
  t.is(last.at(-1), '99');
});

test('a line without an end is cut, and the text after it is not', t => {
  const { lines } = split('x'.repeat(MAX_LINE_LENGTH), 'x'.repeat(1_000_000), '\nnext\n');
  t.deepEqual(lines, [`${'x'.repeat(MAX_LINE_LENGTH)}…`, 'next']);
  t.deepEqual(split('y'.repeat(MAX_LINE_LENGTH)).lines, ['y'.repeat(MAX_LINE_LENGTH)]);
});

test('a character that is split in two arrives whole', t => {
  const [first, second] = [Buffer.from('€').subarray(0, 1), Buffer.from('€').subarray(1)];
  t.deepEqual(split(first, second, '\n').lines, ['€']);
});

test('chunk boundaries make no difference', t => {
  const piece = fc.oneof(
    fc.constantFrom('\r', '\n', '\r\n', 'ab', '€', '\u{1f600}'),
    fc.uint8Array({ maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(piece), fc.array(fc.nat(5)), (pieces, cuts) => {
      const whole = Buffer.concat(pieces.map(piece => Buffer.from(piece)));
      const chunks: Buffer[] = [];
      let at = 0;
      for (const cut of cuts) {
        chunks.push(whole.subarray(at, at + cut));
        at += cut;
      }
      chunks.push(whole.subarray(at));
      t.deepEqual(split(...chunks), split(whole));
    }),
    { numRuns: runs(60, 300), seed: 1 },
  );
});
