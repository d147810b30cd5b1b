// Project of a Zephyr build: the config directory with the user's keymaps, and the west workspace with ZMK and Zephyr.
import path from 'node:path';
import {
  describeWorkspace,
  useWorkspace,
  type WorkspaceIdentity,
  workspaceIdentity,
  type ZmkPlaces,
  zmkPlaces,
} from '../../workspace/index.ts';
import type { ToolchainResources } from '../resources.ts';
import { ToolchainError } from '../toolchain.ts';
import { type ConfigRepository, readRepository, repositoryInputs } from './repository.ts';

/** Settings of every toolchain that builds with Zephyr. Plain data. */
export interface ZephyrDescription {
  /** The workspace's directory, the one with `.west`. Absolute. */
  workspace: string;
  /** The directory of `build.yaml`. Absolute. */
  configDirectory: string;
  /** The directory of the keymaps, relative to it. Default: `config`. */
  configPath?: string | undefined;
  /** The build matrix, relative to it, if its name is not `build.yaml`: compilers do not read it. */
  buildFile?: string | undefined;
  /** The binary that is used if there is no UF2. Default: `bin`. */
  fallbackBinary?: string | undefined;
  /** The directory of the firmware, whose files are not inputs. Default: `firmware` in the config directory. Absolute. */
  outputDirectory?: string;
  /** The directory of the caches, which speeds up the next build. Default: nothing is kept. Absolute. */
  cacheRoot?: string | undefined;
}

/** Long enough for all targets of a build, which are described one after the other. */
const IDENTITY_MAX_AGE_MS = 1_000;

export class ZephyrProject {
  readonly workspace: string;
  readonly configDirectory: string;
  readonly outputDirectory: string;
  readonly #description: ZephyrDescription;
  readonly #cache: ToolchainResources['cache'];
  /** The latest identity of the workspace, and when it was found, by `performance.now()`. */
  #identity: { at: number; identity: WorkspaceIdentity } | undefined;

  constructor(description: ZephyrDescription, { cache }: ToolchainResources) {
    const { workspace, configDirectory, outputDirectory = 'firmware' } = description;
    this.workspace = workspace;
    this.configDirectory = configDirectory;
    this.outputDirectory = path.resolve(configDirectory, outputDirectory);
    this.#description = description;
    this.#cache = cache;
  }

  /** The config's repository as it is now. Throws {@link ToolchainError} if it has no directory of keymaps. */
  repository(): ConfigRepository {
    const { configDirectory, configPath, buildFile } = this.#description;
    return readRepository(configDirectory, configPath, buildFile);
  }

  /** The places of ZMK and Zephyr. Rejects with {@link ToolchainError} if the workspace has no ZMK. */
  async places(): Promise<ZmkPlaces> {
    const places = await zmkPlaces(this.workspace);
    if (places !== undefined) return places;
    throw new ToolchainError(`There is no ZMK in the workspace ${this.workspace}. Run 'west update' there.`);
  }

  /** The directories of the workspace's projects, which are known by their revisions. Absolute. */
  async projects(): Promise<string[]> {
    const { projects } = this.#identity?.identity ?? (await this.workspaceIdentity());
    return Object.keys(projects).map(project => path.resolve(this.workspace, project));
  }

  async declaredInputs(): Promise<string[]> {
    return repositoryInputs(this.repository(), this.outputDirectory, await this.projects());
  }

  /**
   * The identity of the workspace.
   *
   * @param maxAgeMs how old a known one may be. Default: the time in which the targets of a build are described
   */
  async workspaceIdentity(signal?: AbortSignal, maxAgeMs = IDENTITY_MAX_AGE_MS): Promise<WorkspaceIdentity> {
    const known = this.#identity;
    if (known !== undefined && performance.now() - known.at < maxAgeMs) return known.identity;
    const { configDirectory } = this;
    const options = { configDirectory, cache: this.#cache, ...(signal ? { signal } : {}) };
    const identity = await workspaceIdentity(this.workspace, options);
    this.#identity = { at: performance.now(), identity };
    return identity;
  }

  /** Notes for the user about the workspace. */
  async notes(signal?: AbortSignal): Promise<string[]> {
    const found = describeWorkspace(await this.workspaceIdentity(signal));
    return found.map(note => `In the workspace ${this.workspace}, ${note}`);
  }

  /**
   * Runs `build` while the workspace is not updated, and tells it whether the workspace has changed since it was
   * identified.
   *
   * @param described the identity under which the result will be stored. Default: the latest one
   */
  async withWorkspace<Result>(
    described: WorkspaceIdentity | undefined,
    signal: AbortSignal,
    build: (hasChanged: () => Promise<boolean>) => Promise<Result>,
  ): Promise<Result> {
    return useWorkspace(this.workspace, async () => {
      if (described !== undefined) this.#identity = { at: Number.NEGATIVE_INFINITY, identity: described };
      const before = this.#identity?.identity ?? (await this.workspaceIdentity(signal, 0));
      return build(async () => {
        const after = await this.workspaceIdentity(signal, 0);
        return JSON.stringify(after) !== JSON.stringify(before);
      });
    });
  }
}
