// Collector of a build's inputs from its records: the owner of each file, names looked for in vain, and what stays
// uncertain.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { statOf } from '../../../system/paths.ts';
import { parseDependencyFile } from '../dependency-file.ts';
import { isKnownLookup, mentionsConfig } from './cmake-code.ts';
import { lookedUpNames } from './lookups.ts';
import type { ObserveOptions, PathMap } from './path-map.ts';
import type { BuildRecords } from './records.ts';
import { isListFile, Sources, takesHidden } from './sources.ts';
import { type Trace, TraceBuilder } from './trace-builder.ts';

/** The folders of a root that are searched: any name in them may matter. */
const ROOT_FOLDERS = ['boards', 'dts', 'include', 'snippets', 'soc', 'arch', 'zephyr'];

/** Unrecorded reads in these folders: descriptions of boards, bindings and modules. */
const UNRECORDED = /\.ya?ml$|\/vendor-prefixes\.txt$|\/Kconfig[^/]*$/;

export class InputCollector {
  readonly #options: ObserveOptions;
  readonly #pathMap: PathMap;
  readonly #records: BuildRecords;
  readonly #trace: TraceBuilder;
  readonly #sources: Sources;
  /** Path on this machine. */
  readonly #config: string | undefined;

  constructor(options: ObserveOptions, pathMap: PathMap, records: BuildRecords) {
    const { cache } = records;
    const config = cache.get('CACHED_ZMK_CONFIG') || cache.get('ZMK_CONFIG');
    this.#options = options;
    this.#pathMap = pathMap;
    this.#records = records;
    this.#config = config ? pathMap.toHost(config) : undefined;
    this.#trace = new TraceBuilder(pathMap);
    this.#sources = new Sources(this.#trace, records, [
      config,
      ...['CMAKE_HOME_DIRECTORY', 'CMAKE_CACHEFILE_DIR', 'ZEPHYR_BASE', 'WEST_TOPDIR'].map(name =>
        cache.get(name),
      ),
    ]);
  }

  /** The inputs; or why they cannot be determined. */
  result(): Trace | { untraceable: string } {
    if (this.#config === undefined) return { untraceable: 'its build does not say where its keymaps were.' };
    this.#readFiles();
    this.#readRoots(this.#config);
    this.#readIncludeDirectories();
    this.#readCompiled();
    this.#readNames(this.#config);
    this.#readVariables();
    this.#readSettings();
    this.#sources.finish();
    this.#readTools();
    return this.#trace.result();
  }

  /** Adds the known files of the compiler. */
  #readTools(): void {
    const { files = [], absent = [], headers = [] } = this.#options.tools ?? {};
    for (const file of files) if (this.#trace.isInput(file)) this.#trace.file(file);
    for (const file of absent) this.#trace.lookFor(file);
    for (const directory of headers) {
      if (!statOf(directory)) this.#trace.lookFor(directory);
      else if (this.#trace.isInput(directory)) this.#trace.names(directory, 'the include directory');
    }
  }

  /** Adds the recorded files. */
  #readFiles(): void {
    const { files, cache, devicetree } = this.#records;
    const keymap = cache.get('KEYMAP_FILE');
    const sources = new Set(devicetree.map(file => path.resolve(file)));
    // CMake may drop a `..` that leads out of a link.
    const climbing = new Set(
      devicetree.filter(file => file.includes('/../')).map(file => path.resolve(file)),
    );
    if (keymap && !sources.has(path.resolve(keymap))) {
      this.#trace.untraceable(`the records of its build do not list the keymap ${keymap}.`);
    }
    for (const seen of files) {
      for (const file of this.#trace.spellings(seen)) {
        const pathKind = this.#pathMap.classify(file);
        if ((pathKind === 'project' || pathKind === 'elsewhere') && isListFile(file)) this.#readLookups(file);
        if (!this.#trace.isInput(file)) continue;
        const stats = statOf(file);
        if (!stats && (isLine(seen, sources) || climbing.has(seen))) continue;
        if (stats?.isDirectory()) this.#trace.directory(file);
        // A file that is gone has changed since it was read.
        if (stats && !stats.isFile()) continue;
        this.#trace.file(file);
        if (stats) this.#sources.read(file, seen);
        if (this.#records.compiled.has(seen)) this.#trace.code(file);
      }
    }
    if (!this.#knowsLookups) this.#trace.uncertainty('names');
  }

  #knowsLookups = false;

  /** Checks that the workspace's own CMake code looks for files in the known way. */
  #readLookups(file: string): void {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      this.#trace.uncertainty('names');
      return;
    }
    if (!mentionsConfig(text)) return;
    this.#knowsLookups = true;
    if (!isKnownLookup(text)) this.#trace.uncertainty('names');
  }

  /** Adds the directories in which boards, shields, bindings and the like are found. */
  #readRoots(config: string): void {
    const { configDirectory } = this.#options;
    const { modules, roots, cache } = this.#records;
    const listed = ['BOARD', 'DTS', 'SNIPPET', 'SOC', 'ARCH', 'MODULE_EXT', 'SCA'].map(kind =>
      cache.get(`${kind}_ROOT`),
    );
    const extra = ['ZMK_EXTRA_MODULES', 'ZEPHYR_EXTRA_MODULES', 'EXTRA_ZEPHYR_MODULES', 'ZEPHYR_MODULES'];
    const application = cache.get('CMAKE_HOME_DIRECTORY')!;
    const named = [...listed, ...extra.map(name => cache.get(name))].flatMap(
      value => value?.split(';') ?? [],
    );
    const all = [...modules, ...roots].map(fields => fields[1] ?? '').concat(named);
    const found = new Set([config]);
    for (const root of all) {
      const here = root === '' ? undefined : this.#pathMap.toHost(path.resolve(application, root));
      if (here) found.add(here);
    }
    // It would become a root of its own.
    const descriptions = ['module.yml', 'module.yaml'].map(name => `${configDirectory}/zephyr/${name}`);
    if (!found.has(configDirectory)) for (const file of descriptions) this.#trace.lookFor(file);
    for (const root of found) {
      const pathKind = this.#pathMap.classify(root);
      if (pathKind === 'elsewhere') this.#readUnownedRoot(root);
      else if (pathKind === 'config') this.#readRoot(root);
    }
  }

  /** Files outside the config directory are not declared, so all of them count. */
  #readUnownedRoot(root: string): void {
    if (statOf(root)?.isDirectory()) this.#trace.wholeTree(root, 'the module');
    else this.#trace.lookFor(root);
  }

  /** Everything in a root's folders counts by name, and some of it by content: files are matched by patterns there. */
  #readRoot(root: string): void {
    for (const folder of ROOT_FOLDERS) {
      const directory = path.join(root, folder);
      if (this.#pathMap.classify(directory) !== 'config') continue;
      if (!statOf(directory)?.isDirectory()) {
        this.#trace.lookFor(directory);
        continue;
      }
      const tree = this.#trace.names(directory, 'the directory');
      for (const file of tree?.files ?? []) if (UNRECORDED.test(file)) this.#trace.file(file);
    }
  }

  /** A new header in a header directory may be found before another one. */
  #readIncludeDirectories(): void {
    for (const seen of this.#records.includes) {
      for (const directory of this.#trace.spellings(seen)) {
        if (!this.#trace.isInput(directory)) continue;
        this.#trace.code(directory);
        if (!statOf(directory)?.isDirectory()) this.#trace.lookFor(directory);
        else this.#trace.names(directory, 'the include directory');
      }
    }
  }

  /**
   * Looks for code of the workspace that includes files without the preprocessor. The user's own code is checked
   * elsewhere.
   */
  #readCompiled(): void {
    for (const seen of this.#records.sources) {
      const file = this.#pathMap.toHost(seen);
      if (file !== undefined && this.#pathMap.classify(file) === 'project' && takesHidden(file))
        this.#trace.hidden();
    }
  }

  /** Adds the names that ZMK looked for in vain. */
  #readNames(config: string): void {
    const names = lookedUpNames(this.#records);
    if (!names) this.#trace.uncertainty('names');
    for (const name of names ?? []) this.#trace.lookFor(path.join(config, name));
    // The workspace is made from it.
    for (const directory of new Set([config, this.#options.configDirectory])) {
      const manifest = path.join(directory, 'west.yml');
      if (!this.#trace.isInput(manifest)) continue;
      if (statOf(manifest)?.isFile()) this.#trace.file(manifest);
      else this.#trace.lookFor(manifest);
    }
  }

  /** Looks for unknown variables that name files of the user. */
  #readVariables(): void {
    const known =
      /^(?:(?:CACHED_)?ZMK_CONFIG|KEYMAP_FILE|(?:CACHED_)?BOARD_DIR(?:ECTORIES)?|WEST_TOPDIR|\w+_(?:SOURCE|BINARY)_DIR|(?:EXTRA_|CACHED_)?(?:DTC_OVERLAY_FILE|CONF_FILE)|OVERLAY_CONFIG|(?:BOARD|DTS|SNIPPET|SOC|ARCH|MODULE_EXT|SCA)_ROOT|CACHED_DTS_ROOT_BINDINGS|(?:ZMK_EXTRA|ZEPHYR_EXTRA|EXTRA_ZEPHYR|ZEPHYR)_MODULES)$/;
    for (const [name, value] of this.#records.cache) {
      for (const file of this.#filesIn(value)) {
        if (this.#pathMap.classify(file) === 'config' && !known.test(name)) this.#trace.uncertainty('names');
        // Programs as well, except for those that only speed up a build or describe its sources.
        else if (!/^(?:GIT_|CCACHE_|CMAKE_(?:UNAME|CTEST_COMMAND|CPACK_COMMAND)$)/.test(name))
          this.#unownedFile(file);
      }
    }
  }

  /** Looks for settings that name files of the user, such as a key file that a program reads during the build. */
  #readSettings(): void {
    const { cache, config } = this.#records;
    const bases = ['CMAKE_HOME_DIRECTORY', 'ZEPHYR_BASE', 'WEST_TOPDIR'].flatMap(name => {
      const base = cache.get(name);
      return base ? [base] : [];
    });
    const { configDirectory } = this.#options;
    for (const value of config.values()) {
      for (const file of this.#filesIn(value)) {
        if (this.#pathMap.classify(file) === 'config') this.#trace.uncertainty('contents');
        else this.#unownedFile(file);
      }
      if (value === '' || path.isAbsolute(value)) continue;
      const relative = bases.flatMap(base => this.#trace.spellings(`${base}/${value}`));
      for (const file of [...relative, `${configDirectory}/${value}`, `${this.#config}/${value}`]) {
        if (!this.#trace.isInput(file) || !statOf(file)?.isFile()) continue;
        if (this.#pathMap.classify(file) === 'config') this.#trace.uncertainty('contents');
        else this.#trace.file(file);
      }
    }
  }

  #unownedFile(file: string): void {
    if (this.#pathMap.classify(file) !== 'elsewhere' || !this.#trace.isInput(file)) return;
    const stats = statOf(file);
    if (!stats) this.#trace.lookFor(file);
    else if (stats.isFile()) this.#trace.file(file);
  }

  /** The absolute paths in a value, on this machine. */
  #filesIn(value: string): string[] {
    // An existing path is a single path, whatever characters it contains.
    const whole = path.isAbsolute(value) ? this.#pathMap.toHost(value) : undefined;
    if (whole !== undefined && statOf(whole)) return [whole];
    return this.#pathMap.pathsIn(value).flatMap(seen => this.#pathMap.toHost(seen) ?? []);
  }
}

/**
 * Whether a name is a whole line of the preprocessor's output: Zephyr 3 takes each line for one name and passes it to
 * CMake, even if it holds two names or a blank.
 */
function isLine(name: string, sources: ReadonlySet<string>): boolean {
  const names = parseDependencyFile(`line: ${name}\n`) ?? [];
  return !names.includes(name) && names.length > 0 && names.every(part => sources.has(path.resolve(part)));
}
