// Whether a config can be built with a toolchain on this machine: what that depends on, and what was found.
import type { Cache } from '../../cache/cache.ts';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import type { UserConfig } from '../../config/user-config.ts';
import type { ToolchainDescription } from './index.ts';

/** What the choice depends on. */
export interface ToolchainQuery {
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
  /** Remembers what programs are. Default: they are asked. */
  memory?: (() => Promise<Cache>) | undefined;
  /** Told, in one sentence, that the image of containers is going to be pulled. Default: the network is not touched. */
  onPull?: ((message: string) => void) | undefined;
  /** Ends the looking. */
  signal?: AbortSignal | undefined;
}

/** One toolchain, and whether the config can be built with it here. */
export type ToolchainStatus = {
  kind: ToolchainKind /** What was found, or what is missing. */;
  detail: string;
} & (
  | { works: true; description: ToolchainDescription }
  | { works: false /** What to do to be able to build with it. */; remedy: string }
);
