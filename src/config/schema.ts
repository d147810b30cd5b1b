// What a config file may say.
import { createRequire } from 'node:module';
import path from 'node:path';
import type { z as Zod } from 'zod';
import type { ByteSize, Duration, EvictionPolicy } from '../cache/cache.ts';
import { assertTag } from '../cache/keys.ts';
import { DURATION_FORMS, parseDuration, parseSize, SIZE_FORMS } from '../cache/units.ts';
import {
  type BuildOptions,
  PLACEHOLDERS,
  type ToolchainKind,
  type ToolchainsOptions,
} from './toolchain-options.ts';
import type { CacheConfig, WorkspacesConfig } from './user-config.ts';

/** What a single config file, or a program, says: every field may be left out. */
export interface ConfigValues {
  cache?: Partial<CacheConfig>;
  build?: BuildOptions;
  toolchains?: ToolchainsOptions;
  workspaces?: WorkspacesConfig;
}

/** Each leaf's message says what is allowed there; {@link problemsOf} makes sentences of them. */
export type ConfigSchema = Zod.ZodType<ConfigValues>;

const POLICIES: readonly EvictionPolicy[] = [
  'least-recently-used',
  'least-recently-stored',
  'least-frequently-used',
  'none',
];
const TOOLCHAINS: readonly ToolchainKind[] = ['west', 'container', 'command'];
const ENGINES = ['docker', 'podman'] as const;
const PLACEHOLDER = /\{([A-Za-z][A-Za-z0-9_-]*)\}/g;
const MAX_JOBS = 1024;
const MAP = 'a map of fields';

let zod: typeof Zod | undefined;

/** The validator, loaded on first use: most threads never see a config file, and it takes longer than all the rest to load. */
export function loadZod(): typeof Zod {
  zod ??= (createRequire(import.meta.url)('zod') as { z: typeof Zod }).z;
  return zod;
}

let schema: ConfigSchema | undefined;

export function configSchema(): ConfigSchema {
  schema ??= createSchema(loadZod());
  return schema;
}

function createSchema(z: typeof Zod): ConfigSchema {
  const leaf = <T>(allowed: string, check: (value: unknown) => boolean) => z.custom<T>(check, allowed);
  const map = <T extends Zod.ZodRawShape>(shape: T) => z.strictObject(shape, MAP);
  const text = (allowed: string) => leaf<string>(allowed, value => isText(value) && value !== '');
  const oneOf = <T extends string>(words: readonly T[]) =>
    leaf<T>(`one of ${words.join(', ')}`, value => words.includes(value as T)).optional();
  const list = (allowed: string, isItem = isFilled, minimum = 1) =>
    leaf<string[]>(allowed, value => Array.isArray(value) && value.length >= minimum && value.every(isItem));

  const ofTag = {
    enabled: leaf<boolean>('true or false', value => typeof value === 'boolean').optional(),
    maxSize: leaf<ByteSize>(SIZE_FORMS, passes(parseSize)).optional(),
    policy: oneOf(POLICIES),
    ttl: leaf<Duration>(DURATION_FORMS, passes(parseDuration)).optional(),
  };
  const tag = leaf<string>('letters, digits, ".", "_" and "-"', passes(assertTag));
  const cache = map({
    directory: text('a path').optional(),
    timeout: leaf<Duration>(DURATION_FORMS, passes(parseDuration)).optional(),
    ...ofTag,
    tags: leaf<Record<string, unknown>>('a map without __proto__', value => !hasProto(value))
      .pipe(z.record(tag, map(ofTag), MAP))
      .optional(),
  });

  const build = map({
    toolchain: oneOf(TOOLCHAINS),
    jobs: leaf<number>(`a whole number from 1 to ${MAX_JOBS}`, isJobs).optional(),
    output: text('a path').optional(),
    workspace: text('a path').optional(),
    configPath: leaf<string>('a path inside the config directory', isPathInside).optional(),
    fallbackBinary: leaf<string>('an extension without its dot, such as hex', isExtension).optional(),
  });

  const argument = z.custom<string>(value => isText(value) && unknownPlaceholder(value) === undefined, {
    error: ({ input }) => (isText(input) ? placeholderForms(input) : 'a text; put it in quotes'),
  });
  const variables = list('a list of names of environment variables', isVariable, 0).optional();
  const command = map({
    program: text('a program in PATH, or a path'),
    arguments: z.array(argument, 'a list of texts'),
    inputs: list('a list of globs, at least one'),
    artifacts: list('a list of globs, at least one'),
    version: list('a list: a program and its arguments').optional(),
    environment: variables,
    passThrough: variables,
    observed: text('a path relative to the build directory').optional(),
  });

  const west = map({ environment: variables });
  const container = map({
    image: text('the name of an image').optional(),
    engine: oneOf(ENGINES),
    environment: variables,
  });
  const toolchains = map({
    command: command.optional(),
    west: west.optional(),
    container: container.optional(),
  });
  const workspaces = map({ ttl: ofTag.ttl, maxSize: ofTag.maxSize });
  return map({
    cache: cache.optional(),
    build: build.optional(),
    toolchains: toolchains.optional(),
    workspaces: workspaces.optional(),
  });
}

/** No NUL: neither a path nor an argument of a program can hold one. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}

function isFilled(value: unknown): boolean {
  return isText(value) && value !== '';
}

/** The workflow's copy of a config, and the container's, have nothing beside it. */
function isPathInside(value: unknown): boolean {
  if (!isFilled(value)) return false;
  const relative = path.posix.normalize((value as string).replaceAll('\\', '/'));
  return !path.isAbsolute(value as string) && relative !== '..' && !relative.startsWith('../');
}

function isExtension(value: unknown): boolean {
  return typeof value === 'string' && /^[A-Za-z0-9]+$/.test(value);
}

/** Validation of a record passes this one name by without a look. */
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
