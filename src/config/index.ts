// Public module for user configuration. Light to import: the parsers and the validator are loaded when a file is
// read.
export { QUEUE_URL_FORMS, queueFor } from './agents-config.ts';
export { ConfigError, type ConfigProblem } from './config-error.ts';
export { createUserConfig, type LoadUserConfigOptions, loadUserConfig } from './load-user-config.ts';
export { DEFAULT_SHARE, remoteOptionsFor, signingKeyFile } from './remote-config.ts';
export type { ConfigValues } from './schema.ts';
export {
  type BuildConfig,
  type CommandToolchainOptions,
  type ContainerToolchainOptions,
  DEFAULT_PASS_THROUGH,
  PLACEHOLDERS,
  type ToolchainKind,
  type ToolchainsOptions,
  type WestToolchainOptions,
} from './toolchain-options.ts';
export {
  type AgentsConfig,
  type CacheConfig,
  cacheOptionsFor,
  type RemoteConfig,
  type TagConfig,
  type UserConfig,
  type WorkspacesConfig,
} from './user-config.ts';
