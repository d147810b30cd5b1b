// Observed inputs of a Zephyr build, from the records that its tools leave in the build directory:
//
//   preprocessor   zephyr/zephyr.dts.pre.d, *.d   ─┐
//   ninja          .ninja_deps                     ├─► files of the user's own ─┐
//   Kconfig        zephyr/kconfig/sources.txt      │                            ├─► ObservedInputs
//   CMake          build.ninja, CMakeCache.txt    ─┘   names looked for in vain ┘
//
// Uncertain files count as inputs. If even their extent is unknown, the build's result is not stored.
import path from 'node:path';
import { InputCollector } from './input-collector.ts';
import { parseCompiledSources, parseIncludeDirectories } from './ninja-manifest.ts';
import { type ObserveOptions, PathMap } from './path-map.ts';
import { readRecord, readRecords } from './records.ts';
import { takesHidden } from './sources.ts';
import { type Trace, TraceBuilder } from './trace-builder.ts';

export { parseCmakeCache } from './key-values.ts';
export { type ObserveOptions, PathMap, type SeenDirectory, type UsedTools } from './path-map.ts';
export { readRecord } from './records.ts';
export type { Trace } from './trace-builder.ts';

/**
 * The inputs of a successful build apart from those of the workspace: files of the config directory and elsewhere that
 * were read, directories whose listing matters, names that were looked for in vain, and which declared inputs count as
 * well. Or, as the end of a sentence, why they cannot be determined: the records are missing, damaged, or of another
 * build.
 *
 * Call it before the build directory, or a copy that the build was given, is removed. Starts no program, follows no
 * link below the build directory, and never rejects.
 */
export async function observeZephyrBuild(options: ObserveOptions): Promise<Trace | { untraceable: string }> {
  const { buildDirectory } = options;
  const records = readRecords(buildDirectory);
  if (typeof records === 'string') {
    return {
      untraceable: `its build left no readable ${records}, so its inputs are unknown.`,
    };
  }
  try {
    const pathMap = new PathMap(options);
    // Otherwise the records are those of another build, for example of a copied directory.
    if (pathMap.toHost(records.cache.get('CMAKE_CACHEFILE_DIR')!) !== buildDirectory) {
      return { untraceable: 'the records in its build directory are those of another build.' };
    }
    return new InputCollector(options, pathMap, records).result();
  } catch (error) {
    // A file was removed, or cannot be read.
    return { untraceable: `its inputs cannot be determined: ${(error as Error).message}.` };
  }
}

/** The sources of a build's devicetree that no compiler has read, by the paths that they have as inputs. */
export function devicetreeSources(options: ObserveOptions): string[] {
  const records = readRecords(options.buildDirectory);
  if (typeof records === 'string') return [];
  const inputs = new TraceBuilder(new PathMap(options));
  const compiled = new Set([...records.compiled, ...records.kconfig].flatMap(seen => inputs.spellings(seen)));
  const sources = new Set(records.devicetree.flatMap(seen => inputs.spellings(seen)));
  return [...sources].filter(file => !compiled.has(file));
}

/**
 * The places of compiled code that is not in any project of the workspace, and the directories outside these that were
 * searched for headers. The build may have failed. Undefined if it had not begun to compile.
 */
export function compiledPlaces(options: ObserveOptions): string[] | undefined {
  const { buildDirectory } = options;
  const text = readRecord(buildDirectory, 'build.ninja')?.toString('utf8');
  if (text === undefined) return undefined;
  const trace = new TraceBuilder(new PathMap(options));
  const directories = [
    ...parseIncludeDirectories(text),
    ...parseCompiledSources(text).map(source => path.dirname(source)),
  ];
  const found = directories
    .flatMap(place => trace.spellings(path.isAbsolute(place) ? place : `${buildDirectory}/${place}`))
    .filter(place => trace.isInput(place));
  return [...new Set(found)];
}

/**
 * Whether a build that was configured will compile nothing but code of the workspace's projects, and only such that the
 * preprocessor sees whole. Its objects then are the same in every build with the same compiler and preprocessed sources.
 */
export function hasSharedCodeOnly(options: ObserveOptions): boolean {
  const { buildDirectory } = options;
  const text = readRecord(buildDirectory, 'build.ninja')?.toString('utf8');
  if (text === undefined) return false;
  const trace = new TraceBuilder(new PathMap(options));
  const onHost = (place: string) =>
    trace.pathMap.toHost(path.isAbsolute(place) ? place : `${buildDirectory}/${place}`);
  const isOwn = (place: string) => {
    const file = onHost(place);
    return file !== undefined && trace.pathMap.classify(file) === 'config';
  };
  const isShared = (source: string) => {
    const file = onHost(source);
    return file !== undefined && !trace.isInput(file) && !takesHidden(file);
  };
  return !parseIncludeDirectories(text).some(isOwn) && parseCompiledSources(text).every(isShared);
}
