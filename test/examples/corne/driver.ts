// Runs the example's compiler driver as a toolchain would, on copies of the example.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
/** The example in the repository. */
export const example = join(repository, 'examples', 'corne');

/** A directory for the test; the caller removes it. */
export async function temporaryDirectory(): Promise<string> {
  return realpath(await mkdtemp(join(tmpdir(), 'glovebox-corne-')));
}

/** Copies the files that a user edits. The example's own driver builds them. */
export async function copyConfig(to: string): Promise<string> {
  await cp(join(example, 'config'), join(to, 'config'), { recursive: true });
  return to;
}

/** Copies the example, driver included, to a place that only npm packages connect to this repository. */
export async function copyExample(to: string): Promise<string> {
  await copyConfig(to);
  await cp(join(example, 'toolchain'), join(to, 'toolchain'), { recursive: true });
  await symlink(join(repository, 'node_modules'), join(to, 'node_modules'), 'dir');
  return to;
}

export interface Run {
  status: number;
  stdout: string;
  stderr: string;
}

/** Starts the driver in `directory`: its own if it has one, else the example's. */
export function runDriver(directory: string, args: string[]): Promise<Run> {
  const own = join(directory, 'toolchain');
  const program = join(existsSync(own) ? own : join(example, 'toolchain'), 'build.ts');
  return new Promise(resolve => {
    execFile(
      process.execPath,
      [program, ...args],
      { cwd: directory, timeout: 100_000 },
      (error, stdout, stderr) => {
        const status = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
        resolve({ status, stdout, stderr });
      },
    );
  });
}

/** Builds one half in `directory`. The artifacts are `firmware.uf2` and `firmware.elf` in `build`. */
export async function buildHalf(directory: string, half: 'left' | 'right', build: string): Promise<Run> {
  await mkdir(build, { recursive: true });
  const target = ['--board', 'nice_nano_v2', '--shield', `corne_${half}`];
  const places = ['--config', directory, '--build', build, '--name', 'firmware'];
  return runDriver(directory, [...target, ...places, '--jobs', '2']);
}

export async function remove(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
