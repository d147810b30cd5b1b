// A machine with west, a compiler and a workspace, all of them the test's. What `west build` does there is what the real
// one does, as far as Glovebox can tell; when it does it, and how it ends, is up to the test.
//
//   const machine = await createWestMachine(t);
//   const building = build({ configDirectory: machine.config, workspace: machine.workspace, … });
//   const run = await machine.rig.nextRun();
//   await run.exit(await run.build());
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { programFile } from '../../support/program-file.ts';
import { createRig, type Rig, type RigRun } from '../rig/rig.ts';
import { compilerScript, writeToolFiles } from '../toolchains/observed/tools.ts';
import { workspaceFiles, writeFiles } from '../toolchains/observed/workspace.ts';
import { freshRepository } from '../workspace/fresh-repository.ts';
import { parseWestBuild, westBuild } from './zephyr.ts';

/** The version output of each program. */
export const WEST_VERSIONS: Readonly<Record<string, string>> = {
  west: 'West version: v1.2.0',
  cmake: 'cmake version 3.25.1',
  ninja: '1.11.1',
  python3: 'Python 3.11.2',
  dtc: 'Version: DTC 1.6.1',
  'arm-none-eabi-gcc': 'arm-none-eabi-gcc (Arm GNU Toolchain 12.2.Rel1) 12.2.1 20221205',
};

/** By absolute paths, because tests have their own `PATH`. */
const INSTALL = programFile('install');
const BINARY = programFile('true');

/** A config with two halves of one keyboard. */
const CONFIG: Readonly<Record<string, string>> = {
  'build.yaml': 'board: [nice_nano_v2]\nshield: [corne_left, corne_right]\n',
  'config/west.yml': 'manifest:\n  projects: [{ name: zmk, url: https://example.org/zmk, revision: main }]\n',
  'config/corne.keymap': '#include <behaviors.dtsi>\n/ { keymap { a; }; };\n',
  'config/corne.conf': 'CONFIG_ZMK_SLEEP=y\n',
};

export interface WestMachineOptions {
  /** Runs `west build` by itself: called for every run instead of `rig.nextRun`. `'build'` only builds. */
  onRun?: 'build' | ((run: RigRun) => void | Promise<void>);
  /** Whether the programs are installed. Default: true. */
  programs?: boolean;
}

export class WestMachine {
  /** The root of all of it. */
  readonly root: string;
  readonly rig: Rig;
  /** The directory with `build.yaml`. */
  readonly config: string;
  readonly workspace: string;
  readonly cacheRoot: string;
  /** The home directory of the programs. */
  readonly home: string;
  /** The compiler's parts, besides the program in `PATH`: see {@link writeToolFiles}. */
  readonly tools: string;
  /** The environment for the programs. */
  readonly environment: Readonly<Record<string, string>>;

  constructor(root: string, rig: Rig) {
    const below = (name: string) => path.join(root, name);
    this.root = root;
    this.rig = rig;
    this.config = below('my config');
    this.workspace = below('workspace');
    this.cacheRoot = below('cache');
    this.home = below('home');
    this.tools = below('tools');
    this.environment = { PATH: below('bin'), HOME: this.home };
  }

  /** Makes this environment that of the test's thread, until the test ends. Only for serial tests. */
  use(t: ExecutionContext, more: Readonly<Record<string, string>> = {}): void {
    const before = { ...process.env };
    Object.assign(process.env, this.environment, more);
    t.teardown(() => {
      for (const name of Object.keys(process.env)) if (!Object.hasOwn(before, name)) delete process.env[name];
      Object.assign(process.env, before);
    });
  }

  /** Puts a program into `PATH`: a shell script. */
  install(name: string, script: string): void {
    this.installAll({ [name]: script });
  }

  /** Puts programs into `PATH`: shell scripts by name. */
  installAll(scripts: Readonly<Record<string, string>>): void {
    const whole = Object.entries(scripts).map(([name, script]) => [name, `#!/bin/sh\n${script}\n`]);
    this.installAt(path.join(this.root, 'bin'), Object.fromEntries(whole));
  }

  /** Puts programs into a directory: whole files by name. */
  installAt(directory: string, programs: Readonly<Record<string, string>>): void {
    const sources = Object.entries(programs).map(([name, content]) => {
      const source = path.join(this.root, 'programs', name);
      mkdirSync(path.dirname(source), { recursive: true });
      writeFileSync(source, content);
      return source;
    });
    // Written by another process. A file that this one has open for writing is for a moment also open in children of
    // its other threads, and cannot be executed then ("Text file busy").
    for (const name of Object.keys(programs)) rmSync(path.join(directory, name), { force: true });
    execFileSync(INSTALL, ['-m', '755', ...sources, directory]);
  }

  /** Sets the version output of a program, and its other content; `west` builds, too. */
  setVersion(name: string, version: string, more = ''): void {
    this.install(name, this.#answering(name, version) + more);
  }

  /** Installs all programs whose versions Glovebox asks for. */
  installPrograms(names: readonly string[] = Object.keys(WEST_VERSIONS)): void {
    const scripts = names.map(name => [name, this.#answering(name, WEST_VERSIONS[name]!)]);
    this.installAll(Object.fromEntries(scripts));
  }

  #answering(name: string, version: string): string {
    if (name === 'arm-none-eabi-gcc') return compilerScript(this.tools, version);
    if (name !== 'west') return `echo '${version}'`;
    return `if [ "$1" = --version ]; then echo '${version}'; else exec ${this.rig.command.map(word => `'${word}'`).join(' ')} "$@"; fi`;
  }

  /** Writes a file of the config. */
  write(file: string, content: string): void {
    writeFiles(this.config, { [file]: content });
  }

  /** Writes a file of the workspace, and commits it if asked to. */
  change(file: string, content: string, commit = false): void {
    writeFiles(this.workspace, { [file]: content });
    if (commit) this.commit(file.split('/')[0]!);
  }

  /** Commits everything in a project of the workspace. */
  commit(project: string): void {
    commitAll(path.join(this.workspace, project));
  }
}

/**
 * A machine with programs, a workspace, and a config of two targets (`corne_left`, `corne_right`), until the test ends.
 */
export async function createWestMachine(
  t: ExecutionContext,
  { onRun, programs = true }: WestMachineOptions = {},
): Promise<WestMachine> {
  const root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'west-')));
  t.teardown(() => rm(root, { recursive: true, force: true, maxRetries: 3 }));
  const finish = async (run: RigRun) => run.exit(await run.build());
  const rig = await createRig(t, {
    ...(onRun === undefined ? {} : { onRun: onRun === 'build' ? finish : onRun }),
    readArguments,
    build: (run, print) => westBuild(run.argv, run.environment, run.cwd, print),
  });
  const machine = new WestMachine(root, rig);
  mkdirSync(machine.home);
  writeToolFiles(machine.tools);
  mkdirSync(path.join(root, 'bin'));
  // Git is the machine's own; all other programs are the test's.
  symlinkSync(programFile('git'), path.join(root, 'bin/git'));
  writeFiles(machine.config, CONFIG);
  cpSync(template(), machine.workspace, { recursive: true });
  if (programs) {
    // The real programs take their time, too; a binary is asked for its version only once.
    machine.installPrograms(['west', 'arm-none-eabi-gcc']);
    for (const name of ['cmake', 'ninja']) symlinkSync(BINARY, path.join(root, 'bin', name));
  }
  return machine;
}

/** The observed details of a `west build`. */
function readArguments({ argv, cwd, environment }: RigRun): RigRun['target'] {
  const { build, board, snippets, variables } = parseWestBuild(argv, cwd);
  return {
    name: variables.SHIELD ?? board,
    ...{ build, board, shield: variables.SHIELD ?? '', snippet: snippets.join(' ') },
    config: variables.ZMK_CONFIG ?? '',
    userCache: variables.USER_CACHE_DIR ?? '',
    jobs: environment.CMAKE_BUILD_PARALLEL_LEVEL ?? '',
  };
}

let made: string | undefined;

/** A workspace to be copied, made once for all tests of this thread. */
function template(): string {
  if (made !== undefined) return made;
  const directory = mkdtempSync(path.join(os.tmpdir(), 'west-template-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const files = {
    ...workspaceFiles(),
    'config/west.yml': CONFIG['config/west.yml']!,
    'zephyr/VERSION': 'VERSION_MAJOR = 3\n',
  };
  writeFiles(directory, files);
  for (const project of ['zmk', 'zephyr']) {
    const own = Object.entries(files).filter(([name]) => name.startsWith(`${project}/`));
    const inside = own.map(([name, content]) => [name.slice(project.length + 1), content]);
    const head = `${freshRepository(path.join(directory, project), Object.fromEntries(inside))}\n`;
    writeFiles(path.join(directory, project, '.git'), { 'refs/heads/manifest-rev': head, HEAD: head });
  }
  made = directory;
  return made;
}

/** One shell, because starting a program costs a process of this size more than the program itself. */
function commitAll(repository: string): void {
  const commit =
    'git -c user.name=t -c user.email=t@example.org -c maintenance.auto=false commit -q -m change';
  execFileSync('/bin/sh', ['-c', `git add --all && exec ${commit}`], { cwd: repository });
}
