// A small ZMK and Zephyr. It finds boards, shields, keymaps and configuration as the real ones do, preprocesses the
// devicetree, and makes "firmware" that is a function of everything it has read and of nothing else. It leaves the
// records of the real tools in its build directory. It was written from the behaviour of the real build and shares no
// code with the readers of these records, because cached results are compared with it.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { isFile, preprocess, textOf, ZmkError } from './preprocessor.ts';
import { writeRecords } from './records.ts';

export { ZmkError } from './preprocessor.ts';

export interface ZmkBuild {
  /** The directory that holds `zmk` and `zephyr`. */
  workspace: string;
  /** `ZMK_CONFIG`. */
  config: string;
  board: string;
  shield?: string | undefined;
  /** `ZMK_EXTRA_MODULES`. */
  modules?: readonly string[];
  /** Further variables for CMake. */
  variables?: Record<string, string>;
  /** The compiler. Default: one about which nothing is known. */
  compiler?: ZmkCompiler | undefined;
}

/** The output for one source, and the files that were read for it. */
export type CompileObject = (
  source: string,
  include: readonly string[],
) => { object: string; read: string[] };

/** A compiler, with the records that a build makes of it. */
export interface ZmkCompiler {
  compile: CompileObject;
  /** For `CMakeCache.txt`. */
  variables: Record<string, string>;
  libraries: string[];
  /** Everything that its parts add to each firmware. */
  contents: string;
}

/** The result of a build: its firmware, and the files that it read. */
export interface Built {
  firmware: string;
  records: Parameters<typeof writeRecords>[1];
}

/** The commands of a module's list file that are supported here. */
const SOURCES = /zephyr_library_sources\((\S+)\)/g;
const INCLUDES = /zephyr_include_directories\((\S+)\)/g;
const READ = /file\(READ (\S+) /g;

/** Builds, and writes firmware and records to `build`. */
export function buildZmk(options: ZmkBuild, build: string): string {
  const { firmware, records } = compileZmk(options);
  writeRecords(build, records);
  mkdirSync(path.join(build, 'zephyr'), { recursive: true });
  writeFileSync(path.join(build, 'zephyr/zmk.uf2'), firmware);
  writeFileSync(path.join(build, 'zephyr/zephyr.dts'), firmware);
  // The real build does so over a hundred times.
  symlinkSync(options.config, path.join(build, 'zephyr/sources'));
  return firmware;
}

/** Builds without writing anything. Throws {@link ZmkError}. */
export function compileZmk(options: ZmkBuild): Built {
  return new Compile(options).run();
}

class Compile {
  readonly #options: ZmkBuild;
  readonly #application: string;
  readonly #content: string[] = [];
  readonly #cmake: string[] = [];
  readonly #kconfig: string[] = [];
  readonly #devicetree: string[] = [];
  readonly #objects: Record<string, string[]> = {};
  readonly #sources: string[] = [];
  readonly #includes: string[] = [];
  readonly #roots: [string, string][] = [];

  constructor(options: ZmkBuild) {
    this.#options = options;
    this.#application = path.join(options.workspace, 'zmk/app');
  }

  run(): Built {
    const { config, board, shield, modules = [], workspace, variables = {} } = this.#options;
    const application = this.#application;
    const zephyr = path.join(workspace, 'zephyr');
    for (const module of modules) this.#module(module);
    const rootsOf = (kind: string) => this.#roots.filter(([name]) => name === kind).map(([, root]) => root);
    const boardRoots = [...rootsOf('BOARD_ROOT'), application];
    const dtsRoots = [...rootsOf('DTS_ROOT'), application];
    for (const file of ['CMakeLists.txt', 'keymap-module/modules/modules.cmake']) {
      this.#list(path.join(application, file));
    }
    if (existsSync(path.join(config, 'boards'))) boardRoots.push(config);
    if (existsSync(path.join(config, 'dts'))) dtsRoots.push(config);
    boardRoots.push(zephyr);

    const shields = shield?.split(' ') ?? [];
    const found = findShields(boardRoots);
    const shieldDirectories = shields.map(name => {
      const directory = found.get(name);
      if (!directory) throw new ZmkError(`No shield named '${name}' found`);
      return directory;
    });
    const boardDirectory = findBoard(boardRoots, board);
    const keymap = this.#findKeymap(shields, shieldDirectories, boardDirectory);

    const overlays: string[] = [];
    const fragments = [path.join(boardDirectory, `${board}_defconfig`), path.join(application, 'prj.conf')];
    shields.forEach((name, index) => {
      const directory = shieldDirectories[index]!;
      overlays.push(path.join(directory, `${name}.overlay`), path.join(directory, `boards/${board}.overlay`));
      fragments.push(path.join(directory, `${name}.conf`), path.join(directory, `boards/${board}.conf`));
    });
    const { overlay, conf } = this.#candidates(shields, shieldDirectories, boardDirectory);
    const first = overlay.find(file => existsSync(file));
    if (first) overlays.push(first);

    const allDts = [...dtsRoots, boardDirectory, ...shieldDirectories, zephyr].map(root =>
      realpathSync(root),
    );
    const include = [...new Set(allDts)]
      .flatMap(root => ['include', 'dts/common', 'dts'].map(folder => path.join(root, folder)))
      .filter(folder => existsSync(folder))
      .map(folder => realpathSync(folder));
    const sources = [path.join(boardDirectory, `${board}.dts`), ...overlays, keymap];
    for (const file of sources) {
      if (file === sources[0] || existsSync(file)) this.#preprocess(file, include);
    }
    for (const root of allDts) this.#bindings(path.join(root, 'dts/bindings'));
    for (const file of [...fragments, ...conf, ...(variables.EXTRA_CONF_FILE?.split(';') ?? [])]) {
      if (existsSync(file)) this.#list(file);
    }
    this.#source(path.join(application, 'Kconfig'));
    for (const root of boardRoots) this.#sourceShields(root);
    for (const module of modules) this.#compileModule(module);
    const { compiler } = this.#options;
    this.#content.push(compiler?.contents ?? '');

    const hash = createHash('sha256');
    for (const part of [board, shield ?? '', JSON.stringify(variables), ...this.#content]) {
      hash.update(`${part.length}:${part}`);
    }
    const sourceFile = path.join(application, 'src/main.c');
    const kernel = path.join(zephyr, 'include/kernel.h');
    return {
      firmware: `firmware ${hash.digest('hex')}`,
      records: {
        application,
        cache: {
          BOARD: board,
          CACHED_BOARD: board,
          BOARD_DIR: boardDirectory,
          ...boardDirectories(boardRoots, boardDirectory, board),
          ...(shield === undefined ? {} : { SHIELD: shield, CACHED_SHIELD: shield }),
          ZMK_CONFIG: config,
          CACHED_ZMK_CONFIG: config,
          KEYMAP_FILE: keymap,
          ZEPHYR_BASE: zephyr,
          ...(modules.length > 0 ? { ZMK_EXTRA_MODULES: modules.join(';') } : {}),
          ...compiler?.variables,
          ...variables,
        },
        config: [`CONFIG_BOARD="${board}"`, 'CONFIG_ZMK_KEYBOARD_NAME="Corne"', 'CONFIG_BT=y'],
        devicetree: this.#devicetree,
        cmake: this.#cmake,
        kconfig: this.#kconfig,
        objects: { 'CMakeFiles/app.dir/src/main.c.obj': [sourceFile, kernel], ...this.#objects },
        sources: [sourceFile, ...this.#sources],
        includes: this.#includes,
        libraries: compiler?.libraries ?? [],
        modules: modules.map((module): [string, string] => [path.basename(module), module]),
        roots: this.#roots,
      },
    };
  }

  /** The root directories that a module declares. */
  #module(directory: string): void {
    const description = path.join(directory, 'zephyr/module.yml');
    if (!existsSync(description)) throw new ZmkError(`${directory} is not a valid zephyr module`);
    const text = readFileSync(description, 'utf8');
    this.#content.push(text);
    for (const [, kind, root] of text.matchAll(/(board|dts)_root: (\S+)/g)) {
      this.#roots.push([`${kind!.toUpperCase()}_ROOT`, path.join(directory, root!)]);
    }
  }

  /**
   * In the config first, then beside shield and board; there under the shield's name, the name that it shortens to, and
   * the board's.
   */
  #findKeymap(shields: string[], shieldDirectories: string[], boardDirectory: string): string {
    const { config, board, variables } = this.#options;
    if (variables?.KEYMAP_FILE) return variables.KEYMAP_FILE;
    const names = [
      ...shields.flatMap(shortenings),
      ...shields,
      ...shieldDirectories.map(directory => path.basename(directory)),
      board,
      path.basename(boardDirectory),
    ];
    for (const directory of [config, boardDirectory, ...shieldDirectories]) {
      for (const name of names) {
        const file = path.join(directory, `${name}.keymap`);
        if (existsSync(file)) return file;
      }
    }
    throw new ZmkError('Failed to locate keymap file!');
  }

  #candidates(shields: string[], shieldDirectories: string[], boardDirectory: string) {
    const { config, board } = this.#options;
    const names = [
      ...shieldDirectories.map(directory => path.basename(directory)),
      ...shields.flatMap(shortenings),
      ...shields,
    ];
    const overlay = names.flatMap(name => [`${name}_${board}.overlay`, `${name}.overlay`]);
    // The real build forgets the name of the shield's directory, and looks for the rest.
    const conf = [
      '_'.concat(board, '.conf'),
      '.conf',
      ...names.flatMap(name => [`${name}_${board}.conf`, `${name}.conf`]),
    ];
    for (const name of [path.basename(boardDirectory), board, 'default']) {
      overlay.push(`${name}.overlay`);
      conf.push(`${name}.conf`);
    }
    const inConfig = (files: string[]) => [...new Set(files)].map(file => path.join(config, file));
    return { overlay: inConfig(overlay), conf: inConfig(conf) };
  }

  #preprocess(file: string, include: string[]): void {
    const { text, read } = preprocess(file, { include });
    this.#content.push(...text);
    for (const one of read) if (!this.#devicetree.includes(one)) this.#devicetree.push(one);
  }

  /** A module's list file: its sources, its header directories, and a file that CMake reads itself. */
  #compileModule(module: string): void {
    const list = path.join(module, 'CMakeLists.txt');
    if (!isFile(list)) return;
    this.#list(list);
    const code = textOf(list);
    const named = (pattern: RegExp) =>
      [...code.matchAll(pattern)].map(([, name]) =>
        path.resolve(module, name!.replace('\x24{CMAKE_CURRENT_LIST_DIR}', module)),
      );
    for (const file of named(READ)) this.#content.push(textOf(file));
    this.#includes.push(...named(INCLUDES));
    for (const source of named(SOURCES)) this.#compile(source);
  }

  #compile(source: string): void {
    const { compiler } = this.#options;
    if (compiler === undefined) throw new ZmkError('There is no compiler.');
    const made = compiler.compile(source, this.#includes);
    this.#content.push(made.object);
    this.#sources.push(source);
    this.#objects[`modules/${path.basename(source)}.obj`] = made.read;
  }

  /** All bindings count, by name and content, although no record lists them. */
  #bindings(directory: string): void {
    for (const file of walk(directory)) {
      if (/\.ya?ml$/.test(file)) this.#content.push(path.relative(directory, file), textOf(file));
    }
  }

  #sourceShields(root: string): void {
    const directory = path.join(root, 'boards/shields');
    for (const kind of ['Kconfig.defconfig', 'Kconfig.shield']) {
      for (const name of list(directory)) {
        const file = path.join(directory, name, kind);
        if (isFile(file)) this.#source(file);
      }
    }
  }

  #list(file: string): void {
    this.#content.push(this.#read(file, this.#cmake));
  }

  /** With its optional sources, and files that its programs read, which are not recorded. */
  #source(file: string): void {
    const text = this.#read(file, this.#kconfig);
    this.#content.push(text);
    for (const [, name] of text.matchAll(/^\s*orsource "([^"]+)"/gm)) {
      const optional = path.join(path.dirname(file), name!);
      if (isFile(optional) && !this.#kconfig.includes(optional)) this.#source(optional);
    }
    for (const [, named] of text.matchAll(/\$\(shell,cat ([^)]+)\)/g)) {
      this.#content.push(isFile(named!) ? textOf(named!) : 'cat: No such file');
    }
  }

  #read(file: string, into: string[]): string {
    if (!into.includes(file)) into.push(file);
    return textOf(file);
  }
}

/** `kyria_rev2_left`: `kyria_rev2`, `kyria`. */
function shortenings(shield: string): string[] {
  const pieces = shield.split('_');
  return pieces.slice(1).map((_, index) => pieces.slice(0, pieces.length - 1 - index).join('_'));
}

/** Each shield is an overlay in a directory, at any depth, that has a `Kconfig.shield`. The last one of a name wins. */
function findShields(roots: string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const root of roots) {
    for (const file of walk(path.join(root, 'boards/shields'))) {
      if (path.basename(file) !== 'Kconfig.shield') continue;
      const directory = path.dirname(file);
      for (const name of list(directory)) {
        if (name.endsWith('.overlay')) found.set(name.replace(/\..*$/, ''), directory);
      }
    }
  }
  return found;
}

function findBoard(roots: string[], board: string): string {
  for (const root of roots) {
    const files = walk(path.join(root, 'boards')).filter(file => path.basename(file) === `${board}.dts`);
    if (files[0]) return path.dirname(files[0]);
  }
  throw new ZmkError(`No board named '${board}' found`);
}

/** Since Zephyr 4.1: the board's directory, and those that extend it. */
function boardDirectories(roots: string[], directory: string, board: string): Record<string, string> {
  if (!isFile(path.join(directory, 'board.yml'))) return {};
  const descriptions = roots
    .flatMap(root => walk(path.join(root, 'boards')))
    .filter(file => path.basename(file) === 'board.yml' && textOf(file).includes(`extend: ${board}\n`));
  return { BOARD_DIRECTORIES: [directory, ...descriptions.map(file => path.dirname(file))].join(';') };
}

function walk(directory: string): string[] {
  return list(directory).flatMap(name => {
    const file = path.join(directory, name);
    return statSync(file, { throwIfNoEntry: false })?.isDirectory() ? walk(file) : [file];
  });
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
