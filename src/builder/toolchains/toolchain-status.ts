// Status of a toolchain: whether a config can be built with it on this machine, and why not.
import type { Cache } from '../../cache/cache.ts';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import type { UserConfig } from '../../config/user-config.ts';
import type { ToolchainDescription } from './index.ts';

/** The circumstances on which the choice depends. */
export interface ToolchainQuery {
  /** The requested toolchain; takes precedence over the configuration. */
  toolchain?: ToolchainKind | undefined;
  /** The requested workspace; takes precedence over the configuration. Absolute. */
  workspace?: string | undefined;
  userConfig: UserConfig;
  /** The directory with `build.yaml`. Absolute. */
  configDirectory: string;
  /** The directory for firmware. Absolute. */
  outputDirectory: string;
  /** The directory of the caches. Absolute. */
  cacheRoot: string;
  /** Whether the caches may be written. */
  cache: boolean;
  /** Opens the cache that remembers the programs' versions. Default: the programs are run. */
  memory?: (() => Promise<Cache>) | undefined;
  /** Told, in one sentence, that the container image is about to be pulled. Default: the network is not touched. */
  onPull?: ((message: string) => void) | undefined;
  /** Stops the search. */
  signal?: AbortSignal | undefined;
}

/** A toolchain, and whether the config can be built with it here. */
export type ToolchainStatus = {
  kind: ToolchainKind /** What was found, or what is missing. */;
  detail: string;
} & (
  | { works: true; description: ToolchainDescription }
  | { works: false /** What to do to be able to build with it. */; remedy: string }
);
