// Schema of config files.
import path from 'node:path';
import type * as Valibot from 'valibot';
import type { ByteSize, Duration, EvictionPolicy } from '../cache/cache.ts';
import { isTag } from '../cache/keys.ts';
import { parseRemoteUrl, REMOTE_MODES, REMOTE_URL_FORMS } from '../cache/remote/options.ts';
import { PUBLIC_KEY_FORMS, parseTrustedKey } from '../cache/remote/signing.ts';
import { DURATION_FORMS, parseDuration, parseSize, SIZE_FORMS } from '../cache/units.ts';
import { requirePackage } from '../system/require-package.ts';
import { parseQueueUrl, QUEUE_URL_FORMS } from './agents-config.ts';
import {
  type BuildConfig,
  type IncrementalMode,
  PLACEHOLDERS,
  type ToolchainKind,
  type ToolchainsOptions,
} from './toolchain-options.ts';
import type { AgentsConfig, CacheConfig, RemoteConfig, WorkspacesConfig } from './user-config.ts';

/** The content of one config file, or values given by a program. Every field is optional. */
export interface ConfigValues {
  cache?: Partial<CacheConfig>;
  build?: BuildConfig;
  toolchains?: ToolchainsOptions;
  workspaces?: WorkspacesConfig;
  remote?: RemoteConfig;
  agents?: AgentsConfig;
}

/** Each leaf's message says what is allowed; {@link problemsOf} makes sentences of them. */
type ConfigSchema = Valibot.GenericSchema<unknown, ConfigValues>;

const POLICIES: readonly EvictionPolicy[] = [
  'least-recently-used',
  'least-recently-stored',
  'least-frequently-used',
  'none',
];
const TOOLCHAINS: readonly ToolchainKind[] = ['west', 'container', 'command'];
const INCREMENTAL_MODES: readonly IncrementalMode[] = ['watch', 'always', 'off'];
const ENGINES = ['docker', 'podman'] as const;
const PLACEHOLDER = /\{([A-Za-z][A-Za-z0-9_-]*)\}/g;
const MAX_JOBS = 1024;
const MAP = 'a map of fields';

type Validator = typeof Valibot;

let validator: Validator | undefined;
let schema: ConfigSchema | undefined;

/**
 * The schema violations of `value`, in no order. Type `raw_check` is an unknown field, with the known names as the
 * expectation; type `never` is an invalid name.
 */
export function issuesOf(value: unknown): readonly Valibot.BaseIssue<unknown>[] {
  // Loaded on first use: most threads never read a config file.
  validator ??= requirePackage<Validator>('valibot');
  schema ??= createSchema(validator);
  return validator.safeParse(schema, value).issues ?? [];
}

function createSchema(v: Validator): ConfigSchema {
  const leaf = <T>(allowed: string, check: (value: unknown) => boolean) => v.custom<T>(check, allowed);
  // Valibot's strict object accepts a list as a map, stops at the first unknown field and ignores `constructor`.
  const map = <T extends Valibot.ObjectEntries>(fields: T) =>
    v.pipe(
      leaf<object>(MAP, isMap),
      v.lazy(input => v.pipe(v.object(fields), unknownFields(v, input as object, Object.keys(fields)))),
    );
  // A missing field would be reported as a fault of its map, so it becomes null, which is never valid.
  const required = <T>(field: Valibot.GenericSchema<T>) => v.optional(field, null as never);
  const text = (allowed: string) => leaf<string>(allowed, value => isText(value) && value !== '');
  const oneOf = <T extends string>(words: readonly T[]) =>
    v.optional(leaf<T>(`one of ${words.join(', ')}`, value => words.includes(value as T)));
  const list = (allowed: string, isItem = isFilled, minimum = 1) =>
    leaf<string[]>(allowed, value => Array.isArray(value) && value.length >= minimum && value.every(isItem));

  const ofTag = {
    enabled: v.optional(leaf<boolean>('true or false', value => typeof value === 'boolean')),
    maxSize: v.optional(leaf<ByteSize>(SIZE_FORMS, passes(parseSize))),
    policy: oneOf(POLICIES),
    ttl: v.optional(leaf<Duration>(DURATION_FORMS, passes(parseDuration))),
  };
  const tag = map(ofTag);
  const noTag = v.never('the name of a tag has letters, digits, ".", "_" and "-" only');
  // Valibot's record would not check a tag with the name `constructor`.
  const tags = v.pipe(
    leaf<unknown>('a map without __proto__', value => !hasProto(value)),
    leaf<object>(MAP, isPlainMap),
    v.lazy(input => {
      const names = Object.keys(input as object);
      return v.object(Object.fromEntries(names.map(name => [name, isTag(name) ? tag : noTag])));
    }),
  );
  const cache = map({
    directory: v.optional(text('a path')),
    timeout: v.optional(leaf<Duration>(DURATION_FORMS, passes(parseDuration))),
    ...ofTag,
    tags: v.optional(tags),
  });

  const build = map({
    toolchain: oneOf(TOOLCHAINS),
    jobs: v.optional(leaf<number>(`a whole number from 1 to ${MAX_JOBS}`, isJobs)),
    output: v.optional(text('a path')),
    workspace: v.optional(text('a path')),
    buildFile: v.optional(leaf<string>('a path inside the config directory', isPathInside)),
    configPath: v.optional(leaf<string>('a path inside the config directory', isPathInside)),
    fallbackBinary: v.optional(leaf<string>('an extension without its dot, such as hex', isExtension)),
    incremental: oneOf(INCREMENTAL_MODES),
  });

  const argument = v.custom<string>(
    value => isText(value) && unknownPlaceholder(value) === undefined,
    ({ input }) => (isText(input) ? placeholderForms(input) : 'a text; put it in quotes'),
  );
  const variables = v.optional(list('a list of names of environment variables', isVariable, 0));
  const command = map({
    program: required(text('a program in PATH, or a path')),
    arguments: required(v.array(argument, 'a list of texts')),
    inputs: required(list('a list of globs, at least one')),
    artifacts: required(list('a list of globs, at least one')),
    version: v.optional(list('a list: a program and its arguments')),
    environment: variables,
    passThrough: variables,
    observed: v.optional(text('a path relative to the build directory')),
  });

  const west = map({ environment: variables });
  const container = map({
    image: v.optional(text('the name of an image')),
    engine: oneOf(ENGINES),
    environment: variables,
  });
  const toolchains = map({
    command: v.optional(command),
    west: v.optional(west),
    container: v.optional(container),
  });
  const workspaces = map({ ttl: ofTag.ttl, maxSize: ofTag.maxSize });
  const remote = map({
    url: v.optional(leaf<string>(REMOTE_URL_FORMS, passes(parseRemoteUrl))),
    mode: oneOf(REMOTE_MODES),
    trust: v.optional(
      v.array(leaf<string>(PUBLIC_KEY_FORMS, passes(parseTrustedKey)), 'a list of public keys'),
    ),
    share: v.optional(
      list(
        `a list of ${TOOLCHAINS.join(', ')}`,
        kind => TOOLCHAINS.includes(kind as ToolchainKind),
        0,
      ) as Valibot.GenericSchema<ToolchainKind[]>,
    ),
  });
  const agents = map({
    queue: v.optional(leaf<string>(QUEUE_URL_FORMS, passes(parseQueueUrl))),
  });
  return map({
    cache: v.optional(cache),
    build: v.optional(build),
    toolchains: v.optional(toolchains),
    workspaces: v.optional(workspaces),
    remote: v.optional(remote),
    agents: v.optional(agents),
  });
}

/** `input` is the original map: a validated map contains known fields only. */
function unknownFields<T>(v: Validator, input: object, fields: readonly string[]) {
  return v.rawCheck<T>(({ addIssue }) => {
    for (const key in input) {
      if (fields.includes(key)) continue;
      const value: unknown = input[key as never];
      addIssue({
        expected: fields.join(', '),
        path: [{ type: 'unknown', origin: 'key', input, key, value }],
      });
    }
  });
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True for plain maps; false for a `Map`, whose content would not be checked, and for instances of classes. */
function isPlainMap(value: unknown): boolean {
  if (!isMap(value)) return false;
  // A tag may be named `constructor`. Objects of other realms are plain too.
  const maker = value.constructor;
  return typeof maker !== 'function' || Object.hasOwn(maker.prototype ?? {}, 'isPrototypeOf');
}

/** Rejects NUL, which neither a path nor an argument can contain. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}

function isFilled(value: unknown): boolean {
  return isText(value) && value !== '';
}

/** A copy of the config directory, as the workflow and the container use it, has no sibling directories. */
function isPathInside(value: unknown): boolean {
  if (!isFilled(value)) return false;
  const relative = path.posix.normalize((value as string).replaceAll('\\', '/'));
  return !path.isAbsolute(value as string) && relative !== '..' && !relative.startsWith('../');
}

function isExtension(value: unknown): boolean {
  return typeof value === 'string' && /^[A-Za-z0-9]+$/.test(value);
}

/** Setting this name would change the object's prototype. */
function hasProto(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__');
}

function isVariable(value: unknown): boolean {
  return isFilled(value) && !(value as string).includes('=');
}

function isJobs(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_JOBS;
}

function passes(parse: (value: never) => unknown): (value: unknown) => boolean {
  return value => {
    try {
      parse(value as never);
      return true;
    } catch {
      return false;
    }
  };
}

function unknownPlaceholder(argument: string): string | undefined {
  for (const [, name] of argument.matchAll(PLACEHOLDER)) {
    if (!(PLACEHOLDERS as readonly string[]).includes(name!)) return name;
  }
  return undefined;
}

function placeholderForms(argument: string): string {
  const allowed = PLACEHOLDERS.map(name => `{${name}}`).join(' ');
  return `a text whose placeholders are among ${allowed} (not {${unknownPlaceholder(argument)}})`;
}
