// A model of `west build` for the tests' workspaces: it reads arguments and environment as west, CMake and Zephyr do,
// with their known good and bad behaviour. The firmware is a function of everything that was read and of nothing else.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { programFile } from '../../support/program-file.ts';
import { writeRecords } from '../toolchains/observed/records.ts';
import { compilerVariables, linkedLibraries, toolContents } from '../toolchains/observed/tools.ts';
import { compileZmk, ZmkError } from '../toolchains/observed/zmk.ts';

/** The request of one `west build`. */
export interface WestCall {
  build: string;
  board: string;
  snippets: string[];
  /** The arguments after `--`: `-DNAME=value`. */
  variables: Record<string, string>;
}

/** Variables that CMake, Zephyr, Kconfig, the compiler or ccache read, and that change the firmware. */
const READ =
  /^(?:(?:C|CXX|CPP|LD|AS)FLAGS|KCONFIG_.*|CMAKE_(?!BUILD_PARALLEL_LEVEL).*|BOARD|SHIELD|ZMK_CONFIG|EXTRA_.*|ZEPHYR_(?!BASE).*|Zephyr_ROOT|GNUARMEMB_.*|CROSS_COMPILE|TOOLCHAIN_ROOT|CCACHE_BASEDIR|LD_LIBRARY_PATH|PYTHONPATH)$/;

/**
 * Parses the words after `west`, as west and CMake do in the working directory `cwd`. Throws {@link ZmkError} for words
 * that the real ones do not know.
 */
export function parseWestBuild(words: readonly string[], cwd: string): WestCall {
  const call = {
    build: path.join(cwd, 'build'),
    board: '',
    snippets: [] as string[],
    variables: {} as Record<string, string>,
  };
  const [command, ...rest] = words;
  if (command !== 'build') throw new ZmkError(`west: unknown command "${command}"`);
  const end = rest.indexOf('--');
  const own = (end < 0 ? rest : rest.slice(0, end)).filter(word => word !== '--cmake-only');
  for (let at = 0; at < own.length; at += 2) {
    const value = own[at + 1];
    if (value === undefined)
      throw new ZmkError(`west build: error: argument ${own[at]}: expected one argument`);
    if (own[at] === '-d') call.build = path.resolve(cwd, value);
    else if (own[at] === '-b') call.board = value;
    else if (own[at] === '-S') call.snippets.push(value);
    else if (own[at] !== '-s') throw new ZmkError(`west: unrecognized arguments: ${own[at]}`);
    else if (!existsSync(path.resolve(cwd, value, 'CMakeLists.txt'))) {
      throw new ZmkError(`ERROR: source directory ${value} does not contain a CMakeLists.txt`);
    }
  }
  for (const word of end < 0 ? [] : rest.slice(end + 1)) {
    const [, name, value] = /^-D([^=:]+)(?::[A-Z]+)?=(.*)$/s.exec(word) ?? [];
    if (name === undefined) throw new ZmkError(`CMake Error: Unknown argument ${word}`);
    call.variables[name] = value!;
  }
  return call;
}

/**
 * Builds in the working directory `workspace`, also if it is only to configure: `cmake --build` then finds nothing to do.
 * Prints the output of the real programs, and returns the exit status. */
export function westBuild(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  workspace: string,
  print: (line: string) => void,
): number {
  try {
    if (!existsSync(path.join(workspace, '.west/config'))) {
      throw new ZmkError('west: unknown command "build"; do you need to run this inside a workspace?');
    }
    rememberZephyr(environment, workspace);
    const call = parseWestBuild(words, workspace);
    if (existsSync(path.join(call.build, 'CMakeCache.txt'))) {
      // Whatever has changed, the old firmware stays.
      print('ninja: no work to do.');
      return 0;
    }
    print(`-- Board: ${call.board}`);
    make(call, environment, workspace);
    print('Memory region         Used Size  Region Size  %age Used');
    return 0;
  } catch (error) {
    if (!(error instanceof ZmkError)) throw error;
    print(error.message);
    print('FATAL ERROR: command exited with status 1');
    return 1;
  }
}

function make(
  { build, board, snippets, variables }: WestCall,
  environment: Readonly<Record<string, string | undefined>>,
  workspace: string,
): void {
  const {
    SHIELD,
    ZMK_CONFIG = environment.ZMK_CONFIG ?? '',
    ZMK_EXTRA_MODULES,
    USER_CACHE_DIR,
    ...others
  } = variables;
  const zephyr = environment.ZEPHYR_BASE ?? path.join(workspace, 'zephyr');
  const { firmware, records } = compileZmk({
    ...{ workspace, config: ZMK_CONFIG, board, shield: SHIELD },
    ...(ZMK_EXTRA_MODULES === undefined ? {} : { modules: ZMK_EXTRA_MODULES.split(';') }),
    variables: others,
  });
  const tools = path.join(path.dirname(workspace), 'tools');
  const read = Object.keys(environment).filter(name => READ.test(name));
  const parts = [
    firmware,
    ...snippets,
    ...read.sort().map(name => `${name}=${environment[name]}`),
    readFileSync(path.join(workspace, 'zmk/app/src/main.c'), 'utf8'),
    readFileSync(path.join(zephyr, 'include/kernel.h'), 'utf8'),
    path.relative(workspace, zephyr),
    describe(zephyr),
    settings(environment),
    facts(environment, zephyr, USER_CACHE_DIR, tools),
    toolContents(tools),
  ];
  const bytes = createHash('sha256').update(parts.join('\0')).digest('hex');
  writeBytecode(environment, zephyr);

  const compiler = programFile('arm-none-eabi-gcc', environment.PATH);
  records.cache = { ...records.cache, ...compilerVariables(tools), CMAKE_C_COMPILER: compiler };
  records.libraries = linkedLibraries(tools);
  writeRecords(build, records);
  const fragments = records.cmake
    .filter(file => /\.conf$/.test(file))
    .map(file => readFileSync(file, 'utf8'));
  const output = path.join(build, 'zephyr');
  const put = (name: string, content: string) => writeFileSync(path.join(output, name), content);
  const name = fragments.some(text => text.includes('CONFIG_KERNEL_BIN_NAME="zephyr"')) ? 'zephyr' : 'zmk';
  if (!fragments.some(text => text.includes('CONFIG_BUILD_OUTPUT_UF2=n'))) put(`${name}.uf2`, `UF2 ${bytes}`);
  put(`${name}.hex`, `:${bytes}`);
  put(`${name}.bin`, bytes);
  // Debug information contains the paths.
  put(`${name}.elf`, `ELF ${bytes} ${build} ${ZMK_CONFIG}`);
  put('zephyr.dts', `/dts-v1/; ${bytes}`);
  // A real build directory has as many absolute links that lead out of it.
  const links = path.join(build, 'zephyr/misc/generated/syscalls_links');
  mkdirSync(links, { recursive: true });
  symlinkSync(path.join(zephyr, 'include'), path.join(links, 'include'));
  symlinkSync('/', path.join(links, 'root'));
}

/** West records the place of Zephyr when it first builds in a workspace. */
function rememberZephyr(environment: Readonly<Record<string, string | undefined>>, workspace: string): void {
  const file = environment.WEST_CONFIG_LOCAL ?? path.join(workspace, '.west/config');
  const settings = readFileSync(file, 'utf8');
  if (/^\[zephyr\]\nbase = /m.test(settings)) return;
  // It is read as Python's configparser reads it.
  if (/^\[zephyr\]/m.test(settings)) throw new ZmkError(`west: section 'zephyr' already exists in ${file}`);
  appendFileSync(file, '\n[zephyr]\nbase = zephyr\n');
}

/** A string that is baked into the firmware. */
function describe(zephyr: string): string {
  const head = untagged(path.join(zephyr, '.git'));
  if (head !== undefined) return `${head.slice(0, 12)}\n`;
  return execFileSync('git', ['describe', '--abbrev=12', '--always'], { cwd: zephyr, encoding: 'utf8' });
}

/** The commit that is checked out where git has nothing else to describe: there are no tags. */
function untagged(repository: string): string | undefined {
  try {
    if (readdirSync(path.join(repository, 'refs/tags')).length > 0) return undefined;
    if (existsSync(path.join(repository, 'packed-refs'))) return undefined;
    const head = readFileSync(path.join(repository, 'HEAD'), 'latin1').trim();
    return /^[0-9a-f]{40}$/.test(head) ? head : undefined;
  } catch {
    return undefined;
  }
}

/** The user's configuration of west, which may contain arguments for CMake. */
function settings({ WEST_CONFIG_GLOBAL, HOME = '' }: Readonly<Record<string, string | undefined>>): string {
  const file = WEST_CONFIG_GLOBAL ?? path.join(HOME, '.westconfig');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Compiler capabilities are detected once, and trusted from then on. */
function facts(
  environment: Readonly<Record<string, string | undefined>>,
  zephyr: string,
  userCache: string | undefined,
  tools: string,
): string {
  const { HOME = '' } = environment;
  const shared = existsSync(path.join(HOME, '.cache'))
    ? path.join(HOME, '.cache/zephyr')
    : path.join(zephyr, '.cache');
  const directory = path.join(userCache ?? shared, 'ToolchainCapabilityDatabase');
  const file = path.join(directory, 'a1b2c3');
  if (!existsSync(file)) {
    mkdirSync(directory, { recursive: true });
    // It is a script, and contains its output.
    const script = readFileSync(programFile('arm-none-eabi-gcc', environment.PATH), 'utf8');
    writeFileSync(file, `${script}${toolContents(tools)}`);
  }
  return readFileSync(file, 'utf8');
}

function writeBytecode(environment: Readonly<Record<string, string | undefined>>, zephyr: string): void {
  if (environment.PYTHONDONTWRITEBYTECODE) return;
  const directory = path.join(zephyr, 'scripts/__pycache__');
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, 'edtlib.cpython-311.pyc'), '');
}
