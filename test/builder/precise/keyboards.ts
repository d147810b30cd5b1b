// A config with many keyboards that share some files, built by a small ZMK in this thread through the real toolchain,
// the real service and real caches; and the reference build of it without any cache.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {
  type CompileEvent,
  type CompileJob,
  type CompileResult,
  createZmkWestService,
  type Target,
  type Toolchain,
} from '../../../src/builder/incremental/index.ts';
import type { FailedOutcome } from '../../../src/builder/toolchains/outcome.ts';
import { buildEnvironment } from '../../../src/builder/toolchains/zephyr/environment.ts';
import { isolateConfig, readRepository } from '../../../src/builder/toolchains/zephyr/repository.ts';
import { usedTools } from '../../../src/builder/toolchains/zephyr/used-tools.ts';
import type {
  BuildStep,
  ZephyrBuildSpec,
  ZephyrRunner,
} from '../../../src/builder/toolchains/zephyr/zephyr-runner.ts';
import { ZephyrToolchain } from '../../../src/builder/toolchains/zephyr/zephyr-toolchain.ts';
import { createDefaultCache } from '../../../src/registry.ts';
import { closeForAll } from '../../support/close-for-all.ts';
import { withCcache } from '../toolchains/observed/model-ccache.ts';
import { preprocess } from '../toolchains/observed/preprocessor.ts';
import {
  compilerFile,
  compilerVariables,
  linkedLibraries,
  objectContents,
  toolContents,
  writeTools,
} from '../toolchains/observed/tools.ts';
import { workspaceFiles, writeFiles } from '../toolchains/observed/workspace.ts';
import {
  buildZmk,
  compileZmk,
  type ZmkBuild,
  type ZmkCompiler,
  ZmkError,
} from '../toolchains/observed/zmk.ts';
import { freshRepository } from '../workspace/fresh-repository.ts';

/** Two splits and two one-piece keyboards, one of them with its own board. */
export const TARGETS: readonly Target[] = [
  ...['corne_left', 'corne_right', 'lily58_left', 'lily58_right', 'reviung41'].map(shield => ({
    board: 'nice_nano_v2',
    shield,
    artifactName: shield,
  })),
  { board: 'planck', artifactName: 'planck' },
];

/** Files by their paths in the repository. */
export const CONFIG: Readonly<Record<string, string>> = {
  'config/west.yml': 'manifest: { projects: [zmk] }\n',
  'config/corne.keymap': '#include <behaviors.dtsi>\n#include "home_row.dtsi"\n/ { corne; };\n',
  'config/corne.conf': 'CONFIG_ZMK_SLEEP=y\n',
  'config/lily58.keymap': '#include "home_row.dtsi"\n#include "keys/numbers.dtsi"\n/ { lily58; };\n',
  'config/reviung41.keymap': '#include "keys/numbers.dtsi"\n/ { reviung41; };\n',
  'config/planck.keymap': '#include <behaviors.dtsi>\n/ { planck; };\n',
  'config/home_row.dtsi': '#include "timing.dtsi"\n/ { hm; };\n',
  'config/timing.dtsi': '/ { tapping-term-ms = <200>; };\n',
  'config/keys/numbers.dtsi': '#include "mem.h"\n/ { numbers; };\n',
  'config/boards/arm/planck/planck.dts': '/ { model = "Planck"; };\n',
  'config/boards/arm/planck/planck_defconfig': 'CONFIG_SOC_STM32F303XC=y\n',
};

/** Projects of the workspace, as git repositories. */
const PROJECTS = ['zmk', 'zephyr'];

/** How objects are compiled: without a cache, or with ccache. */
export interface Compilers {
  /** Without a cache. */
  plain(keyboards: Keyboards): ZmkCompiler;
  /** With ccache, in a build with this environment and directory. */
  cached(keyboards: Keyboards, environment: Record<string, string>, build: string): ZmkCompiler;
}

/** The tests' own compiler and ccache. */
const MODEL: Compilers = {
  plain({ tools, workspace }) {
    const compile = modelCompile(tools);
    const preprocessed = modelPreprocess(workspace);
    return {
      compile(source, include) {
        const made = preprocessed(source, include);
        return { object: compile(made), read: made.read };
      },
      variables: compilerVariables(tools),
      libraries: linkedLibraries(tools),
      contents: toolContents(tools),
    };
  },
  cached(keyboards, { CCACHE_DIR, CCACHE_COMPILERCHECK, OBJCPLUS_INCLUDE_PATH }, build) {
    const { tools, workspace } = keyboards;
    const cache = {
      ...{ directory: CCACHE_DIR!, check: CCACHE_COMPILERCHECK, direct: OBJCPLUS_INCLUDE_PATH, build },
    };
    return {
      ...MODEL.plain(keyboards),
      compile: withCcache(cache, compilerFile(tools), modelPreprocess(workspace), modelCompile(tools)),
    };
  },
};

const modelPreprocess = (workspace: string) => (source: string, include: readonly string[]) =>
  preprocess(source, { include, others: [workspace] });
const modelCompile = (tools: string) => (made: { text: string[] }) =>
  `${made.text.join('\n')}${objectContents(tools)}`;

/** How a build ends that is made to fail. */
export type Mishap = 'dies' | 'is cut off' | 'leaves damaged records';

/** The directories of a config, a workspace, a compiler and caches. */
export class Keyboards {
  readonly root: string;
  readonly repository: string;
  readonly workspace: string;
  /** The compiler's directory: see {@link writeTools}. */
  readonly tools: string;
  /** The artifact names that were compiled, in order, since {@link compiled} was last emptied. */
  compiled: string[] = [];
  /** The warnings of the builds, since {@link warnings} was last emptied. */
  warnings: string[] = [];
  /** What happens to the next build that is not answered from the cache. */
  mishap: Mishap | undefined;
  #jobs = 0;
  #revision = 1;

  readonly #compilers: Compilers;

  constructor(files: Readonly<Record<string, string>> = CONFIG, compilers: Compilers = MODEL) {
    this.#compilers = compilers;
    this.root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'keyboards-')));
    this.repository = path.join(this.root, 'repository');
    this.workspace = path.join(this.root, 'workspace');
    this.tools = path.join(this.root, 'tools');
    mkdirSync(path.join(this.root, 'cache'), { mode: 0o700 });
    writeTools(this.tools);
    const all = Object.entries({
      ...workspaceFiles(),
      'config/west.yml': 'manifest: { projects: [{ name: zmk }] }\n',
      'zephyr/VERSION': 'VERSION_MAJOR = 3\n',
    });
    for (const project of PROJECTS) {
      const own = all.filter(([name]) => name.startsWith(`${project}/`));
      const inside = own.map(([name, content]) => [name.slice(project.length + 1), content]);
      checkOut(path.join(this.workspace, project), Object.fromEntries(inside));
    }
    const rest = all.filter(([name]) => !PROJECTS.includes(name.split('/')[0]!));
    writeFiles(this.workspace, Object.fromEntries(rest));
    this.write(files);
  }

  write(files: Readonly<Record<string, string>>): void {
    writeFiles(this.repository, files);
  }

  /** Changes files of the workspace, which changes its identity. */
  changeWorkspace(files?: Readonly<Record<string, string>>): void {
    this.#revision++;
    writeFiles(this.workspace, files ?? { 'zmk/app/prj.conf': `CONFIG_REVISION=${this.#revision}\n` });
  }

  /** Compiles a target, or takes it from the cache: its firmware, or the reason why there is none. */
  async make(
    target: Target,
    toolchain: Toolchain = this.#toolchain(),
  ): Promise<{ firmware: string; source: string } | { failure: string }> {
    const at = path.join(this.root, `job-${this.#jobs++}`);
    const request = {
      directory: path.join(at, 'out'),
      buildDirectory: path.join(at, 'build'),
      logFile: path.join(at, 'log'),
      onEvent: (event: CompileEvent) => {
        if (event.type === 'warning') this.warnings.push(event.message);
      },
    };
    mkdirSync(request.directory, { recursive: true });
    mkdirSync(request.buildDirectory);
    const service = createZmkWestService({
      toolchain,
      configDirectory: this.repository,
      cacheOptions: { cacheRoot: path.join(this.root, 'cache') },
    });
    const result: CompileResult = await service.compile(target, request);
    const uf2 = result.ok ? result.files.find(file => file.endsWith('.uf2')) : undefined;
    const made = result.ok
      ? { firmware: readFileSync(uf2!, 'utf8'), source: result.source }
      : { failure: result.message };
    await rm(at, { recursive: true });
    return made;
  }

  /** Builds several targets, none of which may fail: their firmware, and the names of the compiled ones. */
  async makeAll(
    targets: readonly Target[] = TARGETS,
  ): Promise<{ firmware: Record<string, string>; compiled: string[] }> {
    this.compiled = [];
    const firmware: Record<string, string> = {};
    const toolchain = this.#toolchain();
    for (const target of targets) {
      const made = await this.make(target, toolchain);
      if ('failure' in made) throw new Error(`${target.artifactName}: ${made.failure}`);
      firmware[target.artifactName] = made.firmware;
    }
    return { firmware, compiled: this.compiled };
  }

  /** The firmware that a build without a cache makes of the target now; undefined when it fails. */
  fresh(target: Target): string | undefined {
    const isThere = statSync(path.join(this.repository, 'config'), { throwIfNoEntry: false })?.isDirectory();
    if (!isThere) return undefined;
    const repository = readRepository(this.repository);
    const scratch = mkdtempSync(path.join(this.root, 'fresh-'));
    const config = isolateConfig(repository, scratch);
    const firmware = freshZmk(this.#build(target, config, repository.isModule ? this.repository : undefined));
    rmSync(scratch, { recursive: true });
    return firmware;
  }

  async close(): Promise<void> {
    for (const tag of ['compilation', 'firmware']) {
      await closeForAll(createDefaultCache({ tag, cacheRoot: path.join(this.root, 'cache') }));
    }
    await rm(this.root, { recursive: true, force: true, maxRetries: 3 });
  }

  /** The inputs of a target, with the directory of the keymaps or a copy of it. */
  #build({ board, shield, cmakeArgs }: Target, config: string, module: string | undefined): ZmkBuild {
    const variables = Object.fromEntries(
      [...(cmakeArgs ?? '').matchAll(/-D(\w+)=(\S+)/g)].map(([, name, value]) => [
        name!,
        value!.replaceAll('{repository}', this.repository).replaceAll('{root}', this.root),
      ]),
    );
    const { ZMK_EXTRA_MODULES = module, ...others } = variables;
    const modules = ZMK_EXTRA_MODULES?.split(';') ?? [];
    return {
      workspace: this.workspace,
      config,
      board,
      shield,
      modules,
      variables: others,
      compiler: this.#compilers.plain(this),
    };
  }

  #toolchain(): Toolchain {
    const engine: ZephyrRunner = {
      kind: 'west',
      identity: async () => ({ tools: { 'arm-none-eabi-gcc': '12.2.1' } }),
      capability: async () => ({}),
      surroundings: async () => ({
        places: [],
        folders: [`${this.root}/bin`, ...(process.env.PATH ?? '').split(':')],
        bound: [],
      }),
      seenWork: async work => work,
      run: (order, job, step) => this.#run(order, job, step),
      hasCcache: async () => true,
      tools: (build, isComplete) =>
        usedTools(build, isComplete, { PATH: `${this.root}/bin:${process.env.PATH}` }),
      pathMapping: () => ({}),
    };
    return new ZephyrToolchain(engine, {
      ...{ workspace: this.workspace, configDirectory: this.repository },
      cacheRoot: path.join(this.root, 'cache'),
    });
  }

  async #run(
    { build, config, module, ccache }: ZephyrBuildSpec,
    { target }: CompileJob,
    step: BuildStep,
  ): Promise<{ ok: true; lastLines: string[] } | FailedOutcome> {
    if (step === 'configure') {
      const options = this.#build(target, config, module);
      try {
        buildZmk(options, build);
      } catch (error) {
        // What is wrong shows when it is built.
        if (!(error instanceof ZmkError)) throw error;
      }
      rmSync(path.join(build, 'zephyr/zmk.uf2'), { force: true });
      return { ok: true, lastLines: [] };
    }
    // The model builds everything at once.
    if (step === 'make') rmSync(build, { recursive: true, force: true });
    this.compiled.push(target.artifactName);
    const { mishap } = this;
    this.mishap = undefined;
    const options = this.#build(target, config, module);
    const failed = (message: string): FailedOutcome => ({
      ...{ ok: false, reason: 'exit-status', message, exitCode: 1, lastLines: [] },
    });
    if (mishap === 'dies') return failed('It died.');
    if (ccache !== undefined) {
      options.compiler = this.#compilers.cached(this, buildEnvironment({ ...PLACES, ccache }, 1), build);
    }
    try {
      buildZmk(options, build);
    } catch (error) {
      if (!(error instanceof ZmkError)) throw error;
      return failed(error.message);
    }
    for (const name of ['zmk.hex', '.config']) appendFileSync(path.join(build, 'zephyr', name), '');
    if (mishap !== undefined) truncateSync(path.join(build, '.ninja_deps'), 40);
    if (mishap === 'is cut off') return failed('It was cut off.');
    return { ok: true, lastLines: [] };
  }
}

/** Sets a project to a commit of these files, as west leaves it. */
export function checkOut(project: string, files: Readonly<Record<string, string>>): void {
  const head = `${freshRepository(project, files)}\n`;
  writeFiles(path.join(project, '.git'), { 'refs/heads/manifest-rev': head, HEAD: head });
}

const PLACES = { workspace: '/w', zephyr: 'zephyr', settings: '/s', temporary: '/t' };

/** The firmware that a build without a cache makes; undefined when it fails. */
export function freshZmk(options: ZmkBuild): string | undefined {
  try {
    return compileZmk(options).firmware;
  } catch (error) {
    if (error instanceof ZmkError) return undefined;
    throw error;
  }
}
