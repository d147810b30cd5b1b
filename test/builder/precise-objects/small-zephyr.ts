// What `west build` does on the machine of these tests: configures as CMake does, and has the real Ninja and GCC build. It
// makes real objects of the sources in `sources.ts`, a generated header, what is generated of programs after a first link,
// and what is generated of the devicetree without Ninja knowing.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { writeRecords } from '../toolchains/observed/records.ts';
import { compileZmk } from '../toolchains/observed/zmk.ts';
import { parseWestBuild } from '../west-rig/zephyr.ts';
import { generateCmake, generateHeader, parseDevicetree } from './devicetree.ts';
import { SOURCES } from './sources.ts';

/** Builds, or only configures, in the working directory `workspace`; prints what is wrong and returns the exit status. */
export function smallWest(words: readonly string[], workspace: string): number {
  const isOnlyConfigured = words.includes('--cmake-only');
  try {
    const call = parseWestBuild(words, workspace);
    if (existsSync(path.join(call.build, 'CMakeCache.txt'))) throw new Error('There is a build already.');
    configure(call.build, workspace, call.board, call.variables);
    if (!isOnlyConfigured) execFileSync('ninja', ['-C', call.build, '--quiet'], { stdio: 'inherit' });
    return 0;
  } catch (error) {
    console.log((error as Error).message);
    return 1;
  }
}

function configure(
  build: string,
  workspace: string,
  board: string,
  { SHIELD, ZMK_CONFIG = '', ...variables }: Record<string, string>,
): void {
  const compiler = execFileSync('sh', ['-c', 'command -v gcc'], { encoding: 'utf8' }).trim();
  const library = execFileSync(compiler, ['-print-libgcc-file-name'], { encoding: 'utf8' }).trim();
  const { USER_CACHE_DIR: _, ...others } = variables;
  const { records } = compileZmk({ workspace, config: ZMK_CONFIG, board, shield: SHIELD, variables: others });
  records.cache = { ...records.cache, CMAKE_C_COMPILER: compiler };
  records.libraries = [library];
  writeRecords(build, { ...records, sources: [] });
  // Ninja writes it.
  rmSync(path.join(build, '.ninja_deps'));
  const map = readFileSync(path.join(build, 'zephyr/zmk.map'), 'utf8');
  rmSync(path.join(build, 'zephyr/zmk.map'));

  const put = (name: string, content: string) => {
    mkdirSync(path.dirname(path.join(build, name)), { recursive: true });
    writeFileSync(path.join(build, name), content);
  };
  const keymap = records.cache.KEYMAP_FILE!;
  const preprocessed = execFileSync(
    compiler,
    ['-E', '-P', '-undef', '-nostdinc', '-x', 'assembler-with-cpp', `-I${workspace}/zmk/app/dts`, keymap],
    { encoding: 'utf8' },
  );
  const root = parseDevicetree(preprocessed);
  put('zephyr/zephyr.dts.pre', preprocessed);
  put(
    'zephyr/zephyr.dts',
    JSON.stringify(root, (_, value) => (value instanceof Map ? [...value] : value)),
  );
  put('zephyr/edt.pickle', JSON.stringify(root.children.map(({ path: names }) => names)));
  put('zephyr/include/generated/devicetree_generated.h', generateHeader(root));
  put('zephyr/dts.cmake', generateCmake(root));
  const conf = path.join(ZMK_CONFIG, 'corne.conf');
  const settings = existsSync(conf) ? readFileSync(conf, 'utf8') : '';
  const defines = [...settings.matchAll(/^(CONFIG_\w+)=(\w+)$/gm)].map(
    ([, name, value]) => `#define ${name} ${value === 'y' ? 1 : value}\n`,
  );
  put('zephyr/include/generated/autoconf.h', defines.join(''));
  put('CMakeFiles/3.25.1/CMakeCCompiler.cmake', 'set(CMAKE_C_COMPILER_ID "GNU")\n');
  put('CMakeFiles/CMakeOutput.log', `${Math.random()}\n`);
  put('link.map', map);
  writeManifest(build, workspace, compiler, put);
}

/** As Zephyr does where ccache is installed. */
function launcher(): string {
  const found = (process.env.PATH ?? '').split(':').some(folder => existsSync(path.join(folder, 'ccache')));
  return found ? 'ccache ' : '';
}

function writeManifest(
  build: string,
  workspace: string,
  compiler: string,
  put: (name: string, content: string) => void,
): void {
  const escaped = (file: string) => file.replaceAll(/[$ :]/g, '$$$&');
  const quoted = (file: string) => `'${file}'`;
  const generated = `${build}/zephyr/include/generated`;
  const flags = `-O0 -ffreestanding -imacros ${quoted(`${generated}/autoconf.h`)}`;
  const includes = `-I${quoted(`${workspace}/zephyr/include`)} -I${quoted(generated)}`;
  const lines = [
    readFileSync(path.join(build, 'build.ninja'), 'utf8')
      .replace(/^ {2}command = cmake.*$/m, '  command = touch build.ninja regenerated\n  generator = 1')
      .replace(/^build build\.ninja: .*$/m, '$& zephyr/dts.cmake'),
    '',
  ];
  const rule = (name: string, command: string, ...more: string[]) =>
    lines.push(`rule ${name}`, `  command = ${command}`, ...more.map(one => `  ${one}`), '');
  const statement = (text: string, ...more: string[]) =>
    lines.push(`build ${text}`, ...more.map(one => `  ${one}`), '');
  rule(
    'C_COMPILER__app_unscanned_',
    `${launcher()}${compiler} $INCLUDES $FLAGS -MD -MT $out -MF $DEP_FILE -o $out -c $in`,
    'depfile = $DEP_FILE',
    'deps = gcc',
  );
  rule('CUSTOM_COMMAND', '$COMMAND', 'restat = 1');
  rule('C_STATIC_LIBRARY_LINKER__app_', 'rm -f $out && ar qcD $out $in');
  rule('C_EXECUTABLE_LINKER__zephyr_', 'cat $in > $TARGET_FILE && cp link.map zephyr/zmk.map && $POST_BUILD');
  const commands: object[] = [];
  const compile = (object: string, source: string, order = '') => {
    const file = source.startsWith('/') ? source : `${build}/${source}`;
    statement(
      `${object}: C_COMPILER__app_unscanned_ ${escaped(source)}${order}`,
      `DEP_FILE = ${object}.d`,
      `FLAGS = ${flags}`,
      `INCLUDES = ${includes}`,
    );
    const command = `${compiler} ${includes} ${flags} -o ${object} -c ${quoted(file)}`;
    commands.push({ directory: build, command, file });
  };
  const custom = (outputs: string, inputs: string, command: string, ...more: string[]) =>
    statement(`${outputs}: CUSTOM_COMMAND${inputs}`, `COMMAND = cd ${quoted(build)} && ${command}`, ...more);

  const objects = SOURCES.map(name => `CMakeFiles/app.dir/src/${name}.c.obj`);
  for (const [index, name] of SOURCES.entries()) {
    compile(
      objects[index]!,
      `${workspace}/zmk/app/src/${name}.c`,
      ' || zephyr/include/generated/dts_checksum.h',
    );
  }
  const checksum = 'cksum < zephyr/zephyr.dts | sed "s/ .*/U/; s/^/#define DTS_CHECKSUM /"';
  custom(
    'zephyr/include/generated/dts_checksum.h',
    '',
    `${checksum} > zephyr/include/generated/dts_checksum.h`,
  );
  statement(`app/libapp.a: C_STATIC_LIBRARY_LINKER__app_ ${objects.join(' ')}`);
  custom(
    'zephyr/linker.cmd',
    ` ${escaped(`${workspace}/zephyr/linker.ld`)}`,
    `${compiler} -E -P -x c ${includes} -MD -MF linker.d -MT zephyr/linker.cmd -o zephyr/linker.cmd ${quoted(`${workspace}/zephyr/linker.ld`)}`,
    'depfile = linker.d',
  );
  statement(
    'zephyr/zephyr_pre0.elf: C_EXECUTABLE_LINKER__zephyr_ app/libapp.a | zephyr/linker.cmd',
    'TARGET_FILE = zephyr/zephyr_pre0.elf',
    'POST_BUILD = :',
  );
  // Zephyr's reads the pickle beside the program.
  custom(
    'zephyr/dev_handles.c',
    ' zephyr/zephyr_pre0.elf',
    'cat zephyr/zephyr_pre0.elf zephyr/edt.pickle | cksum | sed "s/ .*/U;/; s/^/unsigned handles = /" > zephyr/dev_handles.c',
  );
  compile('zephyr/dev_handles.c.obj', 'zephyr/dev_handles.c');
  statement(
    'zephyr/zmk.elf zephyr/zmk.uf2 zephyr/zmk.hex: C_EXECUTABLE_LINKER__zephyr_ app/libapp.a zephyr/dev_handles.c.obj zephyr/linker.cmd',
    'TARGET_FILE = zephyr/zmk.elf',
    'POST_BUILD = cp zephyr/zmk.elf zephyr/zmk.uf2 && cksum < zephyr/zmk.elf > zephyr/zmk.hex',
  );
  // As CMake writes it: what it reads may be missing.
  statement('zephyr/dts.cmake zephyr/include/generated/autoconf.h: phony');
  statement('all: phony zephyr/zmk.elf');
  lines.push('default all', '');
  put('build.ninja', lines.join('\n'));
  put('compile_commands.json', JSON.stringify(commands));
}

if (process.argv[1] === import.meta.filename) {
  process.exitCode = smallWest(process.argv.slice(2), process.cwd());
}
