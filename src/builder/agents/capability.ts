// Capability of an agent: what it can build, by the tools that it has. Jobs are in queues by tools and, for Zephyr's
// toolchains, by the state of the workspace, so that an agent never takes a job that needs another compiler, image or
// revision.
//
//   glovebox-container-<image>               agents with the image that can make workspaces: they take nothing here
//   glovebox-container-<image>-<workspace>   jobs, and the agents that have this workspace
//   glovebox-command-<command>               jobs, and the agents with this command
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
import { JOB_PROTOCOL, type JobRequest, type JobSettings } from './job.ts';
import { toolsQueueName, workspaceQueueName } from './queue.ts';

/** Names of the queues of a toolchain's targets. */
export interface QueueNames {
  /** By the tools alone. */
  tools: string;
  /** The queue of the jobs: the same one if no workspace is needed. */
  jobs: string;
}

/** The directories of one job. Absolute. */
export interface JobPlaces {
  configDirectory: string;
  /** Of the toolchain. */
  directory: string;
  /** Does not exist: nothing in it is an input. */
  outputDirectory: string;
  cacheRoot: string;
  /** The workspace, if one is needed. */
  workspace?: string | undefined;
}

export interface Capability {
  kind: ToolchainKind;
  /** The queue of these tools. */
  tools: string;
  /** In words. */
  detail: string;
  /** Whether jobs need a workspace, and so have queues of their own. */
  needsWorkspace: boolean;
  /** The toolchain for a job, whose inputs are laid out. Rejects with a `GloveboxError` if it is gone. */
  toolchainFor(
    request: Pick<JobRequest, 'settings'>,
    places: JobPlaces,
    signal: AbortSignal,
  ): Promise<ToolchainDescription>;
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

/** The queues of a toolchain's targets; undefined if no agent can build them. */
export async function queuesOf(toolchain: Toolchain, signal?: AbortSignal): Promise<QueueNames | undefined> {
  const tools = await toolsQueueOf(toolchain, signal);
  if (tools === undefined) return undefined;
  const state = await toolchain.workspaceState?.(signal);
  if (state === undefined) return { tools, jobs: tools };
  return { tools, jobs: workspaceQueueName(tools, await cacheKey('workspace', plain(state))) };
}

async function toolsQueueOf(toolchain: Toolchain, signal?: AbortSignal): Promise<string | undefined> {
  const capability = await toolchain.capability?.(signal);
  if (capability === undefined) return undefined;
  const { kind } = toolchain;
  const digest = await cacheKey('agents', JOB_PROTOCOL, FINGERPRINT_SCHEMA, kind, plain(capability));
  return toolsQueueName(kind, digest);
}

function plain(data: object): KeyPart {
  return JSON.parse(JSON.stringify(data)) as KeyPart;
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
  return {
    kind: 'command',
    tools: (await toolsQueueOf(createToolchain(description), signal))!,
    detail: command.program,
    needsWorkspace: false,
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
    tools: (await toolsQueueOf(createToolchain(nowhere), signal))!,
    detail: `${engine.command}, image ${name}`,
    needsWorkspace: true,
    toolchainFor: async ({ settings }, places, ofJob) => {
      if ((await inspectImage(engine, digest, ofJob)) === undefined)
        throw new GloveboxError('GLOVEBOX_TOOLCHAIN', `The image ${name} is not on this machine any more.`);
      const { environment } = settings;
      return { ...fixed, options: { ...options, environment }, ...describeZephyr(settings, places) };
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
    tools: (await toolsQueueOf(toolchain, signal))!,
    detail: 'west',
    needsWorkspace: true,
    toolchainFor: async ({ settings }, places) => ({
      kind: 'west',
      options: { ...options, environment: settings.environment },
      ...describeZephyr(settings, places),
    }),
  };
}

function describeZephyr(
  { configPath, buildFile, fallbackBinary }: JobSettings,
  { workspace, configDirectory, outputDirectory, cacheRoot }: JobPlaces,
) {
  return {
    ...{ workspace: workspace!, configDirectory, outputDirectory, cacheRoot },
    ...{ configPath, buildFile, fallbackBinary },
  };
}
