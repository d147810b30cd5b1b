// From the records of one build to its inputs: who answers for each file, what was looked for in vain, what stays open.
import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ObservedInputs } from '../../../domains/compilation/toolchain.ts';
import { parseDependencyFile } from '../dependency-file.ts';
import { isInside } from '../input-files.ts';
import { doubtOfCmake, isKnownLookup, mentionsConfig } from './cmake-code.ts';
import { type Doubt, worst } from './doubts.ts';
import { lookedUpNames } from './lookups.ts';
import { type Places, real } from './places.ts';
import type { BuildRecords } from './records.ts';
import { ROOT_FOLDERS, UNRECORDED } from './roots.ts';
import { doubtOfKconfig, readSourceText } from './source-text.ts';
import { readTree } from './tree.ts';

const MAX_LINKS = 8;
const LIST_FILE = /(?:^|\/)CMakeLists\.txt$|\.cmake$/;
const KCONFIG = /(?:^|\/)Kconfig[^/]*$/;
const SOURCE = /\.(?:keymap|overlay|dtsi?|dts\.\w+|h|hpp|hh|c|cc|cpp|cxx|s|S|inc|ld)$/;

export class Observation {
  readonly #places: Places;
  readonly #records: BuildRecords;
  readonly #configDirectory: string;
  readonly #files = new Set<string>();
  readonly #directories = new Set<string>();
  readonly #absent = new Set<string>();
  readonly #links: [link: string, target: string][] = [];
  readonly #doubts: (Doubt | undefined)[] = [];

  constructor(places: Places, records: BuildRecords, configDirectory: string) {
    this.#places = places;
    this.#records = records;
    this.#configDirectory = configDirectory;
  }

  /** The inputs; undefined when every declared input counts. */
  result(): ObservedInputs | undefined {
    const { cache } = this.#records;
    const config = this.#here(cache.get('CACHED_ZMK_CONFIG') || cache.get('ZMK_CONFIG'));
    if (!config || !this.#readFiles()) return undefined;
    const foreign = this.#readRoots(config);
    this.#readNames(config);
    this.#readVariables();
    this.#readLinks(config);
    const doubt = worst(this.#doubts);
    // What is declared is in the config directory only.
    if (doubt === 'contents' && foreign.length === 0) return undefined;
    if (doubt === 'contents') this.#wholeTree(this.#configDirectory);
    for (const root of foreign) this.#wholeTree(root);
    return {
      files: [...this.#files].sort(),
      directories: [...this.#directories].sort(),
      absent: [...this.#absent].sort(),
      ...(doubt === 'names' ? { declared: true } : {}),
    };
  }

  /** Takes what the records list; false when they cannot be trusted. */
  #readFiles(): boolean {
    const { files, cache, devicetree } = this.#records;
    const keymap = cache.get('KEYMAP_FILE');
    const sources = new Set(devicetree.map(file => path.resolve(file)));
    if (keymap && !sources.has(path.resolve(keymap))) return false;
    for (const seen of files) {
      if (seen.includes('\0')) return false;
      for (const file of this.#names(seen)) {
        const owner = this.#places.owner(file);
        if (owner === 'build') continue;
        if (owner !== 'config' && LIST_FILE.test(file)) this.#readLookups(file);
        if (owner === 'project') continue;
        const stats = statSync(file, { throwIfNoEntry: false });
        if (!stats && isLine(seen, sources)) continue;
        if (!stats) return false;
        if (stats.isDirectory()) this.#directories.add(file);
        if (!stats.isFile()) continue;
        this.#files.add(file);
        if (owner === 'config') this.#readSource(file, seen);
      }
    }
    if (!this.#knowsLookups) this.#doubts.push('names');
    return true;
  }

  /** The paths of this machine that a recorded path may mean: two, when a `..` follows a link. */
  #names(seen: string): string[] {
    const file = this.#places.here(seen);
    if (file === undefined) return [];
    const climb = seen.indexOf('/../');
    if (climb < 0) return [file];
    const start = this.#places.here(seen.slice(0, climb));
    try {
      const other = start && this.#places.here(realpathSync(`${start}${seen.slice(climb)}`));
      // The plain name as well, if there is one, so that a link in its place is noticed.
      if (other && other !== file) return statSync(file, { throwIfNoEntry: false }) ? [file, other] : [other];
    } catch {
      // Neither is there; that is found out when it is looked at.
    }
    return [file];
  }

  #knowsLookups = false;

  /** Looks whether the workspace's own CMake code looks for files in the way that is known. */
  #readLookups(file: string): void {
    const text = readText(file);
    if (text === undefined || !mentionsConfig(text)) return;
    this.#knowsLookups = true;
    if (!isKnownLookup(text)) this.#doubts.push('names');
  }

  /** Looks into a source of the user's own for what no record tells. */
  #readSource(file: string, seen: string): void {
    const isList = LIST_FILE.test(file);
    const isKconfig = KCONFIG.test(file);
    if (!isList && !isKconfig && !SOURCE.test(file)) return;
    const text = readText(file);
    if (text === undefined) this.#doubts.push('contents');
    else if (isList) this.#doubts.push(doubtOfCmake(text));
    else if (isKconfig) this.#doubts.push(doubtOfKconfig(text));
    else {
      const { includes, doubt } = readSourceText(text);
      this.#doubts.push(doubt);
      // Beside the file as the build saw it: what lies above a copy is not what lies above the original.
      for (const name of includes) this.#lookFor(this.#here(path.resolve(path.dirname(seen), name)));
    }
  }

  /** Takes the directories in which boards, shields, bindings and the like are found; resolves to those that are elsewhere. */
  #readRoots(config: string): string[] {
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
      const here = root === '' ? undefined : this.#here(path.resolve(application, root));
      if (here) found.add(here);
    }
    // It would become a root of its own.
    const descriptions = ['module.yml', 'module.yaml'].map(name => `${this.#configDirectory}/zephyr/${name}`);
    if (!found.has(this.#configDirectory)) for (const file of descriptions) this.#lookFor(file);
    const foreign: string[] = [];
    for (const root of found) {
      const owner = this.#places.owner(root);
      if (owner === 'elsewhere') foreign.push(root);
      else if (owner === 'config') this.#readRoot(root);
    }
    return foreign;
  }

  /** Everything in a root's folders counts by its name, and some by its content: files are picked by patterns there. */
  #readRoot(root: string): void {
    for (const folder of ROOT_FOLDERS) {
      const directory = path.join(root, folder);
      if (this.#places.owner(directory) !== 'config') continue;
      if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
        this.#lookFor(directory);
        continue;
      }
      const tree = readTree(directory);
      if (!tree) {
        this.#doubts.push('contents');
        continue;
      }
      for (const found of tree.directories) this.#directories.add(found);
      for (const file of tree.files) if (UNRECORDED.test(file)) this.#files.add(file);
      this.#links.push(...tree.links);
    }
  }

  /** Takes the names that ZMK looked for in vain. */
  #readNames(config: string): void {
    const names = lookedUpNames(this.#records);
    if (!names) this.#doubts.push('names');
    for (const name of names ?? []) this.#lookFor(path.join(config, name));
    // The workspace is made of it.
    for (const directory of new Set([config, this.#configDirectory])) {
      const manifest = path.join(directory, 'west.yml');
      if (this.#places.owner(manifest) !== 'config') continue;
      if (statSync(manifest, { throwIfNoEntry: false })?.isFile()) this.#files.add(manifest);
      else this.#lookFor(manifest);
    }
  }

  /** Looks for variables that name something in the user's directory and are none of the known ones. */
  #readVariables(): void {
    const known =
      /^(?:(?:CACHED_)?ZMK_CONFIG|KEYMAP_FILE|(?:CACHED_)?BOARD_DIR(?:ECTORIES)?|WEST_TOPDIR|\w+_(?:SOURCE|BINARY)_DIR|(?:EXTRA_|CACHED_)?(?:DTC_OVERLAY_FILE|CONF_FILE)|OVERLAY_CONFIG|(?:BOARD|DTS|SNIPPET|SOC|ARCH|MODULE_EXT|SCA)_ROOT|CACHED_DTS_ROOT_BINDINGS|(?:ZMK_EXTRA|ZEPHYR_EXTRA|EXTRA_ZEPHYR|ZEPHYR)_MODULES)$/;
    for (const [name, value] of this.#records.cache) {
      if (!known.test(name) && this.#namesConfig(value)) this.#doubts.push('names');
    }
    // Such as the file of a key, which a program reads while it builds.
    for (const value of this.#records.config.values())
      if (this.#namesConfig(value)) this.#doubts.push('contents');
  }

  #namesConfig(value: string): boolean {
    return [...value.matchAll(/\/[^\s;:"',]+/g)].some(([seen]) => {
      const file = this.#here(seen);
      return file !== undefined && this.#places.owner(file) === 'config';
    });
  }

  /** A file that was recorded by its real name counts by the names of links that lead to it, too: a link may come to lead elsewhere. */
  #readLinks(config: string): void {
    try {
      for (const entry of readdirSync(config, { withFileTypes: true })) {
        const link = path.join(config, entry.name);
        if (entry.isSymbolicLink() && statSync(link, { throwIfNoEntry: false }))
          this.#links.push([link, realpathSync(link)]);
      }
    } catch {
      this.#doubts.push('contents');
    }
    if (this.#links.length === 0) return;
    const reals = [...this.#files].map(real);
    for (const [link, target] of this.#links) {
      for (const file of reals) {
        if (isInside(file, target)) this.#files.add(path.join(link, path.relative(target, file)));
      }
    }
  }

  /** What is outside of the config directory is declared by nobody, so all of it counts. */
  #wholeTree(root: string): void {
    const tree = readTree(root);
    // A directory in place of a file cannot be kept as an input: then nothing is kept, and a warning says so.
    if (!tree) this.#files.add(root);
    for (const directory of tree?.directories ?? []) this.#directories.add(directory);
    for (const file of tree?.files ?? []) if (this.#places.owner(file) !== 'build') this.#files.add(file);
  }

  /** Remembers that something was looked for, if it is not there. A link that leads nowhere is as good as nothing. */
  #lookFor(file: string | undefined): void {
    for (let at = file, links = 0; at !== undefined; links++) {
      const owner = this.#places.owner(at);
      if (owner === 'build' || owner === 'project') return;
      const stats = lstatSync(at, { throwIfNoEntry: false });
      if (!stats) {
        this.#absent.add(at);
        return;
      }
      if (!stats.isSymbolicLink() || statSync(at, { throwIfNoEntry: false })) return;
      this.#directories.add(path.dirname(at));
      if (links === MAX_LINKS) return;
      at = path.resolve(path.dirname(at), readlinkSync(at));
    }
  }

  #here(seen: string | undefined): string | undefined {
    return seen ? this.#places.here(seen) : undefined;
  }
}

/**
 * Whether a name is a line of the preprocessor's: Zephyr 3 takes each for one name and tells CMake so, also when there
 * are two on it, or a blank in one.
 */
function isLine(name: string, sources: ReadonlySet<string>): boolean {
  const names = parseDependencyFile(`line: ${name}\n`) ?? [];
  return !names.includes(name) && names.length > 0 && names.every(part => sources.has(part));
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
