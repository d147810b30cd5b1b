// Capability of an agent: what it can build, by the tools that it has. Each has a queue of its own, so that an agent
// never takes a job that needs another compiler or image.
import path from 'node:path';
import type { Cache } from '../../cache/cache.ts';
import { cacheKey, type KeyPart } from '../../cache/cache-key.ts';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import type { UserConfig } from '../../config/user-config.ts';
import { GloveboxError } from '../../errors.ts';
import { FINGERPRINT_SCHEMA } from '../incremental/fingerprint.ts';
import { findEngine } from '../toolchains/container/engine-search.ts';
import { DEFAULT_IMAGE, inspectImage, pullImage } from '../toolchains/container/image.ts';
import { createToolchain, type ToolchainDescription } from '../toolchains/index.ts';
import type { Toolchain } from '../toolchains/toolchain.ts';
import { WEST } from '../toolchains/zephyr/west-build.ts';
import { findWorkspace, type WorkspaceEvent, WorkspaceService } from '../workspace/index.ts';
import { JOB_PROTOCOL, type JobRequest } from './job.ts';
import { queueNameOf } from './queue.ts';

/** The directories of one job. Absolute. */
export interface JobPlaces {
  configDirectory: string;
  /** Of the toolchain. */
  directory: string;
  /** Does not exist: nothing in it is an input. */
  outputDirectory: string;
  cacheRoot: string;
}

export interface Capability {
  kind: ToolchainKind;
  queue: string;
  /** In words. */
  detail: string;
  /**
   * The toolchain for a job, whose inputs are laid out. Makes its workspace first, if that is missing. Rejects with a
   * `GloveboxError` if there is none.
   */
  toolchainFor(
    request: JobRequest,
    places: JobPlaces,
    options: PreparationOptions,
  ): Promise<ToolchainDescription>;
}

export interface PreparationOptions {
  signal: AbortSignal;
  /** Told, in a few words, what takes long. */
  onText: (text: string) => void;
}

export interface CapabilityQuery {
  userConfig: UserConfig;
  /** The directory in which commands are looked up. Absolute. */
  configDirectory: string;
  cacheRoot: string;
  /** Remembers the identities of programs. */
  cache: Cache;
  signal: AbortSignal;
  onText: (text: string) => void;
}

/** The queue of a toolchain's targets; undefined if no agent can build them. */
export async function queueOf(toolchain: Toolchain, signal?: AbortSignal): Promise<string | undefined> {
  const capability = await toolchain.capability?.(signal);
  if (capability === undefined) return undefined;
  const plain = JSON.parse(JSON.stringify(capability)) as KeyPart;
  const digest = await cacheKey('agents', JOB_PROTOCOL, FINGERPRINT_SCHEMA, toolchain.kind, plain);
  return queueNameOf(toolchain.kind, digest);
}

/** What this machine can build with a kind of toolchain, or why nothing, as a sentence. */
export async function findCapability(
  kind: ToolchainKind,
  query: CapabilityQuery,
): Promise<Capability | string> {
  try {
    return await FINDERS[kind](query);
  } catch (error) {
    if (query.signal.aborted || !(error instanceof GloveboxError)) throw error;
    return error.message;
  }
}

const FINDERS: Record<ToolchainKind, (query: CapabilityQuery) => Promise<Capability | string>> = {
  command: findCommand,
  container: findContainer,
  west: findWest,
};

async function findCommand({
  userConfig,
  configDirectory,
  signal,
}: CapabilityQuery): Promise<Capability | string> {
  const { command } = userConfig.toolchains;
  if (command === undefined) {
    return `There is no toolchains.command in a config file in ${configDirectory} or above. Start the agent where a config names the program that it may run.`;
  }
  const directory = userConfig.directory ?? configDirectory;
  const description = { kind: 'command', options: command, directory, configDirectory } as const;
  const queue = await queueOf(createToolchain(description), signal);
  return {
    kind: 'command',
    queue: queue!,
    detail: command.program,
    toolchainFor: async ({ settings }, places) => ({
      kind: 'command',
      // The program and its arguments are the agent's own, whatever a job says.
      options: { ...command, inputs: settings.inputs ?? [], observed: settings.observed },
      directory: places.directory,
      configDirectory: places.configDirectory,
      outputDirectory: places.outputDirectory,
    }),
  };
}

async function findContainer({ userConfig, signal, onText }: CapabilityQuery): Promise<Capability | string> {
  const options = userConfig.toolchains.container ?? {};
  const name = options.image ?? DEFAULT_IMAGE;
  const found = await findEngine(options.engine, signal);
  if (!found.works) return `There is no container engine: ${found.detail}. ${found.remedy}`;
  const { engine } = found;
  let image = await inspectImage(engine, name, signal);
  if (image === undefined) {
    onText(`pulling the image ${name} with ${engine.command}, once`);
    await pullImage(engine, name, signal);
    image = await inspectImage(engine, name, signal);
  }
  if (image === undefined) return `${engine.command} does not have the image ${name}.`;
  const { digest, content } = image;
  const fixed = { kind: 'container', engine, image: digest, imageContent: content } as const;
  const nowhere = { ...fixed, options, workspace: '/', configDirectory: '/' };
  return {
    kind: 'container',
    queue: (await queueOf(createToolchain(nowhere), signal))!,
    detail: `${engine.command}, image ${name}`,
    toolchainFor: async (request, places, preparation) => {
      if ((await inspectImage(engine, digest, preparation.signal)) === undefined)
        throw new GloveboxError('GLOVEBOX_TOOLCHAIN', `The image ${name} is not on this machine any more.`);
      const { environment } = request.settings;
      return {
        ...fixed,
        options: { ...options, environment },
        ...(await describeZephyr(request, places, userConfig, preparation)),
      };
    },
  };
}

async function findWest({ userConfig, cache, signal }: CapabilityQuery): Promise<Capability | string> {
  const options = userConfig.toolchains.west ?? {};
  const nowhere = { kind: 'west', options, workspace: '/', configDirectory: '/' } as const;
  const toolchain = createToolchain(nowhere, { cache });
  const { tools } = (await toolchain.capability!(signal)) as { tools: Record<string, unknown> };
  if (!tools[WEST]) return "There is no working 'west' in PATH. Install it: pipx install west";
  return {
    kind: 'west',
    queue: (await queueOf(toolchain, signal))!,
    detail: 'west',
    toolchainFor: async (request, places, preparation) => ({
      kind: 'west',
      options: { ...options, environment: request.settings.environment },
      ...(await describeZephyr(request, places, userConfig, preparation)),
    }),
  };
}

async function describeZephyr(
  { settings }: JobRequest,
  { configDirectory, outputDirectory, cacheRoot }: JobPlaces,
  userConfig: UserConfig,
  { signal, onText }: PreparationOptions,
) {
  const { configPath, buildFile, fallbackBinary } = settings;
  const forJob = { ...userConfig, build: { ...userConfig.build, configPath } };
  const workspace =
    userConfig.build.workspace ??
    (await findWorkspace(configDirectory, { userConfig: forJob, cacheRoot })) ??
    (await makeWorkspace(configDirectory, forJob, cacheRoot, signal, onText));
  return { workspace, configDirectory, outputDirectory, configPath, buildFile, fallbackBinary, cacheRoot };
}

async function makeWorkspace(
  configDirectory: string,
  userConfig: UserConfig,
  cacheRoot: string,
  signal: AbortSignal,
  onText: (text: string) => void,
): Promise<string> {
  const manifest = path.join(userConfig.build.configPath ?? 'config', 'west.yml');
  onText(`making the workspace for ${manifest}, once`);
  const onEvent = (event: WorkspaceEvent) => {
    if (event.type === 'waiting') onText('waiting for another process that makes the workspace');
    else if (event.type === 'project') onText(`making the workspace for ${manifest}: ${event.name}`);
  };
  const service = new WorkspaceService({ userConfig, cacheRoot });
  const { workspace } = await service.create(configDirectory, { signal, onEvent });
  return workspace.path;
}
