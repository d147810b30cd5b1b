// A project for the toolchain tests: a directory with declared inputs, and a build directory.
import { mkdtempSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Target } from '../../../src/builder/matrix/target.ts';
import { createToolchain, type ToolchainDescription } from '../../../src/builder/toolchains/index.ts';
import type { CompileJob, CompileOutcome } from '../../../src/builder/toolchains/toolchain.ts';
import type { CommandToolchainOptions } from '../../../src/config/toolchain-options.ts';
import { createRig, type Rig } from '../rig/rig.ts';

export const target: Target = { board: 'nice_nano_v2', shield: 'corne_left', artifactName: 'left' };

export interface Project {
  directory: string;
  build: string;
  put(file: string, content?: string): Promise<string>;
}

/** A project's directory with one declared input, and an empty build directory beside it. */
export async function projectFor(t: ExecutionContext): Promise<Project> {
  const parent = await mkdtemp(path.join(os.tmpdir(), 'glovebox-test-'));
  t.teardown(() => rm(parent, { recursive: true, force: true }));
  const project: Project = {
    directory: path.join(parent, 'project'),
    build: path.join(parent, 'build'),
    async put(file, content = '') {
      const full = path.resolve(project.directory, file);
      await mkdir(path.dirname(full), { recursive: true });
      await writeFile(full, content);
      return full;
    },
  };
  await mkdir(project.build, { recursive: true });
  await project.put('config/corne.keymap', 'keys');
  return project;
}

/** The parts of the project's command toolchain. */
export function describe(project: Project, options: CommandToolchainOptions): ToolchainDescription {
  return { kind: 'command', options, directory: project.directory, configDirectory: project.directory };
}

/** A job that compiles {@link target} in the project. */
export function jobIn(project: Project, job: Partial<CompileJob> = {}): CompileJob {
  return {
    target,
    buildDirectory: project.build,
    artifactDirectory: mkdtempSync(path.join(project.directory, '..', 'artifacts-')),
    jobs: 3,
    logFile: path.join(project.directory, '..', 'log'),
    signal: new AbortController().signal,
    onOutput: () => {},
    ...job,
  };
}

export interface Compiling {
  rig: Rig;
  project: Project;
  outcome: Promise<CompileOutcome>;
}

/** Starts a compile whose compiler is a rig. */
export async function compiling(
  t: ExecutionContext,
  options: {
    toolchain?: Partial<CommandToolchainOptions>;
    job?: Partial<CompileJob>;
    project?: Project;
    /** Arguments after the program's own. */
    more?: readonly string[];
  } = {},
): Promise<Compiling> {
  const rig = await createRig(t, options.toolchain === undefined ? {} : { toolchain: options.toolchain });
  const project = options.project ?? (await projectFor(t));
  const { toolchainOptions } = rig;
  const all = [...toolchainOptions.arguments, ...(options.more ?? [])];
  const outcome = createToolchain(describe(project, { ...toolchainOptions, arguments: all })).compile(
    jobIn(project, options.job),
  );
  return { rig, project, outcome };
}

/** A toolchain whose program is this JavaScript. */
export function scripted(
  script: string,
  options: Partial<CommandToolchainOptions> = {},
): CommandToolchainOptions {
  return {
    program: process.execPath,
    arguments: ['-e', script, '--', '{build}'],
    inputs: ['config/**'],
    artifacts: ['*.uf2'],
    ...options,
  };
}
