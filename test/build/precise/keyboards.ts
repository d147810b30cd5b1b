// A config with many keyboards that share some files, built by a small ZMK in this thread through the real service and
// real caches; and what a build without any cache would have made of it.
import { mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { observeZephyrBuild } from '../../../src/build/toolchains/observed/index.ts';
import {
  isolateConfig,
  readRepository,
  repositoryInputs,
} from '../../../src/build/toolchains/zephyr/repository.ts';
import { createDefaultCache } from '../../../src/coordinator/index.ts';
import {
  type CompileJob,
  type CompileOutcome,
  type CompileResult,
  createZmkWestService,
  type Target,
  type Toolchain,
} from '../../../src/domains/compilation/index.ts';
import { closeForAll } from '../../support/close-for-all.ts';
import { workspaceFiles, writeFiles } from '../toolchains/observed/workspace.ts';
import { buildZmk, compileZmk, type ZmkBuild, ZmkError } from '../toolchains/observed/zmk.ts';

/** Two splits and two keyboards in one piece, one of them a board of its own. */
export const TARGETS: readonly Target[] = [
  ...['corne_left', 'corne_right', 'lily58_left', 'lily58_right', 'reviung41'].map(shield => ({
    board: 'nice_nano_v2',
    shield,
    artifactName: shield,
  })),
  { board: 'planck', artifactName: 'planck' },
];

/** Files by their place in the repository. */
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

/** Where a config, a workspace and caches are. */
export class Keyboards {
  readonly root: string;
  readonly repository: string;
  readonly workspace: string;
  /** The workspace's state, as far as it is not in its files. */
  revision = 1;
  /** The artifact names that were compiled, in their order, since {@link compiled} was last emptied. */
  compiled: string[] = [];
  #jobs = 0;

  constructor(files: Readonly<Record<string, string>> = CONFIG) {
    this.root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'keyboards-')));
    this.repository = path.join(this.root, 'repository');
    this.workspace = path.join(this.root, 'workspace');
    writeFiles(this.workspace, workspaceFiles());
    this.write(files);
  }

  write(files: Readonly<Record<string, string>>): void {
    writeFiles(this.repository, files);
  }

  /** Changes files of the workspace, which gets another identity by that. */
  changeWorkspace(files?: Readonly<Record<string, string>>): void {
    this.revision++;
    writeFiles(this.workspace, files ?? { 'zmk/app/prj.conf': `CONFIG_REVISION=${this.revision}\n` });
  }

  /** Compiles a target, or takes it from the cache: its firmware, or why there is none. */
  async make(target: Target): Promise<{ firmware: string; source: string } | { failure: string }> {
    const at = path.join(this.root, `job-${this.#jobs++}`);
    const request = {
      directory: path.join(at, 'out'),
      buildDirectory: path.join(at, 'build'),
      logFile: path.join(at, 'log'),
    };
    mkdirSync(request.directory, { recursive: true });
    mkdirSync(request.buildDirectory);
    const service = createZmkWestService({
      toolchain: this.#toolchain(),
      configDirectory: this.repository,
      cacheOptions: { cacheRoot: path.join(this.root, 'cache') },
    });
    const result: CompileResult = await service.compile(target, request);
    const made = result.ok
      ? { firmware: readFileSync(result.files[0]!, 'utf8'), source: result.source }
      : { failure: result.message };
    await rm(at, { recursive: true });
    return made;
  }

  /** Makes several targets, none of which may fail: their firmware, and the names of those that were compiled. */
  async makeAll(
    targets: readonly Target[] = TARGETS,
  ): Promise<{ firmware: Record<string, string>; compiled: string[] }> {
    this.compiled = [];
    const firmware: Record<string, string> = {};
    for (const target of targets) {
      const made = await this.make(target);
      if ('failure' in made) throw new Error(`${target.artifactName}: ${made.failure}`);
      firmware[target.artifactName] = made.firmware;
    }
    return { firmware, compiled: this.compiled };
  }

  /** What a build that knows no cache makes of the target now: its firmware, or undefined when it fails. */
  fresh(target: Target): string | undefined {
    return freshZmk(this.#build(target, mkdtempSync(path.join(this.root, 'fresh-'))).options);
  }

  async close(): Promise<void> {
    for (const tag of ['compilation', 'firmware']) {
      await closeForAll(createDefaultCache({ tag, cacheRoot: path.join(this.root, 'cache') }));
    }
    await rm(this.root, { recursive: true, force: true, maxRetries: 3 });
  }

  /** What is built, with the directory of the keymaps or a copy of it in `scratch`. */
  #build({ board, shield, cmakeArgs }: Target, scratch: string) {
    const repository = readRepository(this.repository);
    const config = isolateConfig(repository, scratch);
    const variables = Object.fromEntries(
      [...(cmakeArgs ?? '').matchAll(/-D(\w+)=(\S+)/g)].map(([, name, file]) => [
        name!,
        path.join(this.repository, file!),
      ]),
    );
    const modules = repository.isModule ? [this.repository] : [];
    const seen = config === repository.config ? [] : [{ seen: config, here: repository.config }];
    return { options: { workspace: this.workspace, config, board, shield, modules, variables }, seen };
  }

  #toolchain(): Toolchain {
    return {
      kind: 'west',
      identity: async () => ({
        revision: this.revision,
        isModule: readRepository(this.repository).isModule,
      }),
      declaredInputs: () =>
        repositoryInputs(readRepository(this.repository), path.join(this.repository, 'firmware')),
      compile: job => this.#compile(job),
    };
  }

  async #compile({ target, buildDirectory }: CompileJob): Promise<CompileOutcome> {
    this.compiled.push(target.artifactName);
    const build = path.join(buildDirectory, 'build');
    const { options, seen } = this.#build(target, buildDirectory);
    try {
      buildZmk(options, build);
    } catch (error) {
      if (!(error instanceof ZmkError)) throw error;
      return { ok: false, reason: 'exit-status', message: error.message, lastLines: [] };
    }
    const directories = {
      buildDirectory: build,
      configDirectory: this.repository,
      workspace: this.workspace,
    };
    const observed = await observeZephyrBuild({ ...directories, seen });
    const artifact = { name: `${target.artifactName}.uf2`, path: path.join(build, 'zephyr/zmk.uf2') };
    return { ok: true, artifacts: [artifact], ...(observed === undefined ? {} : { observed }) };
  }
}

/** What a build that knows no cache makes: its firmware, or undefined when it fails. */
export function freshZmk(options: ZmkBuild): string | undefined {
  try {
    return compileZmk(options).firmware;
  } catch (error) {
    if (error instanceof ZmkError) return undefined;
    throw error;
  }
}
