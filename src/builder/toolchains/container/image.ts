// Container image: identified locally, or pulled.
import { cacheKey } from '../../../cache/cache-key.ts';
import { ToolchainError } from '../toolchain.ts';
import { lastLine, runEngineClient } from './client.ts';
import type { ContainerEngine } from './engine-search.ts';

/** ZMK's own image for its workflow: `build-user-config.yml` runs in it. */
export const DEFAULT_IMAGE = 'zmkfirmware/zmk-build-arm:stable';

/** Enough for two gigabytes over a slow line. */
const PULL_LIMIT_MS = 3 * 60 * 60 * 1000;

/** An image on this machine. */
export interface FoundImage {
  /** The engine's immutable name for it: `sha256:…`. Different image stores use different ones for the same image. */
  digest: string;
  /**
   * The digest of everything that a build sees of it: its layers, platform, user and variables. A container uses
   * nothing else of the image's configuration. The same for every engine and store.
   */
  content: string;
}

/** The inspected properties of an image, one JSON value per line. */
const FORMAT = ['.Id', '.Os', '.Architecture', '.RootFS.Layers', '.Config.User', '.Config.Env']
  .map(field => `{{json ${field}}}`)
  .join('\n');

/**
 * Inspects an image on this machine; undefined if it does not exist. Never touches the network. Rejects with {@link
 * ToolchainError} if the engine does not answer.
 */
export async function inspectImage(
  { command }: ContainerEngine,
  image: string,
  signal?: AbortSignal,
): Promise<FoundImage | undefined> {
  const { exitCode, output } = await runEngineClient(
    command,
    ['image', 'inspect', '--format', FORMAT, '--', image],
    {
      signal,
    },
  );
  const found = exitCode === 0 ? await readImage(output) : undefined;
  if (found !== undefined) return found;
  if (isNoImage(output)) return undefined;
  throw new ToolchainError(
    `'${command} image inspect ${image}' failed: ${lastLine(output)}. Have '${command} info' work.`,
  );
}

async function readImage(output: string): Promise<FoundImage | undefined> {
  const [, id, rest] = /^"(?:sha256:)?([0-9a-f]{64})"\n(.+)$/ms.exec(output) ?? [];
  if (id === undefined || rest === undefined) return undefined;
  try {
    const [os, architecture, layers, user, environment] = rest
      .split('\n')
      .map(line => JSON.parse(line) as unknown);
    if (!Array.isArray(layers) || layers.length === 0) return undefined;
    const seen = { os, architecture, layers, user: user || null, environment: environment ?? [] };
    return { digest: `sha256:${id}`, content: `sha256:${await cacheKey('image', JSON.stringify(seen))}` };
  } catch {
    return undefined;
  }
}

/** Whether the engine's output means that it does not have the image. */
export function isNoImage(output: string): boolean {
  return /no such image|image not known|no such object|failed to find image/i.test(output);
}

/** The remedy for a missing image, as a sentence. */
export function howToGet(engine: ContainerEngine, image: string): string {
  return `Get it: ${engine.command} pull ${pullName(engine, image)}`;
}

/**
 * Pulls an image from its registry. Rejects with {@link ToolchainError} if that fails, and with the reason of `signal`,
 * which stops it.
 */
export async function pullImage(engine: ContainerEngine, image: string, signal?: AbortSignal): Promise<void> {
  const { command } = engine;
  const name = pullName(engine, image);
  const pulled = await runEngineClient(command, ['pull', '--quiet', '--', name], {
    signal,
    timeLimit: PULL_LIMIT_MS,
  });
  if (pulled.exitCode === 0) return;
  throw new ToolchainError(
    `The image ${image} could not be pulled: ${lastLine(pulled.output)}. ` +
      `Have '${command} pull ${name}' work, or name another image in toolchains.container.image.`,
  );
}

/**
 * The name to pull an image by. Podman asks for the registry of a short name, and fails without a terminal; docker has
 * a default.
 */
export function pullName({ kind }: ContainerEngine, image: string): string {
  const [host = '', ...rest] = image.split('/');
  const isFull = rest.length > 0 && (/[.:]/.test(host) || host === 'localhost');
  if (kind === 'docker' || isFull) return image;
  return `docker.io/${rest.length === 0 ? `library/${image}` : image}`;
}
