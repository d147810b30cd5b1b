// Examination of this machine for builds with Zephyr's tools: with west, or in a container.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { DEFAULT_CONFIG_PATH } from '../../../config/toolchain-options.ts';
import { findWorkspace, WorkspaceError, zmkPlaces } from '../../workspace/index.ts';
import { hostUser, workspaceShellCommand } from '../container/command-line.ts';
import { findEngine } from '../container/engine-search.ts';
import { DEFAULT_IMAGE, howToGet, inspectImage, pullImage, pullName } from '../container/image.ts';
import { identifyProgram } from '../program-identity.ts';
import { findProgram } from '../programs.ts';
import type { ToolchainQuery, ToolchainStatus } from '../toolchain-status.ts';
import { passedEnvironment } from './environment.ts';
import { howToInstall, missingPrograms } from './requirements.ts';
import { WEST } from './west-build.ts';
import type { ZephyrDescription } from './zephyr-project.ts';

/** Whether a config can be built with west on this machine. */
export async function examineWest(query: ToolchainQuery): Promise<ToolchainStatus> {
  const options = query.userConfig.toolchains.west ?? {};
  const environment = passedEnvironment(options.environment);
  const workspace = await examineWorkspace(query);
  if (!workspace.works) {
    const { detail, remedy } = workspace;
    if ((await findProgram(WEST, '/', environment)) !== undefined) return { kind: 'west', ...workspace };
    return {
      kind: 'west',
      works: false,
      detail: `${detail}; and 'west' is not in PATH`,
      remedy: `${remedy.replace(/\.$/, '')}. And install west: pipx install west`,
    };
  }
  const version =
    (await identifyProgram(WEST, environment, { cache: await query.memory?.() }))?.version ?? null;
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
    description: { kind: 'west', options, ...describeZephyr(query, workspace.directory) },
  };
}

/** Whether a config can be built in a container on this machine. */
export async function examineContainer(query: ToolchainQuery): Promise<ToolchainStatus> {
  const { userConfig, signal, onPull } = query;
  const kind = 'container';
  const options = userConfig.toolchains.container ?? {};
  const name = options.image ?? DEFAULT_IMAGE;
  const found = await findEngine(options.engine, signal);
  const workspace = await examineWorkspace(query);
  if (!found.works || !workspace.works) {
    const lacking = [found, workspace].filter(finding => !finding.works);
    const remedies = lacking.map(({ remedy }) => remedy);
    if (found.works) {
      const { configPath = DEFAULT_CONFIG_PATH } = userConfig.build;
      const image = pullName(found.engine, name);
      const line = workspaceShellCommand(found.engine, image, query.configDirectory, configPath, hostUser());
      remedies.push(`Without west on this machine, make one with the image: ${line}`);
    }
    const detail = lacking.map(({ detail }) => detail).join('; and ');
    return { kind, works: false, detail, remedy: remedies.join(' ') };
  }
  const { engine } = found;
  let image = await inspectImage(engine, name, signal);
  if (image === undefined && onPull !== undefined) {
    onPull(`The image ${name} is not on this machine: pulling it with ${engine.command}, once.`);
    await pullImage(engine, name, signal);
    image = await inspectImage(engine, name, signal);
  }
  if (image === undefined) {
    const detail = `${engine.command} works, but the image ${name} is not on this machine`;
    return { kind, works: false, detail, remedy: howToGet(engine, name) };
  }
  const zephyr = describeZephyr(query, workspace.directory);
  return {
    ...{ kind, works: true },
    detail: `${engine.command} ${engine.version}, image ${name}, workspace ${workspace.directory}`,
    description: { kind, options, engine, image: image.digest, imageContent: image.content, ...zephyr },
  };
}

/** The part of the description that `west` and `container` share. */
function describeZephyr(query: ToolchainQuery, workspace: string): ZephyrDescription {
  const { userConfig, configDirectory, outputDirectory, cacheRoot, cache } = query;
  const { buildFile, configPath, fallbackBinary } = userConfig.build;
  return {
    ...{ workspace, configDirectory, outputDirectory, buildFile, configPath, fallbackBinary },
    cacheRoot: cache ? cacheRoot : undefined,
  };
}

/** The workspace of a build: the one from the command line, else the configured one, else the one found for the config. */
async function examineWorkspace(
  query: ToolchainQuery,
): Promise<{ works: true; directory: string } | { works: false; detail: string; remedy: string }> {
  const { userConfig, configDirectory, cacheRoot } = query;
  const given = query.workspace ?? userConfig.build.workspace;
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
