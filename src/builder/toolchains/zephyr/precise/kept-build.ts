// Kept build: the directory of a target's last build, from which the next one takes the objects that an edit cannot change.
//
//   every build is configured from scratch ──► build/
//                                     │ compared with kept/: all generated files, the devicetree's header macro by macro
//                                     ▼
//   only the devicetree differs: objects that used none of the different macros are moved from kept/ to build/, and Ninja
//   compiles the others and links
//   anything else differs: Ninja compiles everything, and kept/ is removed
//
// In the worst case a build takes as long as a pristine one, because CMake runs in the same way for both.

import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { InputReader } from '../../../inputs/input-reader.ts';
import { parseCmakeCache, readRecord } from '../../observed/index.ts';
import { parseNinjaDeps } from '../../observed/ninja-deps.ts';
import type { ObservedInputs } from '../../toolchain.ts';
import { areSame, changedSince, type FileMarks, markFiles } from '../file-marks.ts';
import {
  type Edge,
  isCompile,
  isLink,
  madeOf,
  mayReadDevicetree,
  parseBuildGraph,
  placeIn,
} from './build-graph.ts';
import { bringMade, compareConfigured, HEADER } from './configured.ts';
import { compareMacros, parseMacros, placesOf } from './macros.ts';
import { formatRecords, type MacroRecords, parseRecords } from './used-macros.ts';

/** Its places. Absolute. */
export interface KeptPlaces {
  directory: string;
  /** The record of what it depends on; absent while it is in use, so that an interrupted build leaves nothing that is trusted. */
  state: string;
  macros: string;
}

/** The conditions of a build that the directory depends on. */
export interface BuildConditions {
  /** The identity of the toolchain and the target. */
  identity: string;
  /** A digest of the names of the declared inputs. */
  declared: string;
}

/** Facts about a finished build. */
export interface FinishedBuild extends BuildConditions {
  /** Time of its beginning, in milliseconds since the epoch. */
  started: number;
  observed: ObservedInputs;
  /** The compiler's parts. */
  tools: readonly string[];
  /** Sources of the devicetree that nothing else reads, by the paths in `observed`. */
  devicetree: readonly string[];
}

interface State extends BuildConditions {
  schema: number;
  /** Time of its end, in milliseconds since the epoch. */
  ended: number;
  files: FileMarks;
  tools: FileMarks;
  devicetree: string[];
  /** The digest of the names in each directory. */
  directories: Record<string, string>;
  absent: string[];
  /** A digest of the stamps of all files in the directory. */
  stamps: string;
  bytes: number;
  /** The specification with which `recordMacros` runs scripts in the build's environment. */
  order: unknown;
}

const SCHEMA = 1;

/** The objects that are compiled, and the reasons. */
export interface PrecisePlan {
  /** The number of objects that are compiled. */
  compiled: number;
  /** The number of all objects of the build. */
  objects: number;
  /** The differences: a file, and the place in it. */
  causes: string[];
}

/** As the end of a sentence. */
export interface NoPlan {
  why: string;
}

export class KeptBuild {
  readonly #places: KeptPlaces;
  readonly #state: State;
  #changed: string[] = [];
  /** The records of objects that were taken from it. */
  #records: MacroRecords | undefined;
  /** The directory to which objects were moved. */
  #fresh: string | undefined;

  private constructor(places: KeptPlaces, state: State) {
    this.#places = places;
    this.#state = state;
  }

  /** Takes it into use, once: it is gone unless it is kept again. */
  static take(places: KeptPlaces): KeptBuild | NoPlan {
    const state = readState(places.state);
    rmSync(places.state, { force: true });
    if (state === undefined || !existsSync(places.directory)) {
      return { why: 'no directory of an earlier build was kept' };
    }
    return new KeptBuild(places, state);
  }

  /** Why nothing of it can be used; undefined if that depends on CMake's output. */
  async obstacle(conditions: BuildConditions): Promise<string | undefined> {
    const { identity, declared, ended, files, tools, devicetree, directories, absent, stamps } = this.#state;
    if (Date.now() < ended) return 'the clock went back';
    if (conditions.identity !== identity)
      return 'the target, its command line, the workspace or the tools changed';
    if (!areSame(tools)) return 'the compiler changed';
    if (conditions.declared !== declared) return 'the list of files in the config changed';
    const reader = new InputReader();
    for (const [directory, digest] of Object.entries(directories))
      if (((await reader.listing(directory)) ?? '') !== digest)
        return `the file list of ${directory} changed`;
    for (const file of absent) if (!(await reader.isAbsent(file))) return `${file} came into being`;
    const own = new Set(devicetree);
    this.#changed = Object.entries(files)
      .filter(([file, mark]) => !areSame({ [file]: mark }))
      .map(([file]) => file);
    const other = this.#changed.find(file => !own.has(file) || !existsSync(file));
    if (other !== undefined) return `${other} changed, which does not only reach the devicetree`;
    if (stamps !== stampsOf(this.#places.directory).digest) return 'others have changed its build directory';
    return undefined;
  }

  /** The files that have changed since. */
  get changed(): readonly string[] {
    return this.#changed;
  }

  /**
   * Moves objects into a directory that was just configured, so that Ninja does not compile them.
   *
   * @param fresh the configured directory
   */
  adopt(fresh: string): PrecisePlan | NoPlan {
    const kept = this.#places.directory;
    const records = readRecords(this.#places.macros);
    if (records === undefined || records.size === 0)
      return { why: 'the macros that its objects use were not recorded' };
    if (!isOfGcc(fresh)) return { why: 'its compiler is not GCC' };
    const compared = compareConfigured(fresh, kept);
    if ('why' in compared) return compared;
    const graph = readGraph(fresh, kept);
    if (graph === undefined) return { why: 'Ninja left no records that can be read' };
    const { edges, read } = graph;
    const differing: string[] = [];
    const affected = new Set<string>();
    for (const header of compared.headers) {
      const [before, after] = [kept, fresh].map(directory =>
        parseMacros(readFileSync(path.join(directory, header), 'utf8')),
      );
      if (before === undefined || after === undefined) return { why: `${header} has more in it than macros` };
      const { changed, added, isReshaped } = compareMacros(before, after);
      differing.push(...changed, ...added);
      for (const edge of edges) {
        if (edge.inputs.includes(header)) for (const output of edge.outputs) affected.add(output);
        for (const output of edge.outputs) {
          if (!read.get(output)?.includes(header)) continue;
          const record = records.get(output);
          const isAffected = (name: string) => !record?.known.has(name) || record.used.has(name);
          if (isReshaped || changed.some(isAffected) || added.some(isAffected)) affected.add(output);
        }
      }
    }
    const compiles = edges.filter(edge => isCompile(edge)).flatMap(({ outputs }) => outputs);
    const again = edges.filter(edge => isLink(edge) || mayReadDevicetree(edge));
    const made = madeOf(edges, read, [
      ...affected,
      ...compared.devicetree,
      ...again.flatMap(({ outputs }) => outputs),
      ...compiles.filter(object => !existsSync(path.join(kept, object))),
    ]);
    const compiled = compiles.filter(object => made.has(object)).length;
    if (compiled * 2 > compiles.length) {
      const what = compared.headers.length === 0 ? 'the edit' : placesOf(differing).join('; ');
      return {
        why: `${compiled} of ${compiles.length} objects may depend on it${what === '' ? '' : ` (${what})`}`,
      };
    }
    const configuring = new Set(
      edges.filter(({ rule }) => rule === 'RERUN_CMAKE').flatMap(({ outputs }) => outputs),
    );
    this.#fresh = fresh;
    bringMade(
      kept,
      fresh,
      name => made.has(name),
      name => configuring.has(name),
    );
    for (const object of made) records.delete(object);
    this.#records = records;
    const where = placesOf(differing);
    return { compiled, objects: compiles.length, causes: where };
  }

  /** Restores it for the next build, after a failure of this one. */
  restore(): void {
    try {
      let { stamps } = this.#state;
      if (this.#fresh !== undefined) {
        // Removing one of an object's names changes its stamp.
        rmSync(this.#fresh, { recursive: true, force: true });
        stamps = stampsOf(this.#places.directory).digest;
      }
      writeFileSync(this.#places.state, JSON.stringify({ ...this.#state, stamps }), { mode: 0o600 });
    } catch {
      // The next build is a pristine one.
      rmSync(this.#places.state, { force: true });
    }
  }

  /**
   * Keeps the directory of a successful build for the next one. Does nothing if something that it depends on changed
   * during the build.
   *
   * @param build its directory, which stays until the next build
   * @param former the directory from which objects were taken: its records of these are still valid. Undefined: none
   * @param order the specification for recording more, as JSON
   */
  static async keep(
    places: KeptPlaces,
    build: string,
    finished: FinishedBuild,
    former: KeptBuild | undefined,
    order: unknown,
  ): Promise<boolean> {
    const { started, observed, identity, declared, devicetree } = finished;
    const { files, directories, absent } = observed;
    if (observed.declared === 'contents') return false;
    if ([...files, ...finished.tools, ...directories].some(file => changedSince(file, started))) return false;
    if (absent.some(file => changedSince(path.dirname(file), started))) return false;
    const reader = new InputReader();
    const listings: Record<string, string> = {};
    for (const directory of directories) listings[directory] = (await reader.listing(directory)) ?? '';
    // Before the stamps are read: removing one of an object's names changes its stamp.
    rmSync(places.directory, { recursive: true, force: true });
    const { digest, bytes } = stampsOf(build);
    const known: Partial<State> = former === undefined ? {} : former.#state;
    const state: State = {
      ...{ schema: SCHEMA, identity, declared, ended: Date.now(), bytes, stamps: digest, order },
      files: markFiles(files, known.files),
      tools: markFiles(finished.tools, known.tools),
      devicetree: [...devicetree],
      ...{ directories: listings, absent },
    };
    const records = former === undefined ? undefined : former.#records;
    if (records === undefined) rmSync(places.macros, { force: true });
    else writeFileSync(places.macros, formatRecords(records), { mode: 0o600 });
    writeFileSync(places.state, JSON.stringify(state), { mode: 0o600 });
    return true;
  }
}

/** The objects of a kept build whose macros are unknown, and how to query them. */
export interface Unrecorded {
  objects: string[];
  records: MacroRecords;
  /** The macros of the generated header. */
  header: ReadonlyMap<string, string>;
  /** The build's path of the build directory. */
  seen: string;
  order: unknown;
}

/** The open queries about a kept build; undefined if there are none, or no such build. */
export function unrecordedObjects(places: KeptPlaces, build: string): Unrecorded | undefined {
  const state = readState(places.state);
  if (state === undefined || !isOfGcc(build)) return undefined;
  const graph = readGraph(build, build);
  if (graph === undefined) return undefined;
  const headers = new Set<string>();
  for (const inputs of graph.read.values())
    for (const input of inputs) if (path.posix.basename(input) === HEADER) headers.add(input);
  // There is one such header; two could contradict each other.
  const [header] = headers;
  if (header === undefined || headers.size > 1) return undefined;
  let macros: ReadonlyMap<string, string> | undefined;
  try {
    macros = parseMacros(readFileSync(path.join(build, header), 'utf8'));
  } catch {
    return undefined;
  }
  if (macros === undefined) return undefined;
  const records = readRecords(places.macros) ?? new Map();
  const objects = graph.edges
    .filter(edge => isCompile(edge))
    .flatMap(({ outputs }) => outputs)
    .filter(object => !records.has(object) && graph.read.get(object)?.includes(header));
  return { objects, records, header: macros, seen: graph.seen, order: state.order };
}

/** Stores the answers, if the directory has not changed since the query. */
export function saveRecords(places: KeptPlaces, build: string, records: MacroRecords): boolean {
  const state = readState(places.state);
  if (state === undefined || stampsOf(build).digest !== state.stamps) return false;
  writeFileSync(`${places.macros}.part`, formatRecords(records), { mode: 0o600 });
  renameSync(`${places.macros}.part`, places.macros);
  return true;
}

/** Disk space and time of last use of a kept build; undefined if there is none. */
export function keptSize(state: string): { bytes: number; used: number } | undefined {
  const found = readState(state);
  return found === undefined ? undefined : { bytes: found.bytes, used: statSync(state).mtimeMs };
}

/** Marks a kept build as used. */
export function touchKept(state: string): void {
  const now = Date.now() / 1000;
  utimesSync(state, now, now);
}

function readState(file: string): State | undefined {
  try {
    const state = JSON.parse(readFileSync(file, 'utf8')) as State;
    return state.schema === SCHEMA ? state : undefined;
  } catch {
    return undefined;
  }
}

function readRecords(file: string): MacroRecords | undefined {
  try {
    return parseRecords(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Ninja's data: the commands of the configured directory, and the dependencies of the kept one. */
function readGraph(
  configured: string,
  kept: string,
): { edges: Edge[]; read: Map<string, string[]>; seen: string } | undefined {
  const cache = parseCmakeCache(readRecord(configured, 'CMakeCache.txt')?.toString('utf8') ?? '');
  const seen = cache.get('CMAKE_CACHEFILE_DIR');
  const manifest = readRecord(configured, 'build.ninja')?.toString('utf8');
  const log = readRecord(kept, '.ninja_deps');
  const deps = log && parseNinjaDeps(log);
  if (seen === undefined || manifest === undefined || !deps) return undefined;
  const edges = parseBuildGraph(manifest, seen);
  if (edges === undefined) return undefined;
  const read = new Map(
    [...deps].map(([output, inputs]) => [placeIn(seen, output), inputs.map(input => placeIn(seen, input))]),
  );
  return { edges, read, seen };
}

/** Other compilers accept `-dU` with another meaning. */
function isOfGcc(build: string): boolean {
  try {
    const folder = path.join(build, 'CMakeFiles');
    const versions = readdirSync(folder).filter(name => /^\d+\.\d/.test(name));
    const files = versions.flatMap(version =>
      ['C', 'CXX', 'ASM'].map(language => path.join(folder, version, `CMake${language}Compiler.cmake`)),
    );
    const texts = files.filter(file => existsSync(file)).map(file => readFileSync(file, 'utf8'));
    const ids = texts.flatMap(
      text => /^set\(CMAKE_(?:C|CXX|ASM)_COMPILER_ID "(.*)"\)/m.exec(text)?.[1] ?? [],
    );
    return ids.length > 0 && ids.every(id => id === 'GNU' || id === '');
  } catch {
    return false;
  }
}

/** The stamps of all files in a directory, and their total size. */
function stampsOf(directory: string): { digest: string; bytes: number } {
  const hash = createHash('sha256');
  let bytes = 0;
  const visit = (inner: string): void => {
    for (const entry of readdirSync(inner, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const file = path.join(inner, entry.name);
      if (entry.isDirectory()) {
        hash.update(`${entry.name}/`);
        visit(file);
        hash.update('..');
        continue;
      }
      const { ino, size, mtimeNs, ctimeNs, blocks } = lstatSync(file, { bigint: true });
      bytes += Number(blocks) * 512;
      hash.update(`${entry.name}\0${ino}:${size}:${mtimeNs}:${ctimeNs}\0`);
    }
  };
  visit(directory);
  return { digest: hash.digest('hex'), bytes };
}
