import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { parseDependencyFile } from '../../../src/builder/toolchains/dependency-file.ts';
import { runs } from '../../support/extent.ts';

const cases: [string, string, string[] | undefined][] = [
  ['several prerequisites on a line', 'a.o: a.c b.h\n', ['a.c', 'b.h']],
  ['continued lines', 'a.o: a.c \\\n  b.h \\\r\n\tc.h\n', ['a.c', 'b.h', 'c.h']],
  ['several targets', 'a.o b.o: x.h\n', ['x.h']],
  ['a colon apart from the target', 'a.o : x.h\n', ['x.h']],
  ['several rules, each file once', 'a.o: x.h y.h\nb.o: y.h z.h\n', ['x.h', 'y.h', 'z.h']],
  ['rules without prerequisites', 'a.o: x.h\nx.h:\n', ['x.h']],
  ['a blank in a name', 'a\\ b.o: my\\ keymap.c other.h\n', ['my keymap.c', 'other.h']],
  ['a number sign in a name', 'a.o: c\\#.h\n', ['c#.h']],
  ['a dollar in a name', 'a.o: $$HOME/x$$.h\n', ['$HOME/x$.h']],
  ['a single dollar', 'a.o: x$y\n', ['x$y']],
  ['a colon in a name', 'a.o: c:/x y:z w\\:v\n', ['c:/x', 'y:z', 'w:v']],
  ['an escaped colon in a target', 'c\\:a.o: x\n', ['x']],
  ['backslashes that escape nothing', 'a.o: a\\b c\\\\d\n', ['a\\b', 'c\\\\d']],
  ['backslashes before a blank', 'a.o: a\\\\\\ b c\\\\ d\n', ['a\\ b', 'c\\\\', 'd']],
  ['backslashes before a number sign', 'a.o: a\\\\#b\n', ['a\\#b']],
  ['comments', '# made by hand\na.o: x # not me\n', ['x']],
  ['no line end', 'a.o: x', ['x']],
  ['a target that is a prerequisite too', 'x: x\n', ['x']],
  ['names beyond ASCII', 'a.o: ключ.h \u{1f600}.h\n', ['ключ.h', '\u{1f600}.h']],
  ['an empty file', '', undefined],
  ['only blanks', ' \n\t\n', undefined],
  ['only a comment', '# a.o: x\n', undefined],
  ['no colon', 'a.c b.h\n', undefined],
  ['a line without a colon among others', 'a.o: x\nb.h\n', undefined],
  ['no target', ': x\n', undefined],
  ['no prerequisite at all', 'a.o:\n', undefined],
  ['one that ends in a continued line', 'a.o: x \\\n', undefined],
  ['one that ends in a backslash', 'a.o: x \\', undefined],
  ['a NUL', 'a.o: x\0y\n', undefined],
];

for (const [name, text, expected] of cases) {
  test(expected === undefined ? `${name} says nothing` : `${name} is understood`, t => {
    t.deepEqual(parseDependencyFile(text), expected);
  });
}

test('every name that is escaped as compilers do is read back', t => {
  const name = fc
    .stringMatching(/^[ -~]+$/)
    // A compiler cannot write a name that ends with a backslash or a blank so that every reader gets it back.
    .filter(text => !/\\|^ | $/.test(text));
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 6 }), names => {
      const escaped = names.map(text => text.replace(/[ #]/g, '\\$&').replaceAll('$', '$$$$'));
      t.deepEqual(parseDependencyFile(`out.o: ${escaped.join(' \\\n  ')}\n`), names);
    }),
    { numRuns: runs(60, 300), seed: 3 },
  );
});

test('any text is read without an error', t => {
  const piece = fc.constantFrom(
    'a',
    ':',
    ': ',
    ' ',
    '\\',
    '\\\n',
    '\n',
    '$',
    '$$',
    '#',
    '\r',
    '\t',
    '\u2028',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), pieces => {
      t.notThrows(() => parseDependencyFile(pieces.join('')));
    }),
    { numRuns: runs(200, 1_000), seed: 5 },
  );
});

test("a real compiler's dependency file is understood", async t => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'glovebox-test-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const headers = ['plain.h', 'with space.h', 'hash#.h', 'dollar$.h'];
  for (const header of headers) await writeFile(path.join(directory, header), '\n');
  const source = headers.map(header => `#include "${header}"\n`).join('');
  await writeFile(path.join(directory, 'main.c'), `${source}int main;\n`);
  const zig = path.resolve(import.meta.dirname, '../../../node_modules/.bin/zig');
  execFileSync(zig, ['cc', '-E', 'main.c', '-o', 'main.i', '-MD', '-MF', 'main.d'], {
    cwd: directory,
    env: {
      ...process.env,
      ZIG_GLOBAL_CACHE_DIR: path.join(directory, 'global'),
      ZIG_LOCAL_CACHE_DIR: path.join(directory, 'local'),
    },
  });
  const found = parseDependencyFile(await readFile(path.join(directory, 'main.d'), 'utf8'));
  t.deepEqual(
    found?.map(file => path.basename(file)),
    ['main.c', ...headers],
  );
});
