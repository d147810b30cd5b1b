// Loads the user configuration by merging the project's config file with the user's own.
import path from 'node:path';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { type DataFile, readDataFile } from './data-file.ts';
import { expandHome, userConfigDirectory } from './environment.ts';
import { findProjectFile, findUserFile } from './find-config.ts';
import { problemsOf } from './problems.ts';
import { type ConfigValues, isMap } from './schema.ts';
import type { CacheConfig, UserConfig } from './user-config.ts';

/** Locations of the config files. */
export interface LoadUserConfigOptions {
  /** Directory where the upward search for the project's file begins. Default: the working directory. */
  directory?: string;
  /** The project's file itself, which must exist. Replaces the search. */
  file?: string;
  /** Directory of the user's own file. Default: `glovebox` in the platform's config directory. */
  userDirectory?: string;
}

/**
 * Reads the project's config file and the user's own. Where both set a field, the project's value wins; each
 * toolchain counts as one field. Without either file, all settings have their defaults.
 *
 * @throws ConfigError naming file, line, field and what is allowed, when a file is invalid
 */
export async function loadUserConfig(options: LoadUserConfigOptions = {}): Promise<UserConfig> {
  const { directory = '.', file, userDirectory = userConfigDirectory() } = options;
  const [project, user] = await Promise.all([
    file === undefined ? findProjectFile(directory) : path.resolve(file),
    userDirectory === undefined ? undefined : findUserFile(userDirectory),
  ]);
  const files = [project, user].filter(found => found !== undefined);
  const sources = files.filter((found, index) => files.indexOf(found) === index);
  const [strong = {}, weak = {}] = await Promise.all(sources.map(readConfigFile));
  return {
    ...withDefaults(merge(strong, weak)),
    sources,
    ...(project !== undefined && { directory: path.dirname(project) }),
  };
}

/**
 * Creates a configuration from values that a program gives. Missing fields have their defaults. Relative paths are
 * resolved against `directory`.
 *
 * @throws ConfigError naming the field and what is allowed
 */
export function createUserConfig(
  values: ConfigValues = {},
  options: { directory?: string } = {},
): UserConfig {
  const directory = options.directory === undefined ? undefined : path.resolve(options.directory);
  assertValid(values);
  return {
    ...withDefaults(withPaths(values, directory ?? process.cwd())),
    sources: [],
    ...(directory !== undefined && { directory }),
  };
}

async function readConfigFile(file: string): Promise<ConfigValues> {
  if (/\.[cm]?[jt]sx?$/.test(file)) {
    const message =
      'this would have to be executed. Write the config as YAML or JSON, such as glovebox.config.yaml.';
    throw new ConfigError(file, [{ field: '', message }]);
  }
  const whole = await readDataFile(file);
  const { value, position } = path.basename(file) === 'package.json' ? fieldOf(whole, 'glovebox') : whole;
  const values = withoutNulls(value ?? {}, DEPTH_OF_MAPS);
  assertValid(values, file, position);
  return withPaths(values, path.dirname(file));
}

function fieldOf({ file, value, position }: DataFile, field: string): DataFile {
  const inner = isMap(value) ? value[field] : undefined;
  return { file, value: inner, position: steps => position([field, ...steps]) };
}

function assertValid(
  values: unknown,
  file?: string,
  position?: DataFile['position'],
): asserts values is ConfigValues {
  // An empty config needs no check, which saves loading the validator.
  if (isMap(values) && Object.keys(values).length === 0) return;
  const problems = problemsOf(values).map(({ path: steps, ...problem }): ConfigProblem => {
    return { ...problem, ...position?.(steps) };
  });
  if (problems.length === 0) return;
  const inOrder = problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  throw new ConfigError(file, inOrder.slice(0, MAX_PROBLEMS));
}

/** Reporting more would not help. */
const MAX_PROBLEMS = 10;

/** The deepest field is `cache.tags.<tag>.<field>`. */
const DEPTH_OF_MAPS = 4;

/** Removes fields without a value, such as a section whose lines are all comments. */
function withoutNulls(value: unknown, depth: number): unknown {
  if (!isMap(value) || depth === 0) return value;
  const given = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(given.map(([name, inner]) => [name, withoutNulls(inner, depth - 1)]));
}

function withPaths(
  { cache, build, toolchains, workspaces, remote, agents }: ConfigValues,
  directory: string,
): ConfigValues {
  const { command } = toolchains ?? {};
  return {
    ...(cache && { cache: withDirectory(cache, directory) }),
    ...(toolchains && {
      toolchains: {
        ...toolchains,
        ...(command && { command: { ...command, program: expandHome(command.program) } }),
      },
    }),
    ...(workspaces && { workspaces }),
    ...(remote && { remote }),
    ...(agents && { agents }),
    ...(build && {
      build: {
        ...build,
        ...(build.output && { output: expandHome(build.output) }),
        ...(build.workspace && { workspace: path.resolve(directory, expandHome(build.workspace)) }),
      },
    }),
  };
}

function withDirectory(cache: Partial<CacheConfig>, from: string): Partial<CacheConfig> {
  if (cache.directory === undefined) return cache;
  return { ...cache, directory: path.resolve(from, expandHome(cache.directory)) };
}

function merge(strong: ConfigValues, weak: ConfigValues): ConfigValues {
  const tagNames = [...Object.keys(weak.cache?.tags ?? {}), ...Object.keys(strong.cache?.tags ?? {})];
  const tags = tagNames.map(
    tag => [tag, { ...weak.cache?.tags?.[tag], ...strong.cache?.tags?.[tag] }] as const,
  );
  return {
    cache: { ...weak.cache, ...strong.cache, tags: Object.fromEntries(tags) },
    build: { ...weak.build, ...strong.build },
    toolchains: { ...weak.toolchains, ...strong.toolchains },
    ...((weak.workspaces ?? strong.workspaces) && {
      workspaces: { ...weak.workspaces, ...strong.workspaces },
    }),
    ...((weak.remote ?? strong.remote) && { remote: { ...weak.remote, ...strong.remote } }),
    ...((weak.agents ?? strong.agents) && { agents: { ...weak.agents, ...strong.agents } }),
  };
}

function withDefaults({
  cache,
  build,
  toolchains,
  workspaces,
  remote,
  agents,
}: ConfigValues): Omit<UserConfig, 'sources' | 'directory'> {
  return {
    cache: { ...cache, tags: cache?.tags ?? {} },
    build: build ?? {},
    toolchains: toolchains ?? {},
    ...(workspaces && { workspaces }),
    ...(remote && { remote }),
    ...(agents && { agents }),
  };
}
