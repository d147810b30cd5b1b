// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what a shell replaces.
import { execFileSync } from 'node:child_process';
import test from 'ava';
import fc from 'fast-check';
import { ToolchainError } from '../../../../src/builder/toolchains/index.ts';
import { splitShellWords } from '../../../../src/builder/toolchains/zephyr/shell-words.ts';

const split = (text: string) => splitShellWords(text, 'cmake-args');

const cases: [text: string, words: string[]][] = [
  ['', []],
  ['  \t\n ', []],
  ['-DA=1 -DB=2', ['-DA=1', '-DB=2']],
  [' -DA=1\n\t-DB=2\r\n', ['-DA=1', '-DB=2']],
  [`-DCONFIG_X='a b' -DY="c d"`, ['-DCONFIG_X=a b', '-DY=c d']],
  [`-D"X"'='y`, ['-DX=y']],
  [`'' "" a''b`, ['', '', 'ab']],
  [String.raw`a\ b \'c\' \"`, ['a b', "'c'", '"']],
  [String.raw`"a\"b" "\\" "\n" "\$x" '\'`, ['a"b', '\\', '\\n', '$x', '\\']],
  ['a\\\nb "c\\\nd"', ['ab', 'cd']],
  ["'$HOME `x`'", ['$HOME `x`']],
  // The beginnings of another command, a pattern or a comment are text.
  ['-DL=a;b *.c #c a|b >x (y) ~', ['-DL=a;b', '*.c', '#c', 'a|b', '>x', '(y)', '~']],
  ['a$ "b$" 1$% é\u00a0ü', ['a$', 'b$', '1$%', 'é\u00a0ü']],
];
for (const [text, words] of cases) {
  test(`a text is split into words: ${JSON.stringify(text)}`, t => {
    t.deepEqual(split(text), words);
  });
}

test('a known variable expands to its value, which is never more than one word', t => {
  const variables = { HERE: '/my $HOME/"x" y' };
  t.deepEqual(splitShellWords('a$HERE/b "${HERE}" \'$HERE\' \\$HERE', 'x', variables), [
    `a${variables.HERE}/b`,
    variables.HERE,
    '$HERE',
    '$HERE',
  ]);
  t.throws(() => splitShellWords('$HERES', 'x', variables), { instanceOf: ToolchainError });
});

const refused: [text: string, why: RegExp][] = [
  [`-DA='b c`, /a ' is not closed/],
  ['-DA="b c', /a " is not closed/],
  ['"a\\"', /a " is not closed/],
  ['a\\', /nothing after the last \\/],
  ['-DA=$HOME/x', /'\$HOME' is something that only a shell replaces/],
  ['"$\u007bGITHUB_WORKSPACE}/x"', /'\$\{GITHUB_WORKSPACE\}' is something/],
  ['-DA=$(nproc)', /'\$\(nproc\)' is something/],
  ['"`id`"', /'`id`' is something/],
  ['$1', /'\$1' is something/],
  ['$\\\nHOME', /'\$HOME' is something/],
  [`$'a\\n'`, /'\$'' is something/],
];
for (const [text, why] of refused) {
  test(`a text is refused with the reason and the whole text: ${JSON.stringify(text)}`, t => {
    const error = t.throws(() => split(text), { instanceOf: ToolchainError, code: 'GLOVEBOX_TOOLCHAIN' });
    t.regex(error?.message ?? '', why);
    t.true(error?.message.startsWith('cmake-args cannot be split into words'));
    t.true(error?.message.endsWith(text));
  });
}

test('a real shell splits every text without operators in the same way', t => {
  // Everything that has a meaning inside of a word, and nothing that ends a command or expands.
  const piece = fc.constantFrom(
    'a',
    'B',
    '=',
    ' ',
    '\t',
    "'",
    '"',
    '\\',
    '\\"',
    '\\\n',
    '-D',
    ';x',
    'é',
    '$',
    '\\$',
  );
  const texts: string[] = [];
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
      texts.push(pieces.join(''));
    }),
    { numRuns: 400, seed: 20_261_122 },
  );
  // Except texts that only this parser accepts: a shell ends a command at an unquoted `;`.
  const accepted = texts.flatMap(text => {
    try {
      return [{ text, words: split(text) }];
    } catch {
      return [];
    }
  });
  const comparable = accepted.filter(({ text }) => !text.includes(';'));
  t.true(comparable.length > 100);
  const script = comparable.map(({ text }) => `printf '<%s>' ${text}\necho '|'`).join('\n');
  const output = execFileSync('sh', ['-c', script], { encoding: 'utf8', maxBuffer: 1 << 24 });
  const expected = comparable
    .map(({ words }) => `${words.length === 0 ? '<>' : words.map(word => `<${word}>`).join('')}|\n`)
    .join('');
  t.is(output, expected);
});

test('any text is either split or refused', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      try {
        split(text);
      } catch (error) {
        if (!(error instanceof ToolchainError)) throw error;
      }
    }),
    { numRuns: 500, seed: 7 },
  );
  t.pass();
});
