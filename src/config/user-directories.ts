// Per-user directories on each platform. Resolved when needed, not at import: a user in a container may have no
// home directory, and may not need one. (The package env-paths resolves at import, and accepts a relative
// `XDG_CACHE_HOME`.)
import os from 'node:os';
import path from 'node:path';
import { GloveboxError } from '../errors.ts';

/** Environment variables, in the form of `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A directory inside the user's home is needed, but there is no home directory. */
export class NoHomeError extends GloveboxError {
  constructor(what: string) {
    super(
      'GLOVEBOX_NO_HOME',
      `There is no home directory for ${what}: HOME is not set, and the system has none for this user. Set GLOVEBOX_CACHE_DIR to a directory.`,
    );
  }
}

/**
 * The user's home directory, absolute: `HOME`, else from the system's user database. Undefined when there is none.
 */
export function homeDirectory(environment: Environment): string | undefined {
  const named = absolute(process.platform === 'win32' ? environment.USERPROFILE : environment.HOME);
  if (named !== undefined) return named;
  try {
    return absolute(os.userInfo().homedir);
  } catch {
    // The user's id has no entry, as in many containers.
    return undefined;
  }
}

/** The platform's cache directory: `$XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`. */
export function cacheDirectory(environment: Environment, name: string): string | undefined {
  return platformDirectory(environment, name, {
    windows: [environment.LOCALAPPDATA, 'Local', 'Cache'],
    macos: 'Caches',
    others: [environment.XDG_CACHE_HOME, '.cache'],
  });
}

/** The platform's settings directory: `$XDG_CONFIG_HOME` or `~/.config`, `~/Library/Preferences`, `%APPDATA%`. */
export function configDirectory(environment: Environment, name: string): string | undefined {
  return platformDirectory(environment, name, {
    windows: [environment.APPDATA, 'Roaming', 'Config'],
    macos: 'Preferences',
    others: [environment.XDG_CONFIG_HOME, '.config'],
  });
}

interface Places {
  /** The set directory, its default in `AppData`, and the name below the program's own. */
  windows: [set: string | undefined, inAppData: string, below: string];
  /** In `Library`. */
  macos: string;
  /** The set directory, and its default in the home directory. */
  others: [set: string | undefined, inHome: string];
}

function platformDirectory(
  environment: Environment,
  name: string,
  { windows, macos, others }: Places,
): string | undefined {
  switch (process.platform) {
    case 'win32':
      return below(absolute(windows[0]) ?? inHome(environment, 'AppData', windows[1]), name, windows[2]);
    case 'darwin':
      return inHome(environment, 'Library', macos, name);
    default:
      return below(absolute(others[0]) ?? inHome(environment, others[1]), name);
  }
}

function inHome(environment: Environment, ...parts: string[]): string | undefined {
  return below(homeDirectory(environment), ...parts);
}

function below(directory: string | undefined, ...parts: string[]): string | undefined {
  return directory === undefined ? undefined : path.join(directory, ...parts);
}

// By the XDG standard, an empty or relative path is ignored.
function absolute(directory: string | undefined): string | undefined {
  return directory && path.isAbsolute(directory) ? directory : undefined;
}
