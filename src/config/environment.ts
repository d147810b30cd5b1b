// The one module that reads the environment: what each variable means is decided here. Light: worker threads import it.
import path from 'node:path';
import {
  cacheDirectory,
  configDirectory,
  type Environment,
  homeDirectory,
  NoHomeError,
} from './user-directories.ts';

export type { Environment } from './user-directories.ts';

/** What the environment says about a cache. A field is absent when the environment does not say. */
export interface CacheEnvironment {
  /** From `GLOVEBOX_CACHE_DIR`: absolute. Absent also when that is below a home directory that the user does not have. */
  cacheRoot?: string;
  /** From `GLOVEBOX_CACHE_DISABLED` or `GLOVEBOX_CACHE_<TAG>_DISABLED`. The environment can only disable. */
  enabled?: false;
  /** From `GLOVEBOX_CACHE_UNTRUSTED`. The environment can only allow. */
  allowUntrusted?: true;
}

/** What the environment says about the remote cache, as it says it. A field is absent when the environment does not say. */
export interface RemoteEnvironment {
  /** `GLOVEBOX_REMOTE` is `0`, `false`, `no` or `off`: no remote cache, whatever the config says. */
  isOff: boolean;
  /** From `GLOVEBOX_REMOTE`. */
  url?: string;
  /** From `GLOVEBOX_REMOTE_MODE`. */
  mode?: string;
  /** From `GLOVEBOX_REMOTE_TOKEN`. */
  token?: string;
  /** From `GLOVEBOX_REMOTE_TRUST`, where commas separate them. */
  trust?: string[];
  /** From `GLOVEBOX_SIGNING_KEY`: a private key, or its file with `~` as the home directory. */
  signingKey?: string;
  /** Whether Node sends requests through a proxy: `NODE_USE_ENV_PROXY` is set. */
  isProxied: boolean;
}

/** What the environment says about the terminal. */
export interface TerminalEnvironment {
  /** No colors: `NO_COLOR` has a value, `FORCE_COLOR` is `0` or `false`, or `TERM` is `dumb`. */
  noColor: boolean;
  /** Colors even when the output is no terminal: `FORCE_COLOR` is set, but not to `0` or `false`. `noColor` wins. */
  forceColor: boolean;
  /** In continuous integration: `CI` is set, but not to `0` or `false`. Nothing should redraw there. */
  ci: boolean;
  /** The terminal cannot move the cursor: `TERM` is `dumb`. */
  dumb: boolean;
}

/**
 * What the environment says about the cache of `tag`. `1`, `true` and `yes` disable, in any case of letters.
 * In the variable's name the tag is in capitals, with `_` for `-` and `.`: `my-tag` is `GLOVEBOX_CACHE_MY_TAG_DISABLED`.
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
 * The directory that holds one directory per tag when nobody names another: `GLOVEBOX_CACHE_DIR`, else `glovebox` in
 * the platform's cache directory (`$XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`). Absolute.
 *
 * @throws NoHomeError when that is in the user's home directory, and there is none
 */
export function defaultCacheRoot(environment: Environment = process.env): string {
  const { cacheRoot } = cacheEnvironment('', environment);
  if (cacheRoot !== undefined) return cacheRoot;
  const found = environment.GLOVEBOX_CACHE_DIR ? undefined : cacheDirectory(environment, 'glovebox');
  if (found === undefined) throw new NoHomeError('the caches');
  return found;
}

/**
 * The directory of the user's own config file: `glovebox` in the platform's config directory. Absolute; undefined for
 * a user who has no home directory.
 */
export function userConfigDirectory(environment: Environment = process.env): string | undefined {
  return configDirectory(environment, 'glovebox');
}

/** What `GLOVEBOX_CONTAINER_ENGINE` names, which should be `docker` or `podman`; undefined when it is not set. */
export function containerEngineEnvironment(environment: Environment = process.env): string | undefined {
  return environment.GLOVEBOX_CONTAINER_ENGINE || undefined;
}

/** What the environment says about the remote cache. Nothing is checked. */
export function remoteEnvironment(environment: Environment = process.env): RemoteEnvironment {
  const url = environment.GLOVEBOX_REMOTE?.trim();
  const mode = environment.GLOVEBOX_REMOTE_MODE?.trim();
  const token = environment.GLOVEBOX_REMOTE_TOKEN?.trim();
  const trust = environment.GLOVEBOX_REMOTE_TRUST?.split(',')
    .map(key => key.trim())
    .filter(key => key !== '');
  const signingKey = environment.GLOVEBOX_SIGNING_KEY?.trim();
  return {
    isOff: url !== undefined && /^(0|false|no|off)$/i.test(url),
    ...(url && { url }),
    ...(mode && { mode }),
    ...(token && { token }),
    ...(trust !== undefined && trust.length > 0 && { trust }),
    ...(signingKey && { signingKey: expandHome(signingKey, environment) }),
    isProxied: isOn(environment.NODE_USE_ENV_PROXY),
  };
}

/** What the environment says about the terminal; whether the output is one is for the caller to ask the stream. */
export function terminalEnvironment(environment: Environment = process.env): TerminalEnvironment {
  const dumb = environment.TERM === 'dumb';
  const noColor = dumb || Boolean(environment.NO_COLOR) || isOff(environment.FORCE_COLOR);
  return { noColor, forceColor: !noColor && isOn(environment.FORCE_COLOR), ci: isOn(environment.CI), dumb };
}

/** What GitHub says of the job that this process is a step of. */
export interface GitHubEnvironment {
  /** Where the repository is checked out; undefined when nothing says it. */
  workspace: string | undefined;
  /** The file that a step adds its Markdown summary to. */
  summaryFile: string | undefined;
  /** The file that a step adds its outputs to. */
  outputFile: string | undefined;
}

/** What GitHub Actions says, when this is one of its jobs: `GITHUB_ACTIONS` is `true`. */
export function githubEnvironment(environment: Environment = process.env): GitHubEnvironment | undefined {
  if (environment.GITHUB_ACTIONS !== 'true') return undefined;
  return {
    workspace: environment.GITHUB_WORKSPACE || undefined,
    summaryFile: environment.GITHUB_STEP_SUMMARY || undefined,
    outputFile: environment.GITHUB_OUTPUT || undefined,
  };
}

/** What `TRACEPARENT` says: the W3C trace context that this process is part of. Undefined when there is none. */
export function traceEnvironment(environment: Environment = process.env): string | undefined {
  return environment.TRACEPARENT || undefined;
}

/** The variable that hands a trace context to a program. */
export function tracedEnvironment(traceparent: string | undefined): Record<string, string> {
  return traceparent === undefined ? {} : { TRACEPARENT: traceparent };
}

/**
 * The variables of these names that are set, in the order of the names: what a toolchain's program gets to see,
 * since nothing else reaches it.
 */
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
 * `~` and what begins with `~/`, below the user's home directory; other paths as they are.
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

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== '' && !isOff(value);
}

function isOff(value: string | undefined): boolean {
  return value !== undefined && /^(0|false)$/i.test(value.trim());
}
