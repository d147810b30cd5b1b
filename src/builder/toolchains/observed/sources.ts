// Scan of the inputs' sources for what no record lists: names looked for in vain, and files included without the
// preprocessor. A file is read in the same way wherever it is.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isInside, statOf } from '../../../system/paths.ts';
import { pathsInCmake, uncertaintyOfCmake } from './cmake-code.ts';
import type { BuildRecords } from './records.ts';
import { type SourceScan, scanKconfig, scanSource } from './source-scan.ts';
import type { TraceBuilder } from './trace-builder.ts';

/** Identified by name; other kinds are identified by the records. */
const LIST_FILE = /(?:^|\/)CMakeLists\.txt$|\.cmake$/;
const KCONFIG = /(?:^|\/)Kconfig[^/]*$/;
const SOURCE = /\.(?:keymap|overlay|dtsi?|dts\.\w+|h|hpp|hh|hxx|c|cc|cpp|cxx|s|S|asm|inc|def|ld|cmd)$/;

const ASSEMBLER = /\.(?:s|S|asm)$/;
const MAY_TAKE = /\.incbin\b|\.include\b|\bembed\b|__has_embed/;

/** Variables with the installation directories of tools. */
const TOOLS = ['CMAKE_ROOT', 'ZEPHYR_SDK_INSTALL_DIR', 'GNUARMEMB_TOOLCHAIN_PATH'];

export function isListFile(file: string): boolean {
  return LIST_FILE.test(file);
}

/** Whether a source of C or assembler includes files without the preprocessor. */
export function takesHidden(file: string): boolean {
  const text = readText(file);
  if (text === undefined || !MAY_TAKE.test(text)) return false;
  const { taken, isUntraceable } = scanSource(text, ASSEMBLER.test(file));
  return taken.length > 0 || isUntraceable;
}

export class Sources {
  readonly #trace: TraceBuilder;
  readonly #records: BuildRecords;
  /** Directories in which tools other than the preprocessor look for files, as the build saw them. */
  readonly #bases: string[];
  /** Installation directories of CMake and compilers. */
  readonly #tools: string[];
  readonly #kconfig: ReadonlySet<string>;
  /** All files that a preprocessor read, whatever their names. */
  readonly #preprocessed: ReadonlySet<string>;
  readonly #read = new Set<string>();
  /** Directories of sources in which an include's name comes from a macro. */
  readonly #computing = new Set<string>();
  readonly #defined = new Set<string>();

  constructor(trace: TraceBuilder, records: BuildRecords, bases: readonly (string | undefined)[]) {
    this.#trace = trace;
    this.#records = records;
    this.#tools = TOOLS.flatMap(name => trace.pathMap.toHost(records.cache.get(name) || '/') ?? []).filter(
      directory => directory !== '/',
    );
    this.#kconfig = new Set(records.kconfig);
    this.#preprocessed = new Set([...records.devicetree, ...records.compiled]);
    this.#bases = bases.filter(base => base !== undefined && base !== '') as string[];
  }

  /**
   * Scans an input.
   *
   * @param file its path on this machine
   *
   * @param seen its path in the build
   */
  read(file: string, seen: string): void {
    if (this.#read.has(seen) || this.#isOfTools(file)) return;
    this.#read.add(seen);
    const isList = isListFile(file);
    const isKconfig = this.#kconfig.has(seen) || KCONFIG.test(file);
    if (!isList && !isKconfig && !this.#preprocessed.has(seen) && !SOURCE.test(file)) return;
    const text = readText(file);
    if (text === undefined) this.#trace.untraceable(`${file} cannot be read.`);
    else if (isList) this.#readCmake(text, path.dirname(seen));
    else if (isKconfig) this.#readKconfig(text, path.dirname(seen));
    else this.#readSource(file, seen, scanSource(text, ASSEMBLER.test(file)));
  }

  /** Adds possible values of includes whose names come from macros. Call it last. */
  finish(): void {
    for (const directory of this.#computing) {
      for (const here of this.#trace.spellings(directory)) this.#trace.directory(here);
      for (const name of this.#defined) this.#lookFor(directory, name);
    }
  }

  #readSource(file: string, seen: string, text: SourceScan): void {
    const directory = path.dirname(seen);
    this.#trace.uncertainty(text.uncertainty);
    for (const name of text.includes) this.#lookFor(directory, name);
    for (const name of text.defined) this.#defined.add(name);
    if (text.isComputed) this.#computing.add(directory);
    const takes = text.taken.length > 0 || text.isUntraceable;
    if (takes && this.#records.compiled.has(seen)) this.#trace.hidden();
    for (const name of text.taken) this.#take(directory, name);
    if (text.isUntraceable) {
      this.#trace.untraceable(`${file} includes a file whose name is known only during the build.`);
    }
  }

  /** Adds every place of a file included verbatim, since each tool searches other directories. */
  #take(directory: string, name: string): void {
    for (const base of [directory, ...this.#bases, ...this.#records.includes]) {
      const seen = `${base}/${name}`;
      for (const file of this.#trace.spellings(path.isAbsolute(name) ? name : seen)) {
        if (!this.#trace.isInput(file)) continue;
        if (statOf(file)?.isFile()) {
          this.#trace.file(file);
          this.read(file, seen);
        } else this.#trace.lookFor(file);
      }
    }
  }

  #readCmake(text: string, directory: string): void {
    const uncertainty = uncertaintyOfCmake(text);
    this.#trace.uncertainty(uncertainty);
    const own: Record<string, string> = {
      ...{ CMAKE_CURRENT_LIST_DIR: directory, CMAKE_CURRENT_SOURCE_DIR: directory },
      ZEPHYR_CURRENT_MODULE_DIR: directory,
    };
    const paths = pathsInCmake(text, name => own[name] ?? this.#records.cache.get(name));
    for (const named of paths) this.#named(directory, named, uncertainty === 'contents');
  }

  #readKconfig(text: string, directory: string): void {
    const { optional, arguments: given, uncertainty } = scanKconfig(text);
    this.#trace.uncertainty(uncertainty);
    for (const named of [...optional, ...given]) {
      for (const base of [directory, ...this.#bases]) this.#named(base, named, true);
    }
  }

  /** Adds a possible name of a file or directory, or a pattern. */
  #named(directory: string, name: string, isRead: boolean): void {
    // Up to the beginning of a pattern.
    const plain = /^[^*?[\]]*(?=\/[^/]*[*?[])|^[^*?[\]]*$/.exec(name)?.[0];
    if (plain === undefined || plain === '') return;
    const seen = path.isAbsolute(plain) ? plain : `${directory}/${plain}`;
    for (const file of this.#trace.spellings(seen)) this.#trace.named(file, isRead);
  }

  /** Whether a file belongs to the tools, which are identified in other ways and read no file of the user. */
  #isOfTools(file: string): boolean {
    return this.#trace.pathMap.isOfCompiler(file) || this.#tools.some(directory => isInside(file, directory));
  }

  /** Looks for a file beside another one, as the build saw it. */
  #lookFor(directory: string, name: string): void {
    const seen = path.isAbsolute(name) ? name : `${directory}/${name}`;
    for (const file of this.#trace.spellings(seen)) {
      this.#trace.lookFor(file);
      // Code from elsewhere that refers to the config.
      if (this.#trace.pathMap.classify(directory) === 'elsewhere') this.#trace.code(file);
    }
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
