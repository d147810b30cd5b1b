// Reads the sources that are inputs, for what no record tells: names looked for in vain, and files that others than the
// preprocessor take in. A file is read in the same way wherever it is.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isInside, statOf } from '../../../system/paths.ts';
import { pathsInCmake, uncertaintyOfCmake } from './cmake-code.ts';
import type { BuildRecords } from './records.ts';
import { type SourceScan, scanKconfig, scanSource } from './source-scan.ts';
import type { TraceBuilder } from './trace-builder.ts';

/** By their names; others are told by the records. */
const LIST_FILE = /(?:^|\/)CMakeLists\.txt$|\.cmake$/;
const KCONFIG = /(?:^|\/)Kconfig[^/]*$/;
const SOURCE = /\.(?:keymap|overlay|dtsi?|dts\.\w+|h|hpp|hh|hxx|c|cc|cpp|cxx|s|S|asm|inc|def|ld|cmd)$/;

const ASSEMBLER = /\.(?:s|S|asm)$/;
const MAY_TAKE = /\.incbin\b|\.include\b|\bembed\b|__has_embed/;

/** Variables that say where tools are installed. */
const TOOLS = ['CMAKE_ROOT', 'ZEPHYR_SDK_INSTALL_DIR', 'GNUARMEMB_TOOLCHAIN_PATH'];

export function isListFile(file: string): boolean {
  return LIST_FILE.test(file);
}

/** Whether a source of C or of the assembler takes in files that no preprocessor sees. */
export function takesHidden(file: string): boolean {
  const text = readText(file);
  if (text === undefined || !MAY_TAKE.test(text)) return false;
  const { taken, isUntraceable } = scanSource(text, ASSEMBLER.test(file));
  return taken.length > 0 || isUntraceable;
}

export class Sources {
  readonly #trace: TraceBuilder;
  readonly #records: BuildRecords;
  /** Directories in which other tools than the preprocessor look for files, as the build saw them. */
  readonly #bases: string[];
  /** Where CMake and compilers are installed. */
  readonly #tools: string[];
  readonly #kconfig: ReadonlySet<string>;
  /** What a preprocessor has read, whatever it is called. */
  readonly #preprocessed: ReadonlySet<string>;
  readonly #read = new Set<string>();
  /** Sources in which the name of an include comes of a macro, by the directories that they are in. */
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
   * Looks into an input.
   *
   * @param file where it is on this machine
   * @param seen where the build saw it
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

  /** Call it last: looks for what includes may be given whose names come of macros. */
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
      this.#trace.untraceable(`${file} takes in a file whose name cannot be told before it is built.`);
    }
  }

  /** A file that is taken in as it is: the first of these, or all of them, since each tool looks elsewhere. */
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

  /** What may be the name of a file or directory, or a pattern for such. */
  #named(directory: string, name: string, isRead: boolean): void {
    // Up to where a pattern begins.
    const plain = /^[^*?[\]]*(?=\/[^/]*[*?[])|^[^*?[\]]*$/.exec(name)?.[0];
    if (plain === undefined || plain === '') return;
    const seen = path.isAbsolute(plain) ? plain : `${directory}/${plain}`;
    for (const file of this.#trace.spellings(seen)) this.#trace.named(file, isRead);
  }

  /** Whether a file belongs to the tools, which are known in other ways, and do not read what is the user's. */
  #isOfTools(file: string): boolean {
    return this.#trace.pathMap.isOfCompiler(file) || this.#tools.some(directory => isInside(file, directory));
  }

  /** Beside a file, as the build saw it. */
  #lookFor(directory: string, name: string): void {
    const seen = path.isAbsolute(name) ? name : `${directory}/${name}`;
    for (const file of this.#trace.spellings(seen)) {
      this.#trace.lookFor(file);
      // Code from elsewhere that looks into the config.
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
