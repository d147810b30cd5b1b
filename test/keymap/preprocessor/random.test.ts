// Random macro definitions and uses, compared with GCC. The seed is fixed: GCC's behaviour where the standard leaves it
// open (such as `, ## __VA_ARGS__ ## x`) is not imitated in every corner, and a test must not depend on luck.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { readLines } from '../../../src/keymap/preprocessor/lexer.ts';
import { preprocess } from '../../../src/keymap/preprocessor/preprocess.ts';
import { SourceFiles } from '../../../src/keymap/preprocessor/source-files.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { hasGcc, NO_GCC, preprocessedByGcc } from './gcc.ts';

const SEED = 20_240_611;
const TEXTS = 120;

const joined = (parts: fc.Arbitrary<string>, maxLength: number, between = ' ') =>
  fc.array(parts, { maxLength }).map(list => list.join(between));

/** Something that may stand in a body or a line; `own` are the parameters. */
function pieces(own: readonly string[]): fc.Arbitrary<string> {
  const plain = [
    '&kp',
    'LC(z)',
    '1',
    '-',
    '(x)',
    '"s"',
    "'c'",
    'a-b',
    '<',
    '>',
    '0x1F',
    'A',
    'B',
    'C',
    'F',
    'G',
    'V',
  ];
  return fc.letrec<{ piece: string; call: string }>(tie => ({
    piece: fc.oneof({ maxDepth: 4 }, fc.constantFrom(...plain, ...own, ...own), tie('call')),
    call: fc
      .tuple(fc.constantFrom('F', 'G', 'V', 'W'), fc.array(joined(tie('piece'), 3), { maxLength: 3 }))
      .map(([name, args]) => `${name}(${args.join(',')})`),
  })).piece;
}

function body(own: readonly string[]): fc.Arbitrary<string> {
  const special = own.flatMap(name => [`#${name}`, `x##${name}`, `${name} ## y`, `${name}##${own[0]}`]);
  const variable = own.includes('__VA_ARGS__') ? ['__VA_OPT__(&kp __VA_ARGS__)', '(1, ##__VA_ARGS__)'] : [];
  const more = [...special, ...variable].filter(text => !text.includes('##__VA_ARGS__##'));
  return joined(more.length === 0 ? pieces(own) : fc.oneof(pieces(own), fc.constantFrom(...more)), 5);
}

const definition = fc.oneof(
  fc.tuple(fc.constantFrom('A', 'B', 'C'), body([])).map(([name, text]) => `#define ${name} ${text}`),
  fc
    .tuple(fc.constantFrom('F', 'G'), body(['a', 'b']))
    .map(([name, text]) => `#define ${name}(a, b) ${text}`),
  body(['a', '__VA_ARGS__']).map(text => `#define V(a, ...) ${text}`),
  body(['__VA_ARGS__']).map(text => `#define W(...) ${text}`),
  fc.constantFrom('#undef A', '#undef F'),
);

const condition = fc.letrec<{ value: string }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('0', '1', '2', '0x10', '3u', "'a'", '-1', 'A', 'B', 'defined A', 'defined(F)'),
    fc.tuple(fc.constantFrom('!', '-', '~'), tie('value')).map(([sign, value]) => `${sign}(${value})`),
    fc
      .tuple(
        tie('value'),
        fc.constantFrom(...'+ - * << >> < > <= >= == != & | ^ && ||'.split(' ')),
        tie('value'),
      )
      .map(([a, operator, b]) => `(${a}) ${operator} (${b})`),
    fc.tuple(tie('value'), tie('value'), tie('value')).map(([a, b, c]) => `(${a}) ? (${b}) : (${c})`),
  ),
})).value;

const line = fc.oneof(
  { weight: 3, arbitrary: definition },
  { weight: 4, arbitrary: joined(pieces([]), 5) },
  { weight: 1, arbitrary: condition.map(text => `#if ${text}\nyes\n#else\nno\n#endif`) },
  { weight: 1, arbitrary: fc.tuple(pieces([]), pieces([])).map(([a, b]) => `F(${a},\n#define C 1\n${b})`) },
);

test('random macros and conditions are expanded as by GCC', async t => {
  if (!hasGcc) {
    t.log(NO_GCC);
    t.pass();
    return;
  }
  const place = await temporaryDirectory(t);
  const texts = fc.sample(joined(line, 12, '\n'), { seed: SEED, numRuns: TEXTS }).map(text => `${text}\n`);
  const files = texts.map((_, index) => path.join(place, `${index}.keymap`));
  await Promise.all(files.map((file, index) => writeFile(file, texts[index]!)));
  let compared = 0;
  for (const [index, expected] of preprocessedByGcc(place, files).entries()) {
    const text = texts[index]!;
    const { tokens, problems } = await preprocess({ name: '', text, isSystem: false }, new SourceFiles());
    t.is(problems.length > 0, expected === undefined, text);
    if (expected === undefined) continue;
    const own = tokens.flatMap(token => readLines({ name: '', text: token.text, isSystem: false }).flat());
    const gcc = readLines({ name: '', text: expected, isSystem: false }).flat();
    t.is(own.map(token => token.text).join(' '), gcc.map(token => token.text).join(' '), text);
    compared++;
  }
  t.true(compared > TEXTS / 3, `${compared} of ${TEXTS} were compared`);
});
