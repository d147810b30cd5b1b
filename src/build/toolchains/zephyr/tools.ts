// The programs that a Zephyr build runs, by what they say of themselves: a new version makes new firmware of old files.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { CannotStartError, captureOutput } from '../../../process/process.ts';
import { findProgram } from '../programs.ts';
import { WEST } from './west-build.ts';

/** What each program says when it is asked for its version; null for those that are not there or do not work. */
export type ToolVersions = Readonly<Record<string, string | null>>;

/** Milliseconds. Python's programs take a second to start on a machine that has other things to do. */
const TIME_LIMIT = 60_000;

/** Milliseconds. Choosing a toolchain and describing it ask the same a moment apart. */
const FRESH = 5_000;

const PROGRAMS = [WEST, 'cmake', 'ninja', 'python3', 'dtc'];

const asked = new Map<string, { at: number; answer: Promise<string | null> }>();

/**
 * The versions of all programs in this environment, and of every compiler that it leads to. At most a few seconds old.
 * Never rejects but for `signal`.
 */
export async function toolVersions(
  environment: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<ToolVersions> {
  const programs = [...PROGRAMS, ...compilers(environment)];
  const versions = await Promise.all(programs.map(program => versionOf(program, environment, signal)));
  return {
    ...Object.fromEntries(programs.map((program, index) => [program, versions[index]!])),
    ...sdks(environment),
  };
}

/** What one program says; null when it is not there or does not work. At most a few seconds old. */
export async function versionOf(
  program: string,
  environment: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<string | null> {
  const file = await findProgram(program, '/', environment);
  const stats = file === undefined ? undefined : statSync(file, { bigint: true, throwIfNoEntry: false });
  if (file === undefined || stats === undefined) return null;
  const stamp = `${stats.dev}:${stats.ino}:${stats.size}:${stats.ctimeNs}`;
  const key = JSON.stringify([file, stamp, Object.entries(environment).sort()]);
  const known = asked.get(key);
  if (known !== undefined && performance.now() - known.at < FRESH) return known.answer;
  const answer = askVersion(file, environment, signal).catch(error => {
    asked.delete(key);
    throw error;
  });
  asked.set(key, { at: performance.now(), answer });
  return answer;
}

async function askVersion(
  command: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  try {
    const { exitCode, output } = await captureOutput({
      ...{ command, args: ['--version'], cwd: '/', env, timeLimit: TIME_LIMIT },
      ...(signal === undefined ? {} : { signal }),
    });
    signal?.throwIfAborted();
    return exitCode === 0 ? (output.split('\n')[0] ?? '') : null;
  } catch (error) {
    if (error instanceof CannotStartError) return null;
    throw error;
  }
}

/** The compilers that Zephyr may choose, by the variables that it chooses by. */
function compilers({ GNUARMEMB_TOOLCHAIN_PATH, CROSS_COMPILE }: Readonly<Record<string, string>>): string[] {
  return [
    'arm-none-eabi-gcc',
    ...(GNUARMEMB_TOOLCHAIN_PATH ? [path.join(GNUARMEMB_TOOLCHAIN_PATH, 'bin/arm-none-eabi-gcc')] : []),
    ...(CROSS_COMPILE ? [`${CROSS_COMPILE}gcc`] : []),
  ];
}

/** The versions of all Zephyr SDKs where Zephyr looks for one, by their directories. */
function sdks({ ZEPHYR_SDK_INSTALL_DIR, HOME = '/' }: Readonly<Record<string, string>>): ToolVersions {
  const found: Record<string, string> = {};
  const parents = ['/usr', '/usr/local', '/opt', HOME];
  for (const below of ['.local', '.local/opt', 'bin']) parents.push(path.join(HOME, below));
  const directories = parents.flatMap(parent => {
    return namesIn(parent)
      .filter(name => name.startsWith('zephyr-sdk'))
      .map(name => path.join(parent, name));
  });
  // CMake's registry: each file holds a directory.
  const registry = path.join(HOME, '.cmake/packages/Zephyr-sdk');
  for (const name of namesIn(registry))
    directories.push(path.dirname(textOf(path.join(registry, name)) ?? '/'));
  if (ZEPHYR_SDK_INSTALL_DIR) directories.push(ZEPHYR_SDK_INSTALL_DIR);
  for (const directory of new Set(directories)) {
    const version = textOf(path.join(directory, 'sdk_version'));
    if (version !== undefined) found[`SDK ${directory}`] = version;
  }
  return found;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
