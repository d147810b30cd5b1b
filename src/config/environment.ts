// The only module that reads the environment, and the meaning of each variable. Light: worker threads import it.
import path from 'node:path';
import {
  cacheDirectory,
  configDirectory,
  type Environment,
  homeDirectory,
  NoHomeError,
} from './user-directories.ts';

export type { Environment } from './user-directories.ts';

/** Cache settings from the environment. Fields of unset variables are absent. */
export interface CacheEnvironment {
  /**
   * From `GLOVEBOX_CACHE_DIR`: absolute. Also absent when the path begins with `~` and the user has no home
   * directory.
   */
  cacheRoot?: string;
  /**
   * From `GLOVEBOX_CACHE_DISABLED` or `GLOVEBOX_CACHE_<TAG>_DISABLED`. The environment can only disable the cache.
   */
  enabled?: false;
  /** From `GLOVEBOX_CACHE_UNTRUSTED`. The environment can only allow untrusted stores. */
  allowUntrusted?: true;
}

/** Remote cache settings from the environment, unchecked. Fields of unset variables are absent. */
export interface RemoteEnvironment {
  /** `GLOVEBOX_REMOTE` is `0`, `false`, `no` or `off`: the remote cache is off, whatever the config says. */
  isOff: boolean;
  /** From `GLOVEBOX_REMOTE`. */
  url?: string;
  /** From `GLOVEBOX_REMOTE_MODE`. */
  mode?: string;
  /** From `GLOVEBOX_REMOTE_TOKEN`. */
  token?: string;
  /** From `GLOVEBOX_REMOTE_TRUST`, separated by commas. */
  trust?: string[];
  /** From `GLOVEBOX_SIGNING_KEY`: a private key or the path of its file, where `~` is the home directory. */
  signingKey?: string;
  /** Whether Node sends requests through a proxy, because `NODE_USE_ENV_PROXY` is set. */
  isProxied: boolean;
}

/** Terminal settings from the environment. */
export interface TerminalEnvironment {
  /** No colors: `NO_COLOR` has a value, `FORCE_COLOR` is `0` or `false`, or `TERM` is `dumb`. */
  noColor: boolean;
  /**
   * Colors even when the output is not a terminal: `FORCE_COLOR` is set, but not to `0` or `false`. `noColor` wins.
   */
  forceColor: boolean;
  /** Continuous integration, where nothing should be redrawn: `CI` is set, but not to `0` or `false`. */
  ci: boolean;
  /** The terminal cannot move the cursor: `TERM` is `dumb`. */
  dumb: boolean;
}

/**
 * Cache settings from the environment for `tag`. `1`, `true` and `yes` disable it, in upper or lower case. In the
 * variable's name, the tag is in capitals, with `_` for `-` and `.`: `my-tag` is `GLOVEBOX_CACHE_MY_TAG_DISABLED`.
 */
export function cacheEnvironment(tag: string, environment: Environment = process.env): CacheEnvironment {
  const found: CacheEnvironment = {};
  const directory = environment.GLOVEBOX_CACHE_DIR;
  const expanded = directory && expand(directory, environment);
  if (expanded) found.cacheRoot = path.resolve(expanded);
  const ofTag = `GLOVEBOX_CACHE_${tag.toUpperCase().replace(/[-.]/g, '_')}_DISABLED`;
  if (isYes(environment.GLOVEBOX_CACHE_DISABLED) || isYes(environment[ofTag])) found.enabled = false;
  if (isYes(environment.GLOVEBOX_CACHE_UNTRUSTED)) found.allowUntrusted = true;
  return found;
}

/**
 * The default cache root, which holds one directory per tag: `GLOVEBOX_CACHE_DIR`, else `glovebox` in the
 * platform's cache directory (`$XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`). Absolute.
 *
 * @throws NoHomeError when it would be in the home directory and there is none
 */
export function defaultCacheRoot(environment: Environment = process.env): string {
  const { cacheRoot } = cacheEnvironment('', environment);
  if (cacheRoot !== undefined) return cacheRoot;
  const found = environment.GLOVEBOX_CACHE_DIR ? undefined : cacheDirectory(environment, 'glovebox');
  if (found === undefined) throw new NoHomeError('the caches');
  return found;
}

/**
 * Directory of the user's own config file: `glovebox` in the platform's config directory. Absolute; undefined
 * without a home directory.
 */
export function userConfigDirectory(environment: Environment = process.env): string | undefined {
  return configDirectory(environment, 'glovebox');
}

/**
 * The container engine in `GLOVEBOX_CONTAINER_ENGINE`, `docker` or `podman`, unchecked; undefined when it is not
 * set.
 */
export function containerEngineEnvironment(environment: Environment = process.env): string | undefined {
  return environment.GLOVEBOX_CONTAINER_ENGINE || undefined;
}

/** Remote cache settings from the environment, unchecked. */
export function remoteEnvironment(environment: Environment = process.env): RemoteEnvironment {
  const url = environment.GLOVEBOX_REMOTE?.trim();
  const mode = environment.GLOVEBOX_REMOTE_MODE?.trim();
  const token = environment.GLOVEBOX_REMOTE_TOKEN?.trim();
  const trust = environment.GLOVEBOX_REMOTE_TRUST?.split(',')
    .map(key => key.trim())
    .filter(key => key !== '');
  const signingKey = environment.GLOVEBOX_SIGNING_KEY?.trim();
  return {
    isOff: url !== undefined && isDisabled(url),
    ...(url && { url }),
    ...(mode && { mode }),
    ...(token && { token }),
    ...(trust !== undefined && trust.length > 0 && { trust }),
    ...(signingKey && { signingKey: expandHome(signingKey, environment) }),
    isProxied: isOn(environment.NODE_USE_ENV_PROXY),
  };
}

/** The queue of build agents from `GLOVEBOX_QUEUE`, unchecked; absent when it is not set. */
export function queueEnvironment(environment: Environment = process.env): { isOff: boolean; queue?: string } {
  const queue = environment.GLOVEBOX_QUEUE?.trim();
  return { isOff: queue !== undefined && isDisabled(queue), ...(queue && { queue }) };
}

/** The user of this process, for people: `USER`, else `LOGNAME`, else `user`. */
export function userName(environment: Environment = process.env): string {
  return environment.USER || environment.LOGNAME || environment.USERNAME || 'user';
}

/** Terminal settings from the environment. The caller asks the stream whether it is a terminal. */
export function terminalEnvironment(environment: Environment = process.env): TerminalEnvironment {
  const dumb = environment.TERM === 'dumb';
  const noColor = dumb || Boolean(environment.NO_COLOR) || isOff(environment.FORCE_COLOR);
  return { noColor, forceColor: !noColor && isOn(environment.FORCE_COLOR), ci: isOn(environment.CI), dumb };
}

/** The GitHub Actions job that this process is a step of. */
export interface GitHubEnvironment {
  /** Directory of the checkout; undefined when unknown. */
  workspace: string | undefined;
  /** File to which a step appends its Markdown summary. */
  summaryFile: string | undefined;
  /** File to which a step appends its outputs. */
  outputFile: string | undefined;
}

/** The current GitHub Actions job; undefined unless `GITHUB_ACTIONS` is `true`. */
export function githubEnvironment(environment: Environment = process.env): GitHubEnvironment | undefined {
  if (environment.GITHUB_ACTIONS !== 'true') return undefined;
  return {
    workspace: environment.GITHUB_WORKSPACE || undefined,
    summaryFile: environment.GITHUB_STEP_SUMMARY || undefined,
    outputFile: environment.GITHUB_OUTPUT || undefined,
  };
}

/** The W3C trace context of this process, from `TRACEPARENT`; undefined without one. */
export function traceEnvironment(environment: Environment = process.env): string | undefined {
  return environment.TRACEPARENT || undefined;
}

/** Environment variables that pass a trace context to a program. */
export function tracedEnvironment(traceparent: string | undefined): Record<string, string> {
  return traceparent === undefined ? {} : { TRACEPARENT: traceparent };
}

/** The variables of these names that are set, in the order of the names. A toolchain's program sees only these. */
export function pickEnvironment(
  names: readonly string[],
  environment: Environment = process.env,
): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = environment[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

/**
 * Expands a leading `~` or `~/` to the home directory; other paths are unchanged.
 *
 * @throws NoHomeError when there is no home directory
 */
export function expandHome(file: string, environment: Environment = process.env): string {
  const expanded = expand(file, environment);
  if (expanded === undefined) throw new NoHomeError(JSON.stringify(file));
  return expanded;
}

function expand(file: string, environment: Environment): string | undefined {
  if (file !== '~' && !/^~[/\\]/.test(file)) return file;
  const home = homeDirectory(environment);
  return home && path.join(home, file.slice(2));
}

function isYes(value: string | undefined): boolean {
  return value !== undefined && /^(1|true|yes)$/i.test(value.trim());
}

/** Whether the value of an address turns the feature off. */
function isDisabled(value: string): boolean {
  return /^(0|false|no|off)$/i.test(value);
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== '' && !isOff(value);
}

function isOff(value: string | undefined): boolean {
  return value !== undefined && /^(0|false)$/i.test(value.trim());
}
