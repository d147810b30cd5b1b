// The image that a container is made from: which one it is here, and how it gets here.
import { cacheKey } from '../../../cache/keys.ts';
import { ToolchainError } from '../toolchain-error.ts';
import { lastLine, runEngineClient } from './client.ts';
import type { ContainerEngine } from './engine-search.ts';

/** ZMK's own image for its workflow: `build-user-config.yml` runs in it. */
export const DEFAULT_IMAGE = 'zmkfirmware/zmk-build-arm:stable';

/** Milliseconds. Two gigabytes over a slow line. */
const PULL_LIMIT_MS = 3 * 60 * 60 * 1000;

/** An image of this machine. */
export interface FoundImage {
  /** What the engine calls it whatever its name comes to mean: `sha256:…`. Stores of images name the same one differently. */
  digest: string;
  /**
   * The digest of what a build sees of it: its layers, its platform, its user and its variables, which are all that a
   * container takes from the image's configuration. The same for every engine and store.
   */
  content: string;
}

/** What there is to know of an image, each of it in JSON on a line of its own. */
const FORMAT = ['.Id', '.Os', '.Architecture', '.RootFS.Layers', '.Config.User', '.Config.Env']
  .map(field => `{{json ${field}}}`)
  .join('\n');

/**
 * Looks at an image of this machine; undefined when it is not there. Never touches the network. Rejects with
 * {@link ToolchainError} when the engine does not answer.
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

/** Whether an engine says that it has no such image. */
export function isNoImage(output: string): boolean {
  return /no such image|image not known|no such object|failed to find image/i.test(output);
}

/** The sentence for somebody who has to get an image by hand. */
export function howToGet(engine: ContainerEngine, image: string): string {
  return `Get it: ${engine.command} pull ${pullName(engine, image)}`;
}

/**
 * Gets an image from its registry. Rejects with {@link ToolchainError} when it cannot be had, and with the reason of
 * `signal`, which ends it.
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

/** The name to pull an image by. Podman asks which registry is meant when there is nobody to answer; docker has one in mind. */
export function pullName({ kind }: ContainerEngine, image: string): string {
  const [host = '', ...rest] = image.split('/');
  const isFull = rest.length > 0 && (/[.:]/.test(host) || host === 'localhost');
  if (kind === 'docker' || isFull) return image;
  return `docker.io/${rest.length === 0 ? `library/${image}` : image}`;
}
