// A machine on which west builds small ZMKs with the real Ninja and GCC, and a toolchain there that may keep directories.
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Target } from '../../../src/builder/matrix/target.ts';
import type {
  BuildPath,
  CompileJob,
  CompileOutcome,
  Toolchain,
} from '../../../src/builder/toolchains/toolchain.ts';
import { programFile } from '../../support/program-file.ts';
import { writeFiles } from '../toolchains/observed/workspace.ts';
import { benchFor, target, toolchainOf } from '../toolchains/west-project.ts';
import type { WestMachine } from '../west-rig/west-rig.ts';
import { sourceFiles } from './sources.ts';

/** Why these tests cannot run here; undefined when they can. */
export function whyNot(): string | undefined {
  const missing = ['ninja', 'gcc', 'ar', 'cksum', 'xargs', 'sed'].filter(name => {
    try {
      return programFile(name) === '';
    } catch {
      return true;
    }
  });
  return missing.length === 0 ? undefined : `there is no ${missing.join(', no ')} in PATH`;
}

export interface ObjectBench {
  machine: WestMachine;
  toolchain: Toolchain;
  /** Builds in the target's own place, upon the last build if that is wanted. */
  build(
    isIncremental?: boolean,
    more?: Partial<CompileJob>,
  ): Promise<{ outcome: CompileOutcome; path: BuildPath | undefined }>;
  /** Records what the objects of the last build use. */
  record(signal?: AbortSignal): Promise<boolean>;
  /** Writes files of the config. */
  write(files: Record<string, string>): void;
  /** Where they are. */
  configDirectory: string;
  /** A build that shares nothing with any other. */
  pristine(of?: Target): Promise<CompileOutcome>;
}

/** For tests that run one after another. */
export async function objectBench(t: ExecutionContext): Promise<ObjectBench> {
  const { machine, job } = await benchFor(t, { environment: { PATH: '' } });
  const bin = path.join(machine.root, 'bin');
  process.env.PATH = [
    bin,
    ...new Set([
      path.dirname(programFile('ninja', SYSTEM)),
      path.dirname(programFile('gcc', SYSTEM)),
      '/usr/bin',
      '/bin',
    ]),
  ].join(':');
  // There it is a program that does nothing.
  rmSync(path.join(bin, 'ninja'));
  const script = path.join(import.meta.dirname, 'small-zephyr.ts');
  machine.install(
    'west',
    `if [ "$1" = --version ]; then echo 'West version: v1.2.0'; else exec '${process.execPath}' '${script}' "$@"; fi`,
  );
  // It is asked for its version, and to have Ninja build.
  machine.install(
    'cmake',
    `if [ "$1" = --build ]; then echo "$CMAKE_BUILD_PARALLEL_LEVEL processes"; exec ninja -C "$2" --quiet; else echo 'cmake version 3.25.1'; fi`,
  );
  writeFiles(machine.workspace, sourceFiles());
  for (const project of ['zmk', 'zephyr']) machine.commit(project);
  // With a blank in it CMake would run again each time, as with Zephyr 3.
  const configDirectory = path.join(machine.root, 'keyboard');
  const toolchain = () => toolchainOf(machine, { configDirectory, cacheRoot: machine.cacheRoot });
  return {
    machine,
    toolchain: toolchain(),
    async build(isIncremental = true, more = {}) {
      let taken: BuildPath | undefined;
      const outcome = await toolchain().compile(
        job({
          incremental: isIncremental,
          ...more,
          onPath: way => {
            taken = way;
            more.onPath?.(way);
          },
        }),
      );
      return { outcome, path: taken };
    },
    record: (signal = new AbortController().signal) => toolchain().recordMacros!(target, { signal, jobs: 2 }),
    pristine: (of = target) => toolchainOf(machine, { configDirectory }).compile(job({ target: of })),
    write: files => writeFiles(configDirectory, files),
    configDirectory,
  };
}

const SYSTEM = process.env.PATH;

/** The artifacts of a build, whole; or what it failed of. */
export function whole(outcome: CompileOutcome): Record<string, string> {
  if (!outcome.ok) return { failed: outcome.reason };
  return Object.fromEntries(
    outcome.artifacts.map(({ name, path: file }) => [name, readFileSync(file, 'latin1')]),
  );
}
