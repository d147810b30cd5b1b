// Which inputs a Zephyr build has really read, taken from the records that its tools leave in the build directory:
//
//   preprocessor   zephyr/zephyr.dts.pre.d, *.d   ─┐
//   ninja          .ninja_deps                     ├─► files of the user's own ─┐
//   Kconfig        zephyr/kconfig/sources.txt      │                            ├─► ObservedInputs
//   CMake          build.ninja, CMakeCache.txt    ─┘   names looked for in vain ┘
//
// What is not certain counts as an input.
import type { ObservedInputs } from '../../../domains/compilation/toolchain.ts';
import { Observation } from './observation.ts';
import { type ObserveOptions, Places } from './places.ts';
import { readRecords } from './records.ts';

export { type ObserveOptions, Places, type SeenDirectory } from './places.ts';

/**
 * The inputs of a successful build that are not the workspace's own: files of the config directory and elsewhere that
 * were read, directories whose listing mattered, and what was looked for and not there. Undefined when the records do
 * not tell, because they are missing, damaged, or list what is not there any more: then all declared inputs count.
 *
 * Call it before the build directory, or a copy that the build was given, is removed. Starts no program, follows no link
 * below the build directory, and never rejects.
 */
export async function observeZephyrBuild(options: ObserveOptions): Promise<ObservedInputs | undefined> {
  const { buildDirectory, configDirectory } = options;
  const records = readRecords(buildDirectory);
  if (!records) return undefined;
  try {
    const places = new Places(options);
    // Else they are those of another build, such as one that was copied.
    if (places.here(records.cache.get('CMAKE_CACHEFILE_DIR')!) !== buildDirectory) return undefined;
    return new Observation(places, records, configDirectory).result();
  } catch {
    // Something was removed, or cannot be read: whoever reads the declared inputs says what.
    return undefined;
  }
}
