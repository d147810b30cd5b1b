// What a Zephyr build leaves behind about what it read, taken from its build directory. Nothing in there is trusted: only
// regular files of bounded size are read, no link is followed, and what cannot be parsed makes all of it useless.
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDependencyFile } from '../dependency-file.ts';
import { parseCmakeCache, parseDotConfig, parseQuotedFields } from './key-values.ts';
import { parseNinjaDeps } from './ninja-deps.ts';
import { parseCmakeInputs, parseCompiledSources, parseIncludeDirectories } from './ninja-manifest.ts';

/** Bytes. Ten times what the largest builds leave. */
const MAX_RECORD = 64 * 1024 * 1024;
/** Files and directories in a build directory. */
const MAX_ENTRIES = 200_000;
const MAX_DEPTH = 64;

/** The records of one build. Paths are absolute and as the build saw them. */
export interface BuildRecords {
  /** Everything that was read, as far as anybody wrote it down. */
  files: Set<string>;
  /** The devicetree's sources: board, overlays, keymap, and what they include. */
  devicetree: string[];
  /** What CMake read or was told to watch. */
  cmake: string[];
  /** Kconfig's sources. */
  kconfig: string[];
  /** CMake's variables. */
  cache: Map<string, string>;
  /** Kconfig's results that are text. */
  config: Map<string, string>;
  /** Zephyr's modules: `[name, directory, …]`. */
  modules: string[][];
  /** Directories that modules name as roots: `[BOARD_ROOT, directory]`. */
  roots: string[][];
  /** What is compiled. */
  sources: string[];
  /** What was read to compile it. */
  compiled: Set<string>;
  /** Where compilers look for headers. */
  includes: string[];
}

/** Reads all records; the name of the one that every build leaves and that is missing or damaged, when there is such. */
export function readRecords(buildDirectory: string): BuildRecords | string {
  const read = (file: string) => readRecord(buildDirectory, file)?.toString('utf8');
  const cache = parseCmakeCache(read('CMakeCache.txt') ?? '');
  // As the build knew them: a container's paths are others than ours.
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
    // The preprocessor of the devicetree runs in the application's directory, all else in the build's.
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

/** With `..` kept, because it means something else behind a link. */
function absolute(base: string, file: string): string {
  return path.isAbsolute(file) ? file : `${base}/${file}`;
}

/** A file of the build directory, or undefined when it is missing, no regular file, behind a link or too large. */
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
 * What all dependency files in the build directory list, by their names; those that Ninja has taken over are gone already.
 * The name of one that is damaged, when there is such.
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
