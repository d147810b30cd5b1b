// Toolchain that runs ZMK's own build, `west build`, with any runner.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { GloveboxError } from '../../../errors.ts';
import type { Target } from '../../matrix/target.ts';
import type { WorkspaceIdentity } from '../../workspace/index.ts';
import { cancelled } from '../outcome.ts';
import type { ToolchainResources } from '../resources.ts';
import type { CompileJob, CompileOutcome, RecordOptions, Surroundings, Toolchain } from '../toolchain.ts';
import type { DirectoryUse } from './build-steps.ts';
import { DEFAULT_FALLBACK_BINARY } from './firmware.ts';
import { recordMacros } from './precise/record.ts';
import {
  acquireStableDirectory,
  BUILD,
  privateBuildDirectory,
  TEMPORARY,
  visitStableDirectory,
} from './stable-build-directory.ts';
import { westBuildArguments } from './west-build.ts';
import { compilerScope, onBoth, ZephyrBuild } from './zephyr-build.ts';
import { type ZephyrDescription, ZephyrProject } from './zephyr-project.ts';
import type { ZephyrBuildSpec, ZephyrRunner } from './zephyr-runner.ts';

export class ZephyrToolchain implements Toolchain {
  readonly #runner: ZephyrRunner;
  readonly #project: ZephyrProject;
  readonly #fallbackBinary: string;
  readonly #cacheRoot: string | undefined;

  constructor(runner: ZephyrRunner, description: ZephyrDescription, resources: ToolchainResources = {}) {
    this.#runner = runner;
    this.#project = new ZephyrProject(description, resources);
    this.#fallbackBinary = description.fallbackBinary ?? DEFAULT_FALLBACK_BINARY;
    this.#cacheRoot = description.cacheRoot;
  }

  get kind(): 'west' | 'container' {
    return this.#runner.kind;
  }

  async identity(target: Target, signal?: AbortSignal): Promise<Record<string, unknown>> {
    const { configPath, isModule } = this.#project.repository();
    const { application, zephyr } = await this.#project.places();
    // Names stand for the places, which do not change the firmware.
    const repository = '{repository}';
    const places = { build: '{build}', config: '{config}', userCache: '{user-cache}', repository };
    const module = isModule ? repository : undefined;
    const command = westBuildArguments(target, { ...places, configPath, application, module });
    const [engine, workspace] = await Promise.all([
      this.#runner.identity(signal),
      this.#project.workspaceIdentity(signal),
    ]);
    const fallbackBinary = this.#fallbackBinary;
    return { command, configPath, isModule, fallbackBinary, zephyr, ...engine, workspace };
  }

  async capability(signal?: AbortSignal): Promise<Record<string, unknown>> {
    return this.#runner.capability(signal);
  }

  async workspaceState(signal?: AbortSignal): Promise<WorkspaceIdentity> {
    return this.#project.workspaceIdentity(signal);
  }

  async surroundings(signal?: AbortSignal): Promise<Surroundings> {
    const { places, folders, bound } = await this.#runner.surroundings(signal);
    const { workspace } = this.#project;
    return { places: [...places, { name: 'workspace', directory: workspace }], folders, bound };
  }

  async declaredInputs(): Promise<string[]> {
    return this.#project.declaredInputs();
  }

  async notes(signal?: AbortSignal): Promise<string[]> {
    return this.#project.notes(signal);
  }

  async compile(job: CompileJob): Promise<CompileOutcome> {
    const { signal, described } = job;
    if (signal.aborted) return cancelled([]);
    const workspace = described?.identity.workspace as WorkspaceIdentity | undefined;
    try {
      return await this.#project.withWorkspace(workspace, signal, hasChanged =>
        this.#compileInDirectory(job, hasChanged),
      );
    } catch (error) {
      if (signal.aborted) return cancelled([]);
      if (!(error instanceof GloveboxError)) throw error;
      return { ok: false, reason: 'cannot-start', message: error.message, lastLines: [] };
    }
  }

  /** Compiles in the target's stable directory, which stays for the next build if that is certain to be right. */
  async #compileInDirectory(job: CompileJob, hasChanged: () => Promise<boolean>): Promise<CompileOutcome> {
    const { target, signal } = job;
    const described = job.described ?? {
      identity: await this.identity(target, signal),
      surroundings: await this.surroundings(signal),
    };
    const directory =
      (this.#cacheRoot === undefined
        ? undefined
        : await acquireStableDirectory(
            this.#cacheRoot,
            this.#directoryName(target),
            compilerScope(this.kind, described),
            this.#family(target),
          )) ?? privateBuildDirectory(path.join(job.buildDirectory, 'station'));
    const use: DirectoryUse = { former: undefined, keep: undefined };
    let isKept = false;
    try {
      const fallbackBinary = this.#fallbackBinary;
      const options = { runner: this.#runner, project: this.#project, directory, use, fallbackBinary };
      let changed = Promise.resolve(false);
      const outcome = await new ZephyrBuild(options, { ...job, described }).run(() => {
        changed = hasChanged();
        // It is awaited only if there is a firmware.
        changed.catch(() => {});
      });
      if (!outcome.ok) return outcome;
      if (await changed) return { ...outcome, changedDuringBuild: ['the workspace'] };
      // If the directory cannot be kept, the next build only takes longer.
      isKept = (await use.keep?.().catch(() => false)) ?? false;
      return outcome;
    } finally {
      if (!isKept) use.former?.restore();
      const { kept } = directory;
      const isFormer = kept !== undefined && existsSync(kept.state);
      await directory.close(isKept ? 'built' : isFormer ? 'former' : undefined);
    }
  }

  /** The name of a target's directory. */
  #directoryName({ artifactName }: Target): string[] {
    return [this.#project.configDirectory, artifactName];
  }

  /** Identifies the targets that use the same compiler in the same way: only their shields differ. */
  #family({ board, snippet, cmakeArgs }: Target): string[] {
    return [this.#project.configDirectory, board, snippet ?? '', cmakeArgs ?? ''];
  }

  async recordMacros(target: Target, { signal, jobs, onProcess }: RecordOptions): Promise<boolean> {
    const directory =
      this.#cacheRoot === undefined
        ? undefined
        : await visitStableDirectory(this.#cacheRoot, this.#directoryName(target));
    if (directory === undefined) return true;
    const { work, kept } = directory;
    const temporary = path.join(work, TEMPORARY);
    try {
      mkdirSync(temporary, { recursive: true });
      return await recordMacros(kept, path.join(work, BUILD), async (script, order) => {
        const job = {
          ...{ target, buildDirectory: work, artifactDirectory: temporary, jobs, signal },
          onOutput: () => {},
          logFile: path.join(temporary, 'macros.log'),
          onProcess: onBoth(directory.onProcess, onProcess),
        };
        const spec = { ...(order as ZephyrBuildSpec), ccache: undefined };
        const { ok } = await this.#runner.run(spec, job, { script });
        return ok;
      });
    } finally {
      rmSync(temporary, { recursive: true, force: true });
      directory.leave();
    }
  }
}
