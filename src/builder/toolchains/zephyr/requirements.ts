// What a build with west needs of a machine besides west and a workspace, piece by piece, and how to get what is missing.

import path from 'node:path';
import { interpreterOf } from '../program-identity.ts';
import { findProgram } from '../programs.ts';
import { type BuildTools, buildTools } from './tools.ts';
import { WEST } from './west-build.ts';

/** One thing that a build needs. */
export interface Requirement {
  name: string;
  /** What is there; undefined when nothing is. */
  found: string | undefined;
  /** Whether a build fails without it. */
  isNeeded: boolean;
  /** How to get it. */
  remedy: string;
}

/** How systems' own packages call a program. */
const PACKAGES: Readonly<Record<string, { apt: string; brew: string }>> = {
  cmake: { apt: 'cmake', brew: 'cmake' },
  ninja: { apt: 'ninja-build', brew: 'ninja' },
  dtc: { apt: 'device-tree-compiler', brew: 'dtc' },
};

/** Programs without which no build gets anywhere. */
const NEEDED = ['cmake', 'ninja'];

/**
 * Looks for everything that a build in this environment would miss: CMake, Ninja, dtc, a compiler that Zephyr would use,
 * and the Python packages of west's interpreter. Rejects only with the reason of `signal`.
 */
export async function examineRequirements(
  environment: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Requirement[]> {
  const found = await buildTools(environment, { signal });
  const program = (name: string): Requirement => ({
    ...{ name, isNeeded: NEEDED.includes(name), remedy: howToInstall(name) },
    found: found.tools[name]?.version ?? undefined,
  });
  const python = await pythonFor(environment);
  const module = (name: string, distribution: string): Requirement => {
    const version = found.python?.packages[distribution] ?? undefined;
    return {
      ...{
        name: `Python's ${name}`,
        isNeeded: true,
        remedy: `Install it: ${python} -m pip install ${distribution}`,
      },
      found:
        version === undefined ? undefined : `${distribution} ${version}, Python ${found.python?.version}`,
    };
  };
  return [
    ...['cmake', 'ninja', 'dtc'].map(program),
    await compiler(found, environment),
    module('west', 'west'),
    module('elftools', 'pyelftools'),
  ];
}

/** The programs that a build cannot do without and that are not in PATH. */
export async function missingPrograms(environment: Readonly<Record<string, string>>): Promise<string[]> {
  const found = await Promise.all(NEEDED.map(name => findProgram(name, '/', environment)));
  return NEEDED.filter((_, index) => found[index] === undefined);
}

/** How to get a program, as a sentence. */
export function howToInstall(name: string): string {
  const packages = PACKAGES[name] ?? { apt: name, brew: name };
  return process.platform === 'darwin'
    ? `Install it: brew install ${packages.brew}`
    : `Install it: apt install ${packages.apt}, or as your system calls it`;
}

/** The compiler that Zephyr would choose, by the variables that it chooses by. */
async function compiler(
  { tools, sdks }: BuildTools,
  environment: Readonly<Record<string, string>>,
): Promise<Requirement> {
  const variant = environment.ZEPHYR_TOOLCHAIN_VARIANT;
  const sdk = sdks.find(one => one.compiler !== null);
  const [arm, cross] = [tools.GNUARMEMB_TOOLCHAIN_PATH, tools.CROSS_COMPILE].map(one => one?.version);
  const found =
    variant === 'gnuarmemb'
      ? arm
      : variant === 'cross-compile'
        ? cross
        : variant === undefined || variant === 'zephyr'
          ? ((sdk && `Zephyr SDK ${sdk.version}`) ?? (variant === undefined ? (arm ?? cross) : undefined))
          : `chosen by ZEPHYR_TOOLCHAIN_VARIANT=${variant}`;
  // That of a distribution is there in PATH, where Zephyr does not look by itself.
  const own = await findProgram('arm-none-eabi-gcc', '/', environment);
  const remedy =
    own === undefined
      ? 'Install the Zephyr SDK: https://docs.zephyrproject.org/latest/develop/toolchains/zephyr_sdk.html'
      : `To use ${own}: ZEPHYR_TOOLCHAIN_VARIANT=gnuarmemb GNUARMEMB_TOOLCHAIN_PATH=${path.dirname(path.dirname(own))}`;
  return { name: 'compiler', found: found ?? undefined, isNeeded: true, remedy };
}

/** The interpreter that west runs in, as a person would call it. */
async function pythonFor(environment: Readonly<Record<string, string>>): Promise<string> {
  const own = await interpreterOf(WEST, environment);
  return own !== undefined && /python/.test(own) ? own : 'python3';
}
