// Artifacts of a ZMK build, found where Zephyr writes them and named as ZMK's workflow names them.
import { type BigIntStats, lstatSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { isInside } from '../../../system/paths.ts';
import { nameArtifacts } from '../artifacts.ts';
import type { Artifact } from '../toolchain.ts';

/** The binary that must exist if there is no UF2, by default: the workflow's `fallback_binary`. */
export const DEFAULT_FALLBACK_BINARY = 'bin';

/** Names of the program: ZMK's, and Zephyr's. */
const PROGRAMS = ['zmk', 'zephyr'];
const KINDS = ['uf2', 'hex', 'bin', 'elf'];

export interface FirmwareOptions {
  /** The directory given to `west build` as `-d`. */
  build: string;
  artifactName: string;
  /** An extension, such as `bin` or `hex`. */
  fallbackBinary?: string | undefined;
  /** A file on the same file system, written before the build was started. */
  startMark: string;
}

/**
 * The existing ones of the artifacts `<name>.uf2`, `.hex`, `.bin`, `.elf`, `.config` and `.dts`; or a sentence that says
 * why they cannot be used. There must be a UF2 or the fallback binary, a regular file in the build directory itself,
 * newer than the mark: a build system that finds nothing to do would leave the old firmware.
 */
export async function collectFirmware(options: FirmwareOptions): Promise<Artifact[] | string> {
  const { build, artifactName, fallbackBinary = DEFAULT_FALLBACK_BINARY, startMark } = options;
  const directory = path.join(build, 'zephyr');
  const first = (names: string[]) => names.map(name => path.join(directory, name)).find(isThere);
  const binaries = [...new Set([...KINDS, fallbackBinary])]
    .map(kind => first(PROGRAMS.map(program => `${program}.${kind}`)))
    .filter(file => file !== undefined);
  const isFirmware = (file: string) => ['.uf2', `.${fallbackBinary}`].includes(path.extname(file));
  if (!binaries.some(isFirmware)) {
    return (
      `The build made no firmware: there is neither zephyr/zmk.uf2 nor zephyr/zmk.${fallbackBinary} in its directory. ` +
      'Say in build.fallbackBinary which binary this board makes (hex, bin, elf).'
    );
  }
  const config = first(['.config']);
  const devicetree = first(['zephyr.dts']) ?? first(['zephyr.dts.pre']);
  const files = [...binaries, ...[config, devicetree].filter(file => file !== undefined)];
  const root = await realpath(build);
  const started = lstatSync(startMark, { bigint: true }).ctimeNs;
  for (const file of files) {
    const problem = problemOf(lstatSync(file, { bigint: true }), started);
    if (problem !== undefined) return `The artifact ${path.relative(build, file)} ${problem}.`;
    if (!isInside(await realpath(file), root)) {
      return `The artifact ${path.relative(build, file)} is outside the build directory.`;
    }
  }
  const named = nameArtifacts([...binaries, ...(config === undefined ? [] : [config])], artifactName);
  if (typeof named === 'string' || devicetree === undefined) return named;
  // A `.dts.pre` is the devicetree, too.
  return [...named, { name: `${artifactName}.dts`, path: devicetree }].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
}

function problemOf(stats: BigIntStats, started: bigint): string | undefined {
  if (stats.isSymbolicLink()) return 'is a symbolic link, which is not followed';
  if (!stats.isFile()) return 'is not a regular file';
  if (stats.ctimeNs < started) return 'is older than the build, which did not make it anew';
  return undefined;
}

function isThere(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}
