import { readFileSync } from 'node:fs';
import test from 'ava';
import { parseDependencyFile } from '../../../../src/builder/toolchains/dependency-file.ts';
import {
  parseCmakeCache,
  parseDotConfig,
  parseQuotedFields,
} from '../../../../src/builder/toolchains/observed/key-values.ts';
import { parseNinjaDeps } from '../../../../src/builder/toolchains/observed/ninja-deps.ts';
import {
  parseCmakeInputs,
  parseCompiledSources,
  parseIncludeDirectories,
} from '../../../../src/builder/toolchains/observed/ninja-manifest.ts';
import { scanKconfig, scanSource } from '../../../../src/builder/toolchains/observed/source-scan.ts';
import { cmakeCache, dependencyFile, ninjaDeps, ninjaManifest } from './records.ts';

// Written by CMake 3.25, Ninja 1.11 and GCC 12 for a small project in /tmp/corne; the two CMake files are shortened.
const fixture = (name: string) => readFileSync(new URL(`./fixtures/${name}`, import.meta.url));

const OBJECTS = {
  'CMakeFiles/zmk.dir/main.c.o': ['/tmp/corne/main.c', '/usr/include/stdc-predef.h', '/tmp/corne/inc/h.h'],
  'CMakeFiles/zmk.dir/second.c.o': [
    '/tmp/corne/second.c',
    '/usr/include/stdc-predef.h',
    '/tmp/corne/inc/h.h',
  ],
};

test('a Ninja log, written in two runs, says what each object was made of', t => {
  const found = parseNinjaDeps(fixture('ninja-1.11.ninja_deps'));
  t.deepEqual(Object.fromEntries(found!), OBJECTS);
});

test('the newest record of an output counts', t => {
  const log = ninjaDeps({ 'a.o': ['/old.h'], 'b.o': ['/b.h'] });
  const newer = ninjaDeps({ 'a.o': ['/old.h', '/b.h'] }).subarray(16);
  // Path records of the second log would have other ids, so only its deps record is used, with the ids of the first.
  const record = Buffer.from(newer.subarray(-24));
  record.writeUInt32LE(0, 4);
  record.writeUInt32LE(3, record.length - 4);
  t.deepEqual(Object.fromEntries(parseNinjaDeps(Buffer.concat([log, record]))!), {
    'a.o': ['/old.h', '/b.h'],
    'b.o': ['/b.h'],
  });
});

test("logs written for tests have Ninja's format", t => {
  t.deepEqual(Object.fromEntries(parseNinjaDeps(ninjaDeps(OBJECTS))!), OBJECTS);
  const name = 'ä/ b.o';
  t.deepEqual(parseNinjaDeps(ninjaDeps({ [name]: ['/x'] }))!.get(name), ['/x']);
});

test('a log that is truncated anywhere but between records proves nothing', t => {
  const log = fixture('ninja-1.11.ninja_deps');
  const ends = recordEnds(log);
  for (let length = 0; length < log.length; length++) {
    const parsed = parseNinjaDeps(log.subarray(0, length));
    t.is(parsed !== undefined, ends.has(length), `${length} bytes`);
  }
});

test('a log of another version, or with an impossible record, proves nothing', t => {
  const damage = (change: (log: Buffer) => void) => {
    const log = Buffer.from(fixture('ninja-1.11.ninja_deps'));
    change(log);
    return parseNinjaDeps(log);
  };
  t.is(
    damage(log => log.writeUInt32LE(3, 12)),
    undefined,
  );
  t.is(
    damage(log => log.write('# ninjadeqs')),
    undefined,
  );
  t.is(
    damage(log => log.writeUInt32LE(0x7fff_fff0, 16)),
    undefined,
  );
  // The checksum of the first path.
  t.is(
    damage(log => log.writeUInt32LE(7, 16 + log.readUInt32LE(16))),
    undefined,
  );
  // A name that is longer than its declared length.
  t.is(
    damage(log => log.writeUInt8(0, 22)),
    undefined,
  );
  const unknown = Buffer.concat([ninjaDeps({ a: ['/b'] }).subarray(0, -4), Buffer.from([9, 0, 0, 0])]);
  t.is(parseNinjaDeps(unknown), undefined);
});

test("CMake's list names every file that it depends on, whatever characters are in its name", t => {
  t.deepEqual(parseCmakeInputs(fixture('cmake-3.25.build.ninja').toString())?.slice(0, 4), [
    '/tmp/corne/CMakeLists.txt',
    '/tmp/corne/config/$x.conf',
    '/tmp/corne/config/my corne.conf',
    '/tmp/corne/extra.cmake',
  ]);
  const names = ['/a b/$c', 'd:e', 'f'];
  t.deepEqual(parseCmakeInputs(ninjaManifest(names)), names);
});

test('joined lines are one list', t => {
  t.deepEqual(parseCmakeInputs('build build.ninja: RERUN_CMAKE | a $\n    b\nbuild c: phony\n'), ['a', 'b']);
});

test('a missing list, an empty one, and two lists prove nothing', t => {
  const one = ninjaManifest(['/a']);
  t.is(parseCmakeInputs('build a: phony b\n'), undefined);
  t.is(parseCmakeInputs('# build build.ninja: RERUN_CMAKE | a\n'), undefined);
  t.is(parseCmakeInputs('build build.ninja: RERUN_CMAKE\n'), undefined);
  t.is(parseCmakeInputs(one + one), undefined);
});

test("the preprocessor's dependency file has several names on a line", t => {
  const expected = [
    'empty.c',
    '/tmp/corne/board.dts',
    '/tmp/corne/config/my corne.keymap',
    '/tmp/corne/inc/x.dtsi',
    '/tmp/corne/config/y.dtsi',
  ];
  t.deepEqual(parseDependencyFile(fixture('gcc-12.dts.pre.d').toString()), expected);
  t.is(dependencyFile('empty.o', expected), fixture('gcc-12.dts.pre.d').toString());
});

test("CMake's variables keep colons, equal signs and semicolons in their values", t => {
  const cache = parseCmakeCache(fixture('cmake-3.25.CMakeCache.txt').toString());
  t.is(cache.get('SHIELD'), 'corne_left nice_view_adapter');
  t.is(cache.get('ZMK_CONFIG'), '/tmp/corne/config');
  t.is(cache.get('CMAKE_HOME_DIRECTORY'), '/tmp/corne');
  t.is(cache.get('CMAKE_CACHEFILE_DIR'), '/tmp/corne/build');
  t.is(parseCmakeCache(cmakeCache({ X: '-DA=1;b:c' })).get('X'), '-DA=1;b:c');
  t.is(parseCmakeCache("X:STRING=' a '\n").get('X'), ' a ');
});

test("Kconfig's strings lose their quotes and backslashes", t => {
  const config = parseDotConfig(
    'CONFIG_BOARD="nice_nano"\nCONFIG_BT=y\n# CONFIG_USB is not set\nCONFIG_N="a\\"b"\n',
  );
  t.deepEqual(
    [...config],
    [
      ['CONFIG_BOARD', 'nice_nano'],
      ['CONFIG_N', 'a"b'],
    ],
  );
});

test("Zephyr's lists of modules and roots are quoted parts", t => {
  t.deepEqual(parseQuotedFields('"zmk":"/w/zmk":"/w/zmk/app"\n"x":"/y":""\n'), [
    ['zmk', '/w/zmk', '/w/zmk/app'],
    ['x', '/y', ''],
  ]);
});

/** The offsets at which records end. */
function recordEnds(log: Buffer): Set<number> {
  const ends = new Set([16]);
  for (let at = 16; at < log.length; ) {
    at += 4 + (log.readUInt32LE(at) & 0x7fff_ffff);
    ends.add(at);
  }
  return ends;
}

// As written by CMake 3.25.
const COMPILED = [
  'build CMakeFiles/x.dir/a_b/main.c.o: C_COMPILER__x_ /tmp/cm/a$ b/main.c || cmake_object_order_depends_target_x',
  '  FLAGS = -Os -iquote "/tmp/cm/a b" -idirafter/tmp/cm/sys -I/tmp/cm/plain -imacros /tmp/cm/autoconf.h',
  `  INCLUDES = -I"/tmp/cm/a b" -I"/tmp/cm/c\\$$d" -I"/tmp/cm/e'f" -isystem /tmp/cm/sys -Irelative`,
  'build CMakeFiles/x.dir/boot.S.obj: ASM_COMPILER__x_unscanned_ boot.S',
  '  INCLUDES = -I/tmp/cm/plain',
  'build x: C_EXECUTABLE_LINKER__x_ CMakeFiles/x.dir/a_b/main.c.o',
  '  LINK_FLAGS = -I/not/a/directory/of/headers',
  '',
].join('\n');

test('compiled sources and header directories are read as CMake writes them', t => {
  t.deepEqual(parseCompiledSources(COMPILED), ['/tmp/cm/a b/main.c', 'boot.S']);
  t.deepEqual(parseIncludeDirectories(COMPILED).sort(), [
    '/tmp/cm/a b',
    '/tmp/cm/c$d',
    "/tmp/cm/e'f",
    '/tmp/cm/plain',
    '/tmp/cm/sys',
    'relative',
  ]);
});

test('files that tools other than the preprocessor include are found by their names, where these are literal', t => {
  const of = (text: string, isAssembler = false) => {
    const { taken, isUntraceable, uncertainty: doubt } = scanSource(text, isAssembler);
    return [taken, isUntraceable, doubt];
  };
  t.deepEqual(of('/include/ "x.dtsi"'), [['x.dtsi'], false, 'contents']);
  t.deepEqual(of('data = /incbin/("logo.bin", 0, 4);'), [['logo.bin'], false, 'contents']);
  t.deepEqual(of('__asm__(".incbin \\"a.bin\\"\\n");'), [['a.bin'], false, 'contents']);
  t.deepEqual(of('.incbin "a.bin"', true), [['a.bin'], false, 'contents']);
  t.deepEqual(of('.include "a.inc"', true), [['a.inc'], false, 'contents']);
  t.deepEqual(of('#embed <a.bin>'), [['a.bin'], false, 'contents']);
  t.deepEqual(of('#if __has_embed("a.bin")'), [['a.bin'], false, 'contents']);
  // Names that a macro makes.
  t.deepEqual(of('__asm__(".incbin " FILE "\\n");'), [[], true, 'contents']);
  t.deepEqual(of('.incbin FILE', true), [[], true, 'contents']);
  t.deepEqual(of('#embed FILE'), [[], true, 'contents']);
  // Words in comments and in names.
  t.deepEqual(of('// layer 4 is for embed commands'), [[], false, 'contents']);
  t.deepEqual(of('/* data = /incbin/(LOGO); */'), [[], false, 'contents']);
  t.deepEqual(of('#include "my.include/embedded.h"'), [[], false, undefined]);
});

test('optional sources and the arguments of programs are read from a Kconfig file', t => {
  const text = 'osource "../../x/Kconfig"\nrsource "plain/Kconfig"\nrsource "a/*/Kconfig"\n';
  t.deepEqual(scanKconfig(text), {
    optional: ['../../x/Kconfig', 'a/*/Kconfig'],
    arguments: [],
    uncertainty: 'names',
  });
  const shell = 'config A\n  default $(shell,cat ../../keys.txt)\n';
  t.deepEqual(scanKconfig(shell), {
    optional: [],
    arguments: ['../../keys.txt'],
    uncertainty: 'contents',
  });
  t.is(scanKconfig('source "Kconfig.zephyr"\n').uncertainty, undefined);
});
