// The directories that a user has on each platform. Asked for when they are needed, not when this is imported: a user
// in a container may have no home, and need none. (The package env-paths asks at its import, and follows a
// `XDG_CACHE_HOME` that is relative.)
import os from 'node:os';
import path from 'node:path';
import { GloveboxError } from '../errors.ts';

/** A set of environment variables, as `process.env` is one. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A directory is needed that is in the user's home, and there is none. */
export class NoHomeError extends GloveboxError {
  constructor(what: string) {
    super(
      'GLOVEBOX_NO_HOME',
      `There is no home directory for ${what}: HOME is not set, and the system knows none for this user. Set GLOVEBOX_CACHE_DIR to a directory.`,
    );
  }
}

/** The user's home directory, absolute: what `HOME` names, else what the system knows. Undefined when there is none. */
export function homeDirectory(environment: Environment): string | undefined {
  const named = absolute(process.platform === 'win32' ? environment.USERPROFILE : environment.HOME);
  if (named !== undefined) return named;
  try {
    return absolute(os.userInfo().homedir);
  } catch {
    // No entry for the user's id, as in many containers.
    return undefined;
  }
}

/** Where programs keep caches: `$XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`. */
export function cacheDirectory(environment: Environment, name: string): string | undefined {
  switch (process.platform) {
    case 'win32':
      return below(
        absolute(environment.LOCALAPPDATA) ?? inHome(environment, 'AppData', 'Local'),
        name,
        'Cache',
      );
    case 'darwin':
      return inHome(environment, 'Library', 'Caches', name);
    default:
      return below(absolute(environment.XDG_CACHE_HOME) ?? inHome(environment, '.cache'), name);
  }
}

/** Where programs keep settings: `$XDG_CONFIG_HOME` or `~/.config`, `~/Library/Preferences`, `%APPDATA%`. */
export function configDirectory(environment: Environment, name: string): string | undefined {
  switch (process.platform) {
    case 'win32':
      return below(
        absolute(environment.APPDATA) ?? inHome(environment, 'AppData', 'Roaming'),
        name,
        'Config',
      );
    case 'darwin':
      return inHome(environment, 'Library', 'Preferences', name);
    default:
      return below(absolute(environment.XDG_CONFIG_HOME) ?? inHome(environment, '.config'), name);
  }
}

function inHome(environment: Environment, ...parts: string[]): string | undefined {
  return below(homeDirectory(environment), ...parts);
}

function below(directory: string | undefined, ...parts: string[]): string | undefined {
  return directory === undefined ? undefined : path.join(directory, ...parts);
}

// The XDG standard: what is empty or relative is ignored.
function absolute(directory: string | undefined): string | undefined {
  return directory && path.isAbsolute(directory) ? directory : undefined;
}
