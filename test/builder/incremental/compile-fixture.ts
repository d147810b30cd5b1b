// Fixture for the caching compiler: a config directory, caches, and a toolchain whose compiler is a function of the
// test.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {
  type CachingCompiler,
  type CompileEvent,
  type CompileJob,
  type CompileOutcome,
  type CompileRequest,
  type CompileResult,
  createCompilationBuildCacheService,
  createZmkWestService,
  type ObservedInputs,
  type Target,
  type Toolchain,
} from '../../../src/builder/incremental/index.ts';
import { createFirmwareCacheService } from '../../../src/builder/output/firmware.ts';
import type { Surroundings } from '../../../src/builder/toolchains/toolchain.ts';
import type { Cache } from '../../../src/cache/cache.ts';
import type { CacheOptions } from '../../../src/cache/options.ts';
import { closeForAll } from '../../support/close-for-all.ts';

interface Teardown {
  teardown(clean: () => void | Promise<void>): void;
}

export const LEFT: Target = { board: 'nice_nano_v2', shield: 'corne_left', artifactName: 'left' };
export const RIGHT: Target = { board: 'nice_nano_v2', shield: 'corne_right', artifactName: 'right' };

/** Compiles in this thread. By default it makes one `.uf2` that holds all inputs. */
export class ScriptedToolchain implements Toolchain {
  readonly kind = 'command';
  version = '1';
  /** The declared inputs that it reports as read, as paths in the config directory. Undefined: none are reported. */
  observed: (Partial<ObservedInputs> & { files: string[] }) | undefined;
  /** How often the compiler was started. */
  runs = 0;
  /** How often its identity, its surroundings and its declared inputs were requested. */
  asked = { identity: 0, surroundings: 0, declaredInputs: 0 };
  /** Replaces the compiler; called with the default one. */
  script: (job: CompileJob, succeed: () => Promise<CompileOutcome>) => Promise<CompileOutcome> = (
    _,
    succeed,
  ) => succeed();
  readonly configDirectory: string;

  constructor(configDirectory: string) {
    this.configDirectory = configDirectory;
  }

  async identity(): Promise<Record<string, unknown>> {
    this.asked.identity++;
    return { version: this.version };
  }

  async surroundings(): Promise<Surroundings> {
    this.asked.surroundings++;
    return { places: [], folders: [], bound: [] };
  }

  async declaredInputs(): Promise<string[]> {
    this.asked.declaredInputs++;
    const directory = path.join(this.configDirectory, 'config');
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    return entries
      .filter(entry => entry.isFile())
      .map(entry => path.join(entry.parentPath, entry.name))
      .sort();
  }

  async compile(job: CompileJob): Promise<CompileOutcome> {
    this.runs++;
    return this.script(job, () => this.succeed(job));
  }

  async succeed({ target, artifactDirectory }: CompileJob): Promise<CompileOutcome> {
    const inputs = this.#observation()?.files ?? (await this.declaredInputs());
    const parts = await Promise.all(inputs.map(file => readFile(file, 'utf8')));
    const name = `${target.artifactName}.uf2`;
    const file = path.join(artifactDirectory, name);
    await writeFile(file, `${target.shield} ${this.version} ${parts.join('|')}`);
    return { ok: true, artifacts: [{ name, path: file }], observed: this.#observation() };
  }

  #observation(): ObservedInputs | undefined {
    if (!this.observed) return undefined;
    const absolute = (files: string[] = []) => files.map(file => path.join(this.configDirectory, file));
    const { files, directories, absent, declared } = this.observed;
    return {
      ...{ files: absolute(files), directories: absolute(directories), absent: absolute(absent) },
      ...(declared === undefined ? {} : { declared }),
    };
  }
}

export class CompileFixture {
  /** Removed after the test. */
  readonly root: string;
  readonly configDirectory: string;
  readonly toolchain: ScriptedToolchain;
  readonly options: CacheOptions;
  /** The warnings of the services, in order. */
  readonly events: CompileEvent[] = [];
  /** The artifact directory of the last {@link compile}. */
  directory = '';
  #count = 0;

  constructor(root: string, configDirectory: string, options: CacheOptions) {
    this.root = root;
    this.configDirectory = configDirectory;
    this.options = { cacheRoot: path.join(root, 'cache'), ...options };
    this.toolchain = new ScriptedToolchain(configDirectory);
  }

  get builds() {
    return createCompilationBuildCacheService(undefined, this.options);
  }

  get firmware() {
    return createFirmwareCacheService(undefined, this.options);
  }

  /** A new service, as each build creates one. */
  service(): CachingCompiler {
    const { toolchain, configDirectory, options } = this;
    return createZmkWestService({ toolchain, configDirectory, cacheOptions: options });
  }

  async compile(target: Target = LEFT, request: Partial<CompileRequest> = {}): Promise<CompileResult> {
    const place = path.join(this.root, `job-${this.#count++}`);
    this.directory = path.join(place, 'out');
    const buildDirectory = path.join(place, 'build');
    await mkdir(this.directory, { recursive: true });
    await mkdir(buildDirectory);
    return this.service().compile(target, {
      directory: this.directory,
      buildDirectory,
      logFile: path.join(place, 'log'),
      onEvent: event => this.events.push(event),
      ...request,
    });
  }

  /** The source of the target, and the content of its only artifact. */
  async firmwareOf(target: Target = LEFT): Promise<[source: string, content: string]> {
    const result = await this.compile(target);
    if (!result.ok) throw new Error(result.message);
    return [result.source, await readFile(result.files[0]!, 'utf8')];
  }

  /** Reasons why a target is not cached; empty when it is. */
  async why(target: Target = LEFT): Promise<string[]> {
    const found = await this.service().lookup(target);
    return found.hit ? [] : found.why;
  }

  async write(file: string, content: string): Promise<void> {
    const place = path.join(this.configDirectory, file);
    await mkdir(path.dirname(place), { recursive: true });
    await writeFile(place, content);
  }

  async remove(file: string): Promise<void> {
    await rm(path.join(this.configDirectory, file));
  }

  /** The firmware cache's blob files. */
  async blobs(): Promise<string[]> {
    const directory = path.join(this.options.cacheRoot!, 'firmware', 'blobs');
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    return entries.filter(entry => entry.isFile()).map(entry => path.join(entry.parentPath, entry.name));
  }
}

/** All keys of a cache. */
export async function keysOf(cache: Cache, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of cache.keys({ prefix })) keys.push(key);
  return keys;
}

/** A fixture with `config/corne.keymap`, `config/left.h` and `config/right.h`. */
export async function createCompileFixture(t: Teardown, options: CacheOptions = {}): Promise<CompileFixture> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'compile-fixture-'));
  const fixture = new CompileFixture(root, path.join(root, 'keyboard'), options);
  await fixture.write('config/corne.keymap', 'keymap');
  await fixture.write('config/left.h', 'left');
  await fixture.write('config/right.h', 'right');
  t.teardown(async () => {
    await closeForAll(fixture.builds.cache);
    await closeForAll(fixture.firmware.cache);
    await rm(root, { recursive: true, force: true });
  });
  return fixture;
}
