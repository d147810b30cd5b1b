import test from 'ava';
import {
  isCompile,
  madeOf,
  mayReadDevicetree,
  parseBuildGraph,
} from '../../../../../src/builder/toolchains/zephyr/precise/build-graph.ts';

// As CMake writes it.
const MANIFEST = `# CMAKE generated file: DO NOT EDIT!
include CMakeFiles/rules.ninja

build app/libapp.a: C_STATIC_LIBRARY_LINKER__app_ a.dir/a.c.obj a.dir/b$ c.c.obj || cmake_order
  LINK_FLAGS = -x
build a.dir/a.c.obj: C_COMPILER__app_unscanned_ /w/a.c | gen/list.h || gen/late.h
  FLAGS = -O2
build a.dir/b$ c.c.obj: C_COMPILER__app_unscanned_ /w/b.c
build gen/list.h | \${cmake_ninja_workdir}gen/list.h: CUSTOM_COMMAND /w/gen.py
  COMMAND = cd /b && python3 /z/scripts/build/gen_syscalls.py --out gen/list.h
build zephyr/pre.elf zephyr/pre.map: C_EXECUTABLE_LINKER__zephyr_ e.obj | app/libapp.a
build zephyr/handles.c | \${cmake_ninja_workdir}zephyr/handles.c: CUSTOM_COMMAND zephyr/./pre.elf
  COMMAND = cd /b && python3 /z/scripts/build/gen_handles.py
`;

const edges = parseBuildGraph(MANIFEST, '/b')!;
const none = new Map<string, string[]>();

test('statements are read with escaped names, implicit inputs, and without order-only ones', t => {
  t.deepEqual(edges[0], {
    rule: 'C_STATIC_LIBRARY_LINKER__app_',
    outputs: ['app/libapp.a'],
    inputs: ['a.dir/a.c.obj', 'a.dir/b c.c.obj'],
    command: undefined,
  });
  t.deepEqual(edges[1]!.inputs, ['/w/a.c', 'gen/list.h']);
  t.deepEqual(edges[3]!.outputs, ['gen/list.h']);
  t.deepEqual(edges[5]!.inputs, ['zephyr/pre.elf']);
  t.is(edges.filter(isCompile).length, 2);
});

test('a file of the build directory has one name, however it is spelled', t => {
  const [edge] = parseBuildGraph('build /b/x/../a.o: R /b/./a.c /other/a.h\n', '/b')!;
  t.deepEqual([edge!.outputs, edge!.inputs], [['a.o'], ['a.c', '/other/a.h']]);
});

test('a manifest of an unknown form is rejected', t => {
  t.is(parseBuildGraph('build a\n', '/b'), undefined);
  t.is(parseBuildGraph('build a: R b\nsubninja other.ninja\n', '/b'), undefined);
  t.is(parseBuildGraph('', '/b'), undefined);
});

test('a change remakes everything that depends on it, up to the firmware', t => {
  t.deepEqual([...madeOf(edges, none, ['a.dir/a.c.obj'])].sort(), [
    'a.dir/a.c.obj',
    'app/libapp.a',
    'zephyr/handles.c',
    'zephyr/pre.elf',
    'zephyr/pre.map',
  ]);
});

test('files that compilers reported as read count as dependencies as well', t => {
  const read = new Map([['a.dir/b c.c.obj', ['gen/list.h']]]);
  t.true(madeOf(edges, read, ['gen/list.h']).has('a.dir/b c.c.obj'));
  t.false(madeOf(edges, none, ['gen/list.h']).has('a.dir/b c.c.obj'));
});

test('a command counts as reading the devicetree unless it is known not to', t => {
  const command = (text: string) => ({ rule: 'CUSTOM_COMMAND', outputs: ['o'], inputs: [], command: text });
  t.false(mayReadDevicetree(command('cd /b && python3 /z/scripts/build/gen_syscalls.py --x')));
  t.false(mayReadDevicetree(command('cd /b && /usr/bin/cmake -E echo')));
  t.true(mayReadDevicetree(command('cd /b && /usr/bin/cmake -E echo && python3 other.py')));
  t.true(mayReadDevicetree(command('cd /b && python3 /z/gen_syscalls.py --dts zephyr/zephyr.dts')));
  t.true(mayReadDevicetree(command('cd /b && arm-none-eabi-gcc -E linker.ld')));
  t.false(mayReadDevicetree({ rule: 'C_COMPILER__a_', outputs: [], inputs: [], command: undefined }));
});
