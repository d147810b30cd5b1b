// Preprocessing of each text into the tokens beside it; where GCC is on the machine, it agrees on all of them.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { readLines } from '../../../src/keymap/preprocessor/lexer.ts';
import { type Preprocessed, preprocess } from '../../../src/keymap/preprocessor/preprocess.ts';
import { HOME, SourceFiles } from '../../../src/keymap/preprocessor/source-files.ts';
import { makeDirectory, removeDirectory } from '../../support/temporary.ts';
import { hasGcc, NO_GCC, preprocessedByGcc } from './gcc.ts';

let home: string;
/** Include directories, in this order. */
let directories: string[];

const FILES: Readonly<Record<string, string>> = {
  'beside.h': '#define BESIDE here\n',
  'guarded.h': '#ifndef GUARDED\n#define GUARDED\nonce\n#endif\n',
  'pragma.h': '#pragma once\nonce\n',
  'deep/outer.h': '#include "inner.h"\n#include "../beside.h"\n',
  'deep/inner.h': 'inner\n',
  'a/both.h': 'from a\n#include_next <both.h>\n',
  'b/both.h': 'from b\n',
  'b/only.h': '#include "near.h"\n',
  'b/near.h': 'near\n',
  'unbalanced.h': 'F(1\n',
};

test.before(async () => {
  home = await makeDirectory();
  directories = ['a', 'b'].map(name => path.join(home, name));
  for (const [name, text] of Object.entries(FILES)) {
    await mkdir(path.dirname(path.join(home, name)), { recursive: true });
    await writeFile(path.join(home, name), text);
  }
});
test.after.always(() => removeDirectory(home));

async function preprocessed(text: string): Promise<Preprocessed> {
  const name = path.join(home, 'x.keymap');
  const files = new SourceFiles({ home, searchDirectories: directories });
  return preprocess({ name, text, isSystem: false, place: { directory: HOME, path: 'x.keymap' } }, files);
}

/** The tokens of a text, separated by one blank. */
function tokensOf(text: string): string {
  return readLines({ name: '', text, isSystem: false })
    .flat()
    .map(token => token.text)
    .join(' ');
}

const CASES: [about: string, text: string, tokens: string][] = [
  // Object-like macros
  ['a macro stands for its body', '#define A &kp Q\nA A', '& kp Q & kp Q'],
  ['a body is read again', '#define A B\n#define B C\nA', 'C'],
  ['a name in its own expansion stays', '#define A A B\nA', 'A B'],
  ['a name in a cycle of expansions stays', '#define A B x\n#define B A y\nA B', 'A y x B x y'],
  ['a body may be empty', '#define A\nx A y', 'x y'],
  ['names in strings are not macros', '#define A B\n"A" \'A\' A', '"A" \'A\' B'],
  ['a later definition replaces an earlier one', '#define A 1\nA\n#undef A\nA\n#define A 2\nA', '1 A 2'],
  ['parts of names are not macros', '#define A B\nAA A_ A1 A-A', 'AA A_ A1 B - B'],
  ['a bracket after a blank belongs to the body', '#define A (x) x\nA', '( x ) x'],
  // Function-like macros
  ['parameters become arguments', '#define F(a, b) b a\nF(1, 2 3)', '2 3 1'],
  ['without brackets the name stays', '#define F(a) a\nF F (1) F', 'F 1 F'],
  ['arguments may span lines', '#define F(a, b) [a b]\nF(1,\n  2\n)', '[ 1 2 ]'],
  [
    'commas in brackets part nothing',
    '#define F(a) <a>\nF((1, 2)) F((x, (y, z)))',
    '< ( 1 , 2 ) > < ( x , ( y , z ) ) >',
  ],
  ['arguments may be empty', '#define F(a, b) [a|b]\nF(,) F(1,) F(,2)', '[ | ] [ 1 | ] [ | 2 ]'],
  ['there may be no arguments', '#define F() x\nF() F( )', 'x x'],
  ['macros are expanded in arguments', '#define A 1\n#define F(a) a a\nF(A F(A))', '1 1 1 1 1 1'],
  [
    'a name may be the argument of itself',
    '#define F(a) <a>\nF(F)(1) F(F(F(2)))',
    '< F > ( 1 ) < < < 2 > > >',
  ],
  ['a macro may expand to the name of another', '#define F(a) <a>\n#define G F\nG(1) G (2)', '< 1 > < 2 >'],
  [
    'a macro may expand to a name and some of its arguments',
    '#define F(a, b) <a b>\n#define G F(1,\nG 2)',
    '< 1 2 >',
  ],
  [
    'a macro may be an argument to be called',
    '#define K(a) &kp a\n#define R(f) f(A) f(B)\nR(K)',
    '& kp A & kp B',
  ],
  // After C11 6.10.3.5, which defines the names that stay.
  [
    'expansions and what follows them',
    '#define x 3\n#define f(a) f(x * (a))\n#undef x\n#define x 2\n#define g f\n#define z z[0]\n#define h g(~\n#define m(a) a(w)\n#define w 0,1\n#define t(a) a\ng(x+(3,4)-w) | h 5) & m\n(f)^m(m);\nt(t(g)(0) + t)(1);',
    'f ( 2 * ( 2 + ( 3 , 4 ) - 0 , 1 ) ) | f ( 2 * ( ~ 5 ) ) & f ( 2 * ( 0 , 1 ) ) ^ m ( 0 , 1 ) ; f ( 2 * ( 0 ) ) + t ( 1 ) ;',
  ],
  [
    'a macro whose call reaches beyond it is free again',
    '#define F(a, b) <a b G>\n#define G F(1,\n#define H G 2) x\nG 2) x H',
    '< 1 2 F ( 1 , > x < 1 2 F ( 1 , > x',
  ],
  ['a chain of two', '#define f(a) a*g\n#define g(a) f(a)\nf(2)(9)', '2 * 9 * g'],
  // # and ##
  ['# makes a string', '#define S(a) #a\nS( x  y ) S("q\\n" \'c\') S()', '"x y" "\\"q\\\\n\\" \'c\'" ""'],
  [
    'of what is written, or of what that stands for',
    '#define S(a) #a\n#define T(a) S(a)\n#define A b\nS(A) T(A)',
    '"A" "b"',
  ],
  ['# before anything else stays', '#define N(c) #binding-cells = <c>;\nN(2)', '# binding - cells = < 2 > ;'],
  ['## joins', '#define P(a, b) a##b x ## b\nP(L, GUI)', 'LGUI xGUI'],
  ['the joined token is expanded again', '#define P(a, b) a##b\n#define AB done\nP(A, B)', 'done'],
  [
    'arguments of ## are as written',
    '#define P(a, b) a##b\n#define Q(a, b) P(a, b)\n#define A 1\nP(A, A) Q(A, A)',
    'AA 11',
  ],
  ['## with nothing', '#define P(a, b) [a##b]\nP(,) P(x,) P(,y)', '[ ] [ x ] [ y ]'],
  ['## that cannot join', '#define V(x) RGB##(x)\nV(1)', 'RGB ( 1 )'],
  ['## in an object-like macro', '#define J a ## b\n#define H # ## #\nJ', 'ab'],
  ['several ## in a row', '#define P(a, b, c) a##b##c\nP(x, y, z) P(1,,2)', 'xyz 12'],
  // Variable arguments
  ['...', '#define V(...) <__VA_ARGS__>\nV() V(1) V(1, 2)', '< > < 1 > < 1 , 2 >'],
  ['... behind a parameter', '#define V(a, ...) a:__VA_ARGS__\nV(1) V(1, 2, 3)', '1 : 1 : 2 , 3'],
  ['a name for them', '#define V(a, rest...) rest a\nV(1, 2, 3)', '2 , 3 1'],
  [', ##', '#define V(a, ...) (a, ## __VA_ARGS__)\nV(1) V(1, 2) V(1,)', '( 1 ) ( 1 , 2 ) ( 1 , )'],
  [', ## alone', '#define V(...) (x, ## __VA_ARGS__)\nV() V(1)', '( x ) ( x , 1 )'],
  [
    '__VA_OPT__',
    '#define V(a, ...) a __VA_OPT__(= <__VA_ARGS__>);\nV(x) V(x,) V(x, 1, 2)',
    'x ; x ; x = < 1 , 2 > ;',
  ],
  ['__VA_OPT__ with ##', '#define V(a, ...) a##__VA_OPT__(b) __VA_OPT__(a##x)\nV(q) V(q, 1)', 'q qb qx'],
  ['# of all', '#define S(...) #__VA_ARGS__\nS(a,  b)', '"a, b"'],
  // Lines, comments, quotes
  ['a backslash joins lines', '#define A x \\\n  y\nA l\\\nong \\\n z', 'x y long z'],
  ['a blank after the backslash changes nothing', '#define A x \\ \n  y\nA', 'x y'],
  ['comments are blanks', 'a/* b\n c */d // e\nf', 'a d f'],
  ['a comment in a directive', '#define A x /* y\n z */ w // v\nA', 'x w'],
  ['a comment over lines joins them', '#define A x /*\n*/ y\nA', 'x y'],
  ['no comment in a string', '"/* a" "// b"', '"/* a" "// b"'],
  ['a lone quote takes the rest of its line', "#define A B\ndon't A\nA", "don 't A B"],
  ['comments in arguments', '#define F(a, b) a b\nF(1 /* , */, 2 // )\n)', '1 2'],
  ['an empty directive is nothing', 'a\n#\n# // x\nb', 'a b'],
  [
    'a line that is not a directive stays',
    '#binding-cells = <1>;\n # sensor\n#12',
    '# binding - cells = < 1 > ; # sensor # 12',
  ],
  ['signs without a meaning stay', '$ @ ` ~ ? \\ é', '$ @ ` ~ ? \\ é'],
  ['letters that are not ASCII stay, up to the end of their line', 'é ä\n#define A 1\nA ü', 'é ä 1 ü'],
  ['numbers may have letters', '#define x Y\n0x1F 1e-3x 12ms .5 x', '0x1F 1e-3x 12ms .5 Y'],
  // Conditions
  ['#ifdef', '#define A\n#ifdef A\n1\n#else\n2\n#endif\n#ifndef A\n3\n#else\n4\n#endif', '1 4'],
  ['#elif', '#define A 2\n#if A == 1\n1\n#elif A == 2\n2\n#elif A == 2\n3\n#else\n4\n#endif', '2'],
  ['#elifdef', '#define B\n#ifdef A\n1\n#elifdef B\n2\n#endif\n#ifdef A\n3\n#elifndef A\n4\n#endif', '2 4'],
  ['nested', '#if 0\n# if 1\n1\n# else\n2\n# endif\n#else\n# if 1\n3\n# endif\n#endif', '3'],
  ['skipped text is not parsed', '#if 0\n#elsewhere\n#if ((\n#endif\n#define A 1\n#endif\nA', 'A'],
  ['unknown names are 0', '#if A\n1\n#elif !A && A == 0\n2\n#endif', '2'],
  ['precedence', '#if 1 + 2 * 3 == 7 && (1 | 2 ^ 3 & 1) == 3 && 1 << 2 + 1 == 8 && !0 == 1\n1\n#endif', '1'],
  [
    'signs',
    '#if -1 < 0 && -1 > 0u && ~0 == -1 && -7 / 2 == -3 && -7 % 2 == -1 && -1 >> 1 == -1\n1\n#endif',
    '1',
  ],
  ['numbers', '#if 0x10 == 16 && 010 == 8 && 0b11 == 3 && 1UL == 1 && 10ull == 10\n1\n#endif', '1'],
  ['64 bits', '#if 0x7fffffffffffffff + 1 < 0 && 0xffffffffffffffff == -1 && 1 << 63 < 0\n1\n#endif', '1'],
  [
    'characters',
    "#if 'A' == 65 && '\\n' == 10 && '\\x41' == 'A' && '\\101' == 'A' && 'ab' == 24930\n1\n#endif",
    '1',
  ],
  ['?:', '#if 0 ? 1 : 2 ? 3 : 0\n1\n#endif\n#if (1 ? 0 : 1)\n2\n#endif', '1'],
  ['division by zero where it does not matter', '#if 0 && 1 / 0\n1\n#elif 1 || 1 / 0\n2\n#endif', '2'],
  ['defined', '#define A B\n#if defined A && defined(A) && !defined B\n1\n#endif', '1'],
  [
    'defined out of a macro',
    '#define KEEP\n#define KEPT(n) !(defined(NOT_##n) || (defined(KEEP) && !defined(OMIT_##n)))\n#if KEPT(X)\n1\n#else\n2\n#endif',
    '2',
  ],
  ['macros in conditions', '#define N(a) a + 1\n#define A N(1)\n#if A == 2\n1\n#endif', '1'],
  ['a macro in a condition that goes on over lines', '#if 1 \\\n  && 0\n1\n#else\n2\n#endif', '2'],
  // Includes
  ['beside the file', '#include "beside.h"\nBESIDE', 'here'],
  ['and beside the included file', '#include "deep/outer.h"\nBESIDE', 'inner here'],
  ['in the directories, in their order', '#include <both.h>', 'from a from b'],
  ['in quotes also there', '#include "only.h"', 'near'],
  [
    'a name out of a macro',
    '#define H <only.h>\n#define Q "beside.h"\n#include H\n#include Q\nBESIDE',
    'near here',
  ],
  ['guards', '#include "guarded.h"\n#include "guarded.h"\nx', 'once x'],
  ['#pragma once', '#include "pragma.h"\n#include "pragma.h"\nx', 'once x'],
  ['#import', '#import "beside.h"\nBESIDE', 'here'],
  [
    '__has_include',
    '#if __has_include("beside.h") && __has_include(<only.h>) && !__has_include(<beside.h>)\n1\n#endif\n#ifdef __has_include\n2\n#endif',
    '1 2',
  ],
  // Directives among arguments
  [
    'conditions among arguments',
    '#define F(a, b) <a b>\n#define A\nF(1,\n#ifdef A\n2\n#else\n3\n#endif\n)',
    '< 1 2 >',
  ],
  ['definitions among arguments', '#define F(a) <a>\nF(\n#define A 1\nA\n#undef A\n) A', '< A > A'],
  ['a name at the end of a line before a directive', '#define F(a) <a>\nF\n#define A\n(1)', 'F ( 1 )'],
  // Predefined macros
  [
    'names of their own',
    '__DTS__ __ASSEMBLER__ __STDC__ __LINE__\n__LINE__ __COUNTER__ __COUNTER__ linux',
    '1 1 1 1 2 0 1 linux',
  ],
];

for (const [about, text, tokens] of CASES) {
  test(`${about}: ${text.replaceAll('\n', ' | ').slice(0, 100)}`, async t => {
    const { tokens: found, problems, missing } = await preprocessed(text);
    t.deepEqual([problems, missing], [[], []]);
    t.is(found.flatMap(token => tokensOf(token.text)).join(' '), tokens);
  });
}

test('GCC agrees on each of these texts', async t => {
  if (!hasGcc) {
    t.log(NO_GCC);
    t.pass();
    return;
  }
  const files = CASES.map((_, index) => path.join(home, `case-${index}.keymap`));
  await Promise.all(files.map((file, index) => writeFile(file, CASES[index]![1])));
  const texts = preprocessedByGcc(home, files, directories);
  for (const [index, [about, , tokens]] of CASES.entries()) {
    t.is(tokensOf(texts[index] ?? 'an error'), tokens, about);
  }
});

const WRONG: [about: string, text: string, message: RegExp, line: number][] = [
  ['too few arguments', '#define F(a, b) a\n\nF(1)', /^the macro F takes 2 arguments, but has 1 here$/, 3],
  ['too many', '#define F(a) a\nF(1, 2)', /^the macro F takes 1 argument, but has 2 here$/, 2],
  [
    'too few before the variable ones',
    '#define F(a, b, ...) a\nF(1)',
    /takes at least 2 arguments, but has 1 here/,
    2,
  ],
  [
    'arguments without an end',
    '#define F(a) a\nx F(1',
    /^the arguments of F are not closed: '\)' is missing$/,
    2,
  ],
  ['arguments that go on in another file', '#define F(a) a\n#include "unbalanced.h"\n)', /are not closed/, 1],
  ['an expression without an end', '#if 1 +\n#endif', /^#if: the expression is incomplete$/, 1],
  ['an expression with too much', '#if 1 2\n#endif', /^#if: '2' is unexpected in the expression$/, 1],
  ['no expression', '\n#if\n#endif', /^#if: the expression is missing$/, 2],
  ['a division by zero', '#if 1 / 0\n#endif', /divides by zero/, 1],
  ['an invalid number', '#if 1.5\n#endif', /'1\.5' is not an integer/, 1],
  ['#else twice', '#if 1\n#else\n#else\n#endif', /^#else after #else$/, 3],
  ['a definition without a name', '#define 1', /^#define without a macro name$/, 1],
  ['invalid parameters', '#define F(1) x', /^the parameters of F are not a list of names/, 1],
  ['an include of nothing', '#include', /^#include without "a file" or <a file>$/, 1],
  ['#error', '#error out of order', /^#error: out of order$/, 1],
];
for (const [about, text, message, line] of WRONG) {
  test(`${about} is a mistake with its place: ${text.replaceAll('\n', ' | ')}`, async t => {
    const { problems } = await preprocessed(text);
    t.regex(problems[0]?.message ?? '', message);
    t.is(problems[0]!.place.line, line);
  });
}

test('a missing include is reported with its place, and the rest is read', async t => {
  const { tokens, missing } = await preprocessed('a\n#include <no/such.h>\nb');
  t.is(tokens.map(({ text }) => text).join(' '), 'a b');
  t.like(missing, [{ name: 'no/such.h', place: { line: 2, column: 1 } }]);
});

test('a name that was looked for in vain is reported, with those that were found before and after it', async t => {
  const files = new SourceFiles({ home, searchDirectories: directories });
  const text = '#include "only.h"\n';
  await preprocess({ name: 'x', text, isSystem: false, place: { directory: HOME, path: 'x' } }, files);
  t.deepEqual(
    files.lookups().map(({ directory, path: way, hash }) => [directory, way, hash !== null]),
    [
      [HOME, 'only.h', false],
      [0, 'only.h', false],
      [1, 'near.h', true],
      [1, 'only.h', true],
    ],
  );
});
