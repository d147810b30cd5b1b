// Programs of a Zephyr build, found by the names that the build looks for, and identified by their content: another
// program with the same name can change the firmware, and the same program in another directory cannot.
import path from 'node:path';
import { isInside, namesInNow, resolveReal } from '../../../system/paths.ts';
import { textIfReadable } from '../../../system/text-file.ts';
import type { NamedPlace } from '../../inputs/path-base.ts';
import { type IdentifyOptions, identifyProgram, type ProgramIdentity } from '../program-identity.ts';
import { findProgram } from '../programs.ts';
import { findPython, type PythonIdentity, pythonPrograms } from './python-packages.ts';
import { WEST } from './west-build.ts';

/** A Zephyr SDK, wherever it is. Plain JSON. */
export interface SdkIdentity {
  /** The content of its `sdk_version`. */
  version: string;
  /** Its compiler for keyboards; null if it has none. */
  compiler: ProgramIdentity | null;
}

/** All tools that a build finds through its environment. Plain JSON, without paths. */
export interface BuildTools {
  /** By the names that the build looks for; null for missing ones. */
  tools: Record<string, ProgramIdentity | null>;
  python: PythonIdentity | null;
  /** The SDKs that Zephyr may choose from. */
  sdks: SdkIdentity[];
}

/** Programs that west, CMake, Zephyr and ZMK look for in PATH, and that can change the firmware. */
export const PROGRAMS: readonly string[] = [WEST, 'cmake', 'ninja', 'python3', 'dtc', 'gperf', 'protoc'];

/** Paths of the compiler for keyboards in an SDK. */
const SDK_COMPILERS = [
  'arm-zephyr-eabi/bin/arm-zephyr-eabi-gcc',
  'gnu/arm-zephyr-eabi/bin/arm-zephyr-eabi-gcc',
];

/** The tools of a build in this environment. At most a few seconds old. Rejects only with the reason of the signal. */
export async function buildTools(
  environment: Readonly<Record<string, string>>,
  options: IdentifyOptions = {},
): Promise<BuildTools> {
  const programs = namedPrograms(environment);
  const identify = async ([name, program]: [string, string]) =>
    [name, await identifyProgram(program, environment, options)] as const;
  const [tools, python, sdks] = await Promise.all([
    Promise.all(Object.entries(programs).map(identify)),
    findPython(environment, options),
    Promise.all(sdkDirectories(environment).map(directory => identifySdk(directory, environment, options))),
  ]);
  const found = sdks.filter(sdk => sdk !== undefined).map(sdk => [JSON.stringify(sdk), sdk] as const);
  const distinct = [...new Map(found)].sort(([a], [b]) => (a < b ? -1 : 1));
  const known = python?.identity ?? null;
  return { tools: Object.fromEntries(tools), python: known, sdks: distinct.map(([, sdk]) => sdk) };
}

/**
 * The places of a build's tools in this environment, so that files there have portable names. The compilers come first. Rejects only with the reason of the signal.
 */
export async function toolPlaces(
  environment: Readonly<Record<string, string>>,
  options: IdentifyOptions = {},
): Promise<NamedPlace[]> {
  const { HOME = '/' } = environment;
  const isShared = (directory: string) =>
    isInside(resolveReal(HOME), directory) || isOfAllPrograms(directory);
  const found = async (names: Readonly<Record<string, string>>) => {
    const files = await Promise.all(
      Object.entries(names).map(
        async ([name, program]) => [name, program, await findProgram(program, '/', environment)] as const,
      ),
    );
    return files.flatMap(([name, program, file]): (NamedPlace & { program: string })[] => {
      if (file === undefined) return [];
      const directory = path.dirname(path.dirname(resolveReal(file)));
      return [{ name, program, directory, isShared: isShared(directory) }];
    });
  };
  const compiling = (await found(compilers(environment))).map(({ program, ...place }) => ({
    ...place,
    mark: path.basename(program).replace(/-?gcc$/, ''),
  }));
  const named = Object.fromEntries(PROGRAMS.map(name => [name, name]));
  const others = (await found(named))
    .filter(place => !place.isShared)
    .map(({ program: _, ...place }) => place);
  const python = await findPython(environment, options);
  const ofPython = Object.entries(python?.places ?? {})
    .map(([name, directory]): NamedPlace => ({ name, directory }))
    .filter(({ name, directory }) => name === 'python:user' || !isShared(directory));
  return [...compiling, ...sdkPlaces(environment), ...ofPython, ...others];
}

/** The SDKs by version. Two with the same version are left out: the version would not tell them apart elsewhere. */
function sdkPlaces(environment: Readonly<Record<string, string>>): NamedPlace[] {
  const byVersion = new Map<string, Set<string>>();
  for (const directory of sdkDirectories(environment)) {
    const version = textIfReadable(path.join(directory, 'sdk_version'))?.trim();
    if (version === undefined) continue;
    byVersion.set(version, (byVersion.get(version) ?? new Set()).add(resolveReal(directory)));
  }
  return [...byVersion]
    .filter(([version, directories]) => directories.size === 1 && !/[{}/]/.test(version))
    .map(([version, directories]) => ({ name: `sdk:${version}`, directory: [...directories][0]! }));
}

/** Whether a directory holds programs of all kinds. */
function isOfAllPrograms(directory: string): boolean {
  return ['/', '/usr', '/usr/local', '/opt'].includes(directory);
}

/** Paths of the programs that {@link buildTools} identifies by content in this environment. Absolute. */
export async function identifiedPrograms(environment: Readonly<Record<string, string>>): Promise<string[]> {
  const programs = Object.values(namedPrograms(environment));
  const found = await Promise.all(programs.map(program => findProgram(program, '/', environment)));
  return [...found.filter(file => file !== undefined), ...(await pythonPrograms(environment))];
}

/** The programs to look for, by their names in {@link BuildTools.tools}. */
function namedPrograms(environment: Readonly<Record<string, string>>): Record<string, string> {
  return { ...Object.fromEntries(PROGRAMS.map(name => [name, name])), ...compilers(environment) };
}

/** The compilers outside SDKs that Zephyr may choose, according to its variables. */
export function compilers({
  GNUARMEMB_TOOLCHAIN_PATH,
  CROSS_COMPILE,
}: Readonly<Record<string, string>>): Record<string, string> {
  return {
    'arm-none-eabi-gcc': 'arm-none-eabi-gcc',
    ...(GNUARMEMB_TOOLCHAIN_PATH
      ? { GNUARMEMB_TOOLCHAIN_PATH: path.join(GNUARMEMB_TOOLCHAIN_PATH, 'bin/arm-none-eabi-gcc') }
      : {}),
    ...(CROSS_COMPILE ? { CROSS_COMPILE: `${CROSS_COMPILE}gcc` } : {}),
  };
}

/** Directories that may be an SDK, at the places where Zephyr looks for one. */
export function sdkDirectories({
  ZEPHYR_SDK_INSTALL_DIR,
  HOME = '/',
}: Readonly<Record<string, string>>): string[] {
  const parents = ['/usr', '/usr/local', '/opt', HOME];
  for (const below of ['.local', '.local/opt', 'bin']) parents.push(path.join(HOME, below));
  const directories = parents.flatMap(parent => {
    return namesInNow(parent)
      .sort()
      .filter(name => name.startsWith('zephyr-sdk'))
      .map(name => path.join(parent, name));
  });
  // CMake's registry: each file contains the path of a directory.
  const registry = path.join(HOME, '.cmake/packages/Zephyr-sdk');
  for (const name of namesInNow(registry).sort())
    directories.push(path.dirname(textIfReadable(path.join(registry, name))?.trim() ?? '/'));
  if (ZEPHYR_SDK_INSTALL_DIR) directories.push(ZEPHYR_SDK_INSTALL_DIR);
  return [...new Set(directories)];
}

async function identifySdk(
  directory: string,
  environment: Readonly<Record<string, string>>,
  options: IdentifyOptions,
): Promise<SdkIdentity | undefined> {
  const version = textIfReadable(path.join(directory, 'sdk_version'))?.trim();
  if (version === undefined) return undefined;
  let compiler: ProgramIdentity | null = null;
  for (const place of SDK_COMPILERS)
    compiler ??= await identifyProgram(path.join(directory, place), environment, options);
  return { version, compiler };
}
