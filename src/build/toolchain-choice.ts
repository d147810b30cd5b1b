// Which toolchain compiles: the one that is asked for, else the first that works here. What a build chooses and what
// `glovebox doctor` shows is found out here, in the same way.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { GloveboxError } from '../cache/errors.ts';
import { DEFAULT_CONFIG_PATH, type ToolchainKind } from '../config/toolchain-options.ts';
import type { UserConfig } from '../config/user-config.ts';
import { caller, workspaceCommand } from './toolchains/container/command-line.ts';
import { findEngine } from './toolchains/container/engine-search.ts';
import { DEFAULT_IMAGE, howToGet, imageDigest, pullImage, pullName } from './toolchains/container/image.ts';
import type { ToolchainDescription } from './toolchains/index.ts';
import { identifyProgram } from './toolchains/program-identity.ts';
import { findProgram } from './toolchains/programs.ts';
import { passedEnvironment } from './toolchains/zephyr/environment.ts';
import { howToInstall, missingPrograms } from './toolchains/zephyr/requirements.ts';
import { WEST } from './toolchains/zephyr/west-build.ts';
import type { ZephyrDescription } from './toolchains/zephyr/zephyr-toolchain.ts';

/** What the choice depends on. */
export interface ToolchainQuestion {
  /** What was asked for; goes before the configuration. */
  toolchain?: ToolchainKind | undefined;
  /** The workspace that was asked for; goes before the configuration. Absolute. */
  workspace?: string | undefined;
  userConfig: UserConfig;
  /** The directory with `build.yaml`. Absolute. */
  configDirectory: string;
  /** Where firmware goes. Absolute. */
  outputDirectory: string;
  /** The directory of the caches. Absolute. */
  cacheRoot: string;
  /** Whether anything may be kept there. */
  cache: boolean;
  /** Told, in one sentence, that the image of containers is going to be pulled. Default: the network is not touched. */
  onPull?: ((message: string) => void) | undefined;
  /** Ends the looking. */
  signal?: AbortSignal | undefined;
}

/** One toolchain, and whether the config can be built with it here. */
export type ToolchainFinding = {
  kind: ToolchainKind /** What was found, or what is missing. */;
  detail: string;
} & (
  | { works: true; description: ToolchainDescription }
  | { works: false /** What to do to be able to build with it. */; remedy: string }
);

/** There is nothing to compile with. */
export class NoToolchainError extends GloveboxError {
  constructor(message: string) {
    super('GLOVEBOX_NO_TOOLCHAIN', message);
  }
}

/** All kinds, in the order in which a build tries them. */
export const TOOLCHAIN_KINDS: readonly ToolchainKind[] = ['command', 'west', 'container'];

/**
 * The toolchain of a build. Rejects with {@link NoToolchainError}, which says what was looked for and what to do, when
 * the one that is asked for does not work, or none does.
 */
export async function chooseToolchain(question: ToolchainQuestion): Promise<ToolchainDescription> {
  const asked = question.toolchain ?? question.userConfig.build.toolchain;
  if (asked !== undefined) {
    const finding = await examineToolchain(asked, question);
    if (finding.works) return finding.description;
    throw new NoToolchainError(
      `The toolchain '${asked}' cannot be used here: ${finding.detail}. ${finding.remedy}`,
    );
  }
  // Whoever names a workspace wants it to be used.
  const kinds = TOOLCHAIN_KINDS.filter(kind => kind !== 'command' || question.workspace === undefined);
  const looked: string[] = [];
  for (const kind of kinds) {
    const finding = await examineToolchain(kind, question);
    if (finding.works) return finding.description;
    looked.push(`  ${kind}: ${finding.detail}. ${finding.remedy}`);
  }
  throw new NoToolchainError(`There is no toolchain to compile with. Looked for:\n${looked.join('\n')}`);
}

/** Finds out whether a config can be built with a toolchain here. Rejects only when `west.yml` cannot be read. */
export async function examineToolchain(
  kind: ToolchainKind,
  question: ToolchainQuestion,
): Promise<ToolchainFinding> {
  return EXAMINERS[kind](question);
}

const EXAMINERS: Record<ToolchainKind, (question: ToolchainQuestion) => Promise<ToolchainFinding>> = {
  command: examineCommand,
  west: examineWest,
  container: examineContainer,
};

async function examineCommand(question: ToolchainQuestion): Promise<ToolchainFinding> {
  const { userConfig, configDirectory, outputDirectory } = question;
  const { sources, directory, toolchains } = userConfig;
  const options = toolchains.command;
  if (options === undefined) {
    const where =
      sources.length > 0
        ? `there is no toolchains.command in ${sources.join(', ')}`
        : `there is no toolchains.command in a glovebox.config.yaml in ${configDirectory} or above`;
    return { kind: 'command', works: false, detail: where, remedy: 'Say there which program compiles.' };
  }
  const place = directory ?? configDirectory;
  return {
    kind: 'command',
    works: true,
    detail: options.program,
    description: { kind: 'command', options, directory: place, configDirectory, outputDirectory },
  };
}

async function examineWest(question: ToolchainQuestion): Promise<ToolchainFinding> {
  const options = question.userConfig.toolchains.west ?? {};
  const environment = passedEnvironment(options.environment);
  const workspace = await examineWorkspace(question);
  if (!workspace.works) {
    const { detail, remedy } = workspace;
    if ((await findProgram(WEST, '/', environment)) !== undefined) return { kind: 'west', ...workspace };
    return {
      kind: 'west',
      works: false,
      detail: `${detail}; nor is there 'west' in PATH`,
      remedy: `${remedy.replace(/\.$/, '')}. And install west: pipx install west`,
    };
  }
  const version = (await identifyProgram(WEST, environment))?.version ?? null;
  if (version === null) {
    return {
      kind: 'west',
      works: false,
      detail: `there is the workspace ${workspace.directory}, but no working 'west' in PATH`,
      remedy: 'Install it: pipx install west',
    };
  }
  const missing = await missingPrograms(environment);
  if (missing.length > 0) {
    return {
      kind: 'west',
      works: false,
      detail: `there is the workspace ${workspace.directory}, but no ${missing.map(name => `'${name}'`).join(' and no ')} in PATH`,
      remedy: missing.map(name => `${howToInstall(name)}.`).join(' '),
    };
  }
  return {
    kind: 'west',
    works: true,
    detail: `${version}, workspace ${workspace.directory}`,
    description: { kind: 'west', options, ...describeZephyr(question, workspace.directory) },
  };
}

async function examineContainer(question: ToolchainQuestion): Promise<ToolchainFinding> {
  const { userConfig, signal, onPull } = question;
  const kind = 'container';
  const options = userConfig.toolchains.container ?? {};
  const name = options.image ?? DEFAULT_IMAGE;
  const found = await findEngine(options.engine, signal);
  const workspace = await examineWorkspace(question);
  if (!found.works || !workspace.works) {
    const lacking = [found, workspace].filter(finding => !finding.works);
    const remedies = lacking.map(({ remedy }) => remedy);
    if (found.works) {
      const { configPath = DEFAULT_CONFIG_PATH } = userConfig.build;
      const image = pullName(found.engine, name);
      const line = workspaceCommand(found.engine, image, question.configDirectory, configPath, caller());
      remedies.push(`Without west on this machine, make one with the image: ${line}`);
    }
    const detail = lacking.map(({ detail }) => detail).join('; and ');
    return { kind, works: false, detail, remedy: remedies.join(' ') };
  }
  const { engine } = found;
  let image = await imageDigest(engine, name, signal);
  if (image === undefined && onPull !== undefined) {
    onPull(`The image ${name} is not on this machine: pulling it with ${engine.command}, once.`);
    await pullImage(engine, name, signal);
    image = await imageDigest(engine, name, signal);
  }
  if (image === undefined) {
    const detail = `${engine.command} works, but the image ${name} is not on this machine`;
    return { kind, works: false, detail, remedy: howToGet(engine, name) };
  }
  const zephyr = describeZephyr(question, workspace.directory);
  return {
    ...{ kind, works: true },
    detail: `${engine.command} ${engine.version}, image ${name}, workspace ${workspace.directory}`,
    description: { kind, options, engine, image, ...zephyr },
  };
}

/** What `west` and `container` have in common. */
export function describeZephyr(question: ToolchainQuestion, workspace: string): ZephyrDescription {
  const { userConfig, configDirectory, outputDirectory, cacheRoot, cache } = question;
  const { buildFile, configPath, fallbackBinary } = userConfig.build;
  return {
    ...{ workspace, configDirectory, outputDirectory, buildFile, configPath, fallbackBinary },
    cacheRoot: cache ? cacheRoot : undefined,
  };
}

/** The workspace of a build: the given one, else the configured one, else the one that is found. */
export async function examineWorkspace(
  question: ToolchainQuestion,
): Promise<{ works: true; directory: string } | { works: false; detail: string; remedy: string }> {
  const { userConfig, configDirectory, cacheRoot } = question;
  // Loaded when it is needed: not by a build with a compiler of its own.
  const { findWorkspace, WorkspaceError, zmkPlaces } = await import(
    '../domains/compilation/workspace/index.ts'
  );
  const given = question.workspace ?? userConfig.build.workspace;
  const directory = given ?? (await findWorkspace(configDirectory, { userConfig, cacheRoot }));
  if (directory === undefined) {
    return {
      works: false,
      detail: `there is no west workspace: ${configDirectory} lies in none, and none is known for its west.yml`,
      remedy: 'Give one with --workspace DIR or build.workspace, or make one: glovebox workspace create.',
    };
  }
  const what = `the workspace that was ${given === undefined ? 'found' : 'given'}, ${directory},`;
  if (!existsSync(path.join(directory, '.west/config'))) {
    const remedy = "Give the directory that 'west topdir' prints, or run 'west init -l config' there.";
    return { works: false, detail: `${what} has no .west/config`, remedy };
  }
  try {
    if ((await zmkPlaces(directory)) !== undefined) return { works: true, directory };
    return { works: false, detail: `${what} has no ZMK`, remedy: "Get it: run 'west update' there." };
  } catch (error) {
    if (!(error instanceof WorkspaceError)) throw error;
    return { works: false, detail: `${what} cannot be used`, remedy: error.message };
  }
}
