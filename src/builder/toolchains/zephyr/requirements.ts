// Requirements of a build with west, besides west and a workspace: each with its state on this machine and its remedy.

import path from 'node:path';
import { interpreterOf } from '../program-identity.ts';
import { findProgram } from '../programs.ts';
import { type BuildTools, buildTools } from './tools.ts';
import { WEST } from './west-build.ts';

/** One requirement of a build. */
export interface Requirement {
  name: string;
  /** What was found; undefined if it is missing. */
  found: string | undefined;
  /** Whether builds fail without it. */
  isNeeded: boolean;
  /** How to install it. */
  remedy: string;
}

/** Package names of a program. */
const PACKAGES: Readonly<Record<string, { apt: string; brew: string }>> = {
  cmake: { apt: 'cmake', brew: 'cmake' },
  ninja: { apt: 'ninja-build', brew: 'ninja' },
  dtc: { apt: 'device-tree-compiler', brew: 'dtc' },
};

/** Programs without which every build fails. */
const NEEDED = ['cmake', 'ninja'];

/**
 * Checks all requirements of a build in this environment: CMake, Ninja, dtc, a compiler that Zephyr would use, and the
 * Python packages of west's interpreter. Rejects only with the reason of `signal`.
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

/** The required programs that are not in PATH. */
export async function missingPrograms(environment: Readonly<Record<string, string>>): Promise<string[]> {
  const found = await Promise.all(NEEDED.map(name => findProgram(name, '/', environment)));
  return NEEDED.filter((_, index) => found[index] === undefined);
}

/** How to install a program, as a sentence. */
export function howToInstall(name: string): string {
  const packages = PACKAGES[name] ?? { apt: name, brew: name };
  return process.platform === 'darwin'
    ? `Install it: brew install ${packages.brew}`
    : `Install it: apt install ${packages.apt}, or your system's package of it`;
}

/** The compiler that Zephyr would choose, according to its variables. */
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
  // A distribution's compiler is in PATH, where Zephyr does not look by default.
  const own = await findProgram('arm-none-eabi-gcc', '/', environment);
  const remedy =
    own === undefined
      ? 'Install the Zephyr SDK: https://docs.zephyrproject.org/latest/develop/toolchains/zephyr_sdk.html'
      : `To use ${own}: ZEPHYR_TOOLCHAIN_VARIANT=gnuarmemb GNUARMEMB_TOOLCHAIN_PATH=${path.dirname(path.dirname(own))}`;
  return { name: 'compiler', found: found ?? undefined, isNeeded: true, remedy };
}

/** The command of the interpreter that west runs in. */
async function pythonFor(environment: Readonly<Record<string, string>>): Promise<string> {
  const own = await interpreterOf(WEST, environment);
  return own !== undefined && /python/.test(own) ? own : 'python3';
}
