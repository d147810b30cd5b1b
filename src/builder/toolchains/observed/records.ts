// Records of a Zephyr build about the files that it read, from its build directory. They are untrusted: only regular
// files of bounded size are read, no link is followed, and one that cannot be parsed invalidates all.
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDependencyFile } from '../dependency-file.ts';
import { parseCmakeCache, parseDotConfig, parseQuotedFields } from './key-values.ts';
import { parseNinjaDeps } from './ninja-deps.ts';
import { parseCmakeInputs, parseCompiledSources, parseIncludeDirectories } from './ninja-manifest.ts';

/** Bytes. Ten times the largest record of a real build. */
const MAX_RECORD = 64 * 1024 * 1024;
/** Limit on files and directories in a build directory. */
const MAX_ENTRIES = 200_000;
const MAX_DEPTH = 64;

/** The records of one build. Paths are absolute, as the build saw them. */
export interface BuildRecords {
  /** All recorded files. */
  files: Set<string>;
  /** The devicetree's sources: board, overlays, keymap, and what they include. */
  devicetree: string[];
  /** Files that CMake read or was told to watch. */
  cmake: string[];
  /** Kconfig's sources. */
  kconfig: string[];
  /** CMake's variables. */
  cache: Map<string, string>;
  /** Kconfig's results of type string. */
  config: Map<string, string>;
  /** Zephyr's modules: `[name, directory, …]`. */
  modules: string[][];
  /** Directories that modules name as roots: `[BOARD_ROOT, directory]`. */
  roots: string[][];
  /** Compiled sources. */
  sources: string[];
  /** Files read to compile them. */
  compiled: Set<string>;
  /** Header directories. */
  includes: string[];
}

/** Reads all records. Returns the name of a required record if it is missing or damaged. */
export function readRecords(buildDirectory: string): BuildRecords | string {
  const read = (file: string) => readRecord(buildDirectory, file)?.toString('utf8');
  const cache = parseCmakeCache(read('CMakeCache.txt') ?? '');
  // As the build saw it: a container's paths differ from ours.
  const build = cache.get('CMAKE_CACHEFILE_DIR');
  const application = cache.get('CMAKE_HOME_DIRECTORY');
  if (!build || !application) return 'CMakeCache.txt';
  const manifest = read('build.ninja') ?? '';
  const cmake = parseCmakeInputs(manifest)?.map(file => absolute(build, file));
  if (!cmake) return 'build.ninja';
  const kconfig = (read('zephyr/kconfig/sources.txt') ?? '')
    .split(/\r?\n/)
    .filter(line => line !== '')
    .map(file => absolute(application, file));
  if (kconfig.length === 0) return 'zephyr/kconfig/sources.txt';
  const dotConfig = read('zephyr/.config');
  if (dotConfig === undefined) return 'zephyr/.config';
  const log = readRecord(buildDirectory, '.ninja_deps');
  const compiled = log && parseNinjaDeps(log);
  if (!compiled || compiled.size === 0) return '.ninja_deps';
  const dependencies = readDependencyFiles(buildDirectory);
  if (typeof dependencies === 'string') return dependencies;

  const devicetree: string[] = [];
  const inputs = new Set<string>();
  for (const files of compiled.values()) for (const file of files) inputs.add(absolute(build, file));
  const files = new Set([...cmake, ...kconfig, ...inputs]);
  for (const [name, listed] of dependencies) {
    // The devicetree's preprocessor runs in the application's directory, all others in the build's.
    const isDevicetree = /^zephyr\/[^/]+\.dts(?:\.pre)?\.d$/.test(name);
    const resolved = listed.map(file => absolute(isDevicetree ? application : build, file));
    if (isDevicetree) devicetree.push(...resolved);
    for (const file of resolved) files.add(file);
  }
  if (devicetree.length === 0) return 'zephyr/zephyr.dts.pre.d';
  return {
    files,
    ...{ devicetree, cmake, kconfig, cache },
    config: parseDotConfig(dotConfig),
    modules: parseQuotedFields(read('zephyr_modules.txt') ?? ''),
    roots: parseQuotedFields(read('zephyr_settings.txt') ?? ''),
    compiled: inputs,
    sources: parseCompiledSources(manifest).map(file => absolute(build, file)),
    includes: parseIncludeDirectories(manifest).map(directory => absolute(build, directory)),
  };
}

/** Keeps `..`, because behind a link it means a different directory. */
function absolute(base: string, file: string): string {
  return path.isAbsolute(file) ? file : `${base}/${file}`;
}

/** A file of the build directory; undefined if it is missing, not a regular file, behind a link or too large. */
export function readRecord(buildDirectory: string, relative: string): Buffer | undefined {
  const parts = relative.split('/');
  let descriptor: number | undefined;
  try {
    for (let length = 1; length < parts.length; length++) {
      if (!lstatSync(path.join(buildDirectory, ...parts.slice(0, length))).isDirectory()) return undefined;
    }
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
    descriptor = openSync(path.join(buildDirectory, relative), flags);
    const stats = fstatSync(descriptor);
    return stats.isFile() && stats.size <= MAX_RECORD ? readFileSync(descriptor) : undefined;
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/**
 * The contents of all dependency files in the build directory, by name; Ninja has already removed those that it
 * recorded. Returns the name of a damaged one, if any.
 */
function readDependencyFiles(buildDirectory: string): Map<string, string[]> | string {
  const found = new Map<string, string[]>();
  let entries = 0;
  let damaged = 'file list';
  const visit = (relative: string, depth: number): boolean => {
    if (depth > MAX_DEPTH) return false;
    for (const entry of readdirSync(path.join(buildDirectory, relative), { withFileTypes: true })) {
      if (++entries > MAX_ENTRIES) return false;
      const name = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!visit(name, depth + 1)) return false;
      } else if (/\.d(?:ep)?$/.test(entry.name)) {
        const text = readRecord(buildDirectory, name)?.toString('utf8');
        const listed = text === undefined ? undefined : parseDependencyFile(text);
        if (!listed) {
          damaged = name;
          return false;
        }
        found.set(name, listed);
      }
    }
    return true;
  };
  try {
    return visit('', 0) ? found : damaged;
  } catch {
    return damaged;
  }
}
