// The `command` toolchain: the compiler is any program that turns inputs into artifacts.
import { lstatSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { pickEnvironment, tracedEnvironment } from '../../config/environment.ts';
import { type CommandToolchainOptions, DEFAULT_PASS_THROUGH } from '../../config/toolchain-options.ts';
import { isInside } from '../../system/paths.ts';
import { CannotStartError, captureOutput } from '../../system/process.ts';
import { InputReader } from '../inputs/input-reader.ts';
import type { Target } from '../matrix/target.ts';
import { collectArtifacts, copyArtifacts, stampArtifacts } from './artifacts.ts';
import { commandSurroundings, withoutPlaces } from './command-surroundings.ts';
import { parseDependencyFile } from './dependency-file.ts';
import { inputFiles } from './input-files.ts';
import { observeListed } from './listed-inputs.ts';
import { includeDirectories } from './observed/ninja-manifest.ts';
import { cancelled, runCompiler, withoutArtifacts } from './outcome.ts';
import { checkPlaceholders, fillIn } from './placeholders.ts';
import { scriptOf } from './program-identity.ts';
import { findProgram } from './programs.ts';
import {
  type CompileJob,
  type CompileOutcome,
  type Surroundings,
  type Toolchain,
  ToolchainError,
  type ToolchainPreparation,
} from './toolchain.ts';

/** Description of a `command` toolchain. Plain data, so that it can be sent to a worker thread. */
export interface CommandToolchainDescription {
  kind: 'command';
  options: CommandToolchainOptions;
  /** The directory of the config file: the program runs there, and globs and paths are relative to it. Absolute. */
  directory: string;
  /** The directory of `build.yaml`. Absolute. */
  configDirectory: string;
  /** The directory for firmware; files in it are not inputs. Default: `firmware` in the config directory. Absolute. */
  outputDirectory?: string;
}

/** Bytes. The dependency file of a large build has a hundredth of that. */
const MAX_DEPENDENCY_FILE = 16 * 1024 * 1024;

/** Makes a `command` toolchain. Throws {@link ToolchainError} if the options can never work. */
export function createCommandToolchain(description: Omit<CommandToolchainDescription, 'kind'>): Toolchain {
  return new CommandToolchain(description);
}

class CommandToolchain implements Toolchain {
  readonly kind = 'command';

  readonly #options: CommandToolchainOptions;
  readonly #directory: string;
  readonly #configDirectory: string;
  readonly #outputDirectory: string;
  #version: Promise<string> | undefined;
  /** By reader, hence by moment: the program is looked up once, not for each target. */
  readonly #executables = new WeakMap<InputReader, Promise<string | null>>();

  constructor({
    options,
    directory,
    configDirectory,
    outputDirectory,
  }: Omit<CommandToolchainDescription, 'kind'>) {
    this.#options = options;
    this.#directory = path.resolve(directory);
    this.#configDirectory = path.resolve(configDirectory);
    this.#outputDirectory = path.resolve(this.#configDirectory, outputDirectory ?? 'firmware');
    check(options);
  }

  async identity(
    _target: Target,
    signal?: AbortSignal,
    reader?: InputReader,
  ): Promise<Record<string, unknown>> {
    return this.#identity(signal, reader);
  }

  async #identity(
    signal?: AbortSignal,
    reader: InputReader = new InputReader(),
  ): Promise<Record<string, unknown>> {
    const { program, arguments: args, artifacts, environment = [], version } = this.#options;
    const values = pickEnvironment(environment);
    return {
      kind: this.kind,
      // By name: the location makes no difference, and `executable` identifies the content.
      program: path.isAbsolute(program) ? path.basename(program) : program,
      // With placeholders: their values are the target's, or mere locations.
      arguments: args,
      artifacts,
      environment: Object.fromEntries([...environment].sort().map(name => [name, values[name] ?? null])),
      // Detects a different compiler of the same name and version.
      executable: await this.#executable(reader),
      ...(version === undefined || version.length === 0
        ? {}
        : { version: await this.#versionOf(version, signal) }),
    };
  }

  /** The command belongs to the configuration, so its whole identity counts. */
  async capability(signal?: AbortSignal): Promise<Record<string, unknown>> {
    return this.#identity(signal);
  }

  async surroundings(signal?: AbortSignal): Promise<Surroundings> {
    const { program, version = [] } = this.#options;
    return commandSurroundings(this.#options, {
      ...{ directory: this.#directory, configDirectory: this.#configDirectory },
      program: this.#ownProgram().length > 0 ? undefined : await this.#locate(program),
      version: version.length === 0 ? '' : await this.#versionOf(version, signal),
    });
  }

  async prepare(signal?: AbortSignal): Promise<ToolchainPreparation> {
    const { version = [] } = this.#options;
    if (version.length === 0) return { over: Promise.resolve() };
    const started = Promise.withResolvers<void>();
    const over = this.#versionOf(version, signal, started.resolve).then(
      () => undefined,
      () => undefined,
    );
    await Promise.race([started.promise, over]);
    return { over };
  }

  async declaredInputs(): Promise<string[]> {
    const { inputs } = this.#options;
    const files = await inputFiles({
      directory: this.#directory,
      globs: inputs,
      outputDirectory: this.#outputDirectory,
    });
    if (files.length === 0 && inputs.length > 0) {
      throw new ToolchainError(
        `No file in ${this.#directory} matches toolchains.command.inputs (${inputs.join(', ')}), ` +
          'so no change would ever be noticed. Name the files that a build reads.',
      );
    }
    return [...new Set([...files, ...this.#ownProgram()])].sort();
  }

  async compile(job: CompileJob): Promise<CompileOutcome> {
    const { program, artifacts: globs, arguments: args } = this.#options;
    const { target, buildDirectory, artifactDirectory, signal } = job;
    if (signal.aborted) return cancelled([]);
    const before = await stampArtifacts(buildDirectory, globs);
    const filled = fillIn(args, {
      board: target.board,
      shield: target.shield ?? '',
      snippet: target.snippet ?? '',
      'cmake-args': target.cmakeArgs ?? '',
      config: this.#configDirectory,
      build: buildDirectory,
      name: target.artifactName,
      jobs: String(job.jobs),
    });
    const command = { command: await this.#locate(program), args: filled };
    const ran = await runCompiler(
      program,
      {
        ...command,
        cwd: this.#directory,
        env: { ...this.#environment(), ...tracedEnvironment(job.traceparent) },
      },
      job,
    );
    if (!ran.ok) return ran;
    const found = await collectArtifacts(buildDirectory, globs, target.artifactName, before);
    if (typeof found === 'string') return withoutArtifacts(found, ran.lastLines);
    const artifacts = await copyArtifacts(found, artifactDirectory);
    return { ok: true, artifacts, ...(await this.#observed(buildDirectory, filled)) };
  }

  /**
   * The inputs listed in the dependency file. All of them count, declared or not, except files that the build itself
   * made. If the file is missing, all declared inputs count. If it cannot be parsed, the build is untraceable.
   */
  async #observed(
    buildDirectory: string,
    filled: readonly string[],
  ): Promise<Pick<CompileOutcome & { ok: true }, 'observed' | 'untraceable'>> {
    const { observed } = this.#options;
    if (observed === undefined) return {};
    const file = path.resolve(buildDirectory, observed);
    if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return {};
    const listed = await readDependencies(file);
    if (listed === undefined) {
      return { untraceable: `its dependency file ${observed} (toolchains.command.observed) cannot be read.` };
    }
    const found = observeListed(listed, {
      ...{ directory: this.#directory, buildDirectory, own: this.#ownProgram() },
      declared: new Set(await this.declaredInputs()),
      headers: includeDirectories(filled),
    });
    return found === undefined ? {} : { observed: found };
  }

  /** A program inside the project is an input like any other file. */
  #ownProgram(): string[] {
    const { program } = this.#options;
    const file = path.resolve(this.#directory, program);
    return program.includes('/') && isInside(file, this.#directory) ? [file] : [];
  }

  #environment(): Record<string, string> {
    const { environment = [], passThrough = DEFAULT_PASS_THROUGH } = this.#options;
    return pickEnvironment([...passThrough, ...environment]);
  }

  /**
   * The program's content hash; null if it cannot be found or read. A program inside the project is an input instead.
   */
  #executable(reader: InputReader): Promise<string | null> {
    let executable = this.#executables.get(reader);
    if (executable === undefined) {
      executable = this.#digestExecutable(reader);
      this.#executables.set(reader, executable);
    }
    return executable;
  }

  async #digestExecutable(reader: InputReader): Promise<string | null> {
    if (this.#ownProgram().length > 0) return null;
    const file = await this.#locate(this.#options.program);
    const sha256 = async (content: string) =>
      (await reader.file(content).catch(() => undefined))?.sha256 ?? null;
    // The interpreter's path in a script differs between machines.
    const script = await scriptOf(file, pickEnvironment(['PATH']));
    if (script !== undefined) {
      const interpreter = script.interpreter === undefined ? null : await sha256(script.interpreter);
      return `sha256:${script.sha256} run by ${interpreter === null ? 'nothing' : `sha256:${interpreter}`}`;
    }
    const digest = await sha256(file);
    return digest === null ? null : `sha256:${digest}`;
  }

  /** The program's absolute path; its name if it cannot be found, so that starting it reports that. */
  async #locate(program: string): Promise<string> {
    if (program.includes('/')) return path.resolve(this.#directory, program);
    // Our own PATH: the program's environment may not have one.
    const found = await findProgram(program, this.#directory, pickEnvironment(['PATH']));
    return found ?? program;
  }

  /** Asked once for all targets; asked again after a failure. */
  #versionOf(
    command: readonly string[],
    signal: AbortSignal | undefined,
    onStart?: () => void,
  ): Promise<string> {
    this.#version ??= this.#askVersion(command, signal, onStart).catch(error => {
      this.#version = undefined;
      throw error;
    });
    return this.#version;
  }

  async #askVersion(
    [program = '', ...args]: readonly string[],
    signal: AbortSignal | undefined,
    onStart?: () => void,
  ): Promise<string> {
    const shown = [program, ...args].join(' ');
    const fail = (why: string, cause?: unknown) =>
      new ToolchainError(
        `The compiler's version cannot be found out: '${shown}' (toolchains.command.version) ${why}`,
        { cause },
      );
    try {
      const captured = await captureOutput({
        command: await this.#locate(program),
        args,
        cwd: this.#directory,
        env: this.#environment(),
        ...(signal === undefined ? {} : { signal }),
        onProcess: () => onStart?.(),
      });
      signal?.throwIfAborted();
      if (captured.timedOut) throw fail('did not end within ten seconds.');
      if (captured.exitCode !== 0) {
        const how = captured.signal ?? `exit status ${captured.exitCode}`;
        throw fail(`ended with ${how}. ${captured.output.split('\n').at(-1)}`.trimEnd());
      }
      return withoutPlaces(captured.output, {
        ...{ directory: this.#directory, configDirectory: this.#configDirectory },
        program: await this.#locate(program),
      });
    } catch (error) {
      throw error instanceof CannotStartError ? fail(`cannot be started. ${error.message}`, error) : error;
    }
  }
}

/** Throws for options that can never work, from the configuration or from a caller. */
function check({ program, arguments: args, artifacts, observed }: CommandToolchainOptions): void {
  if (program === '')
    throw new ToolchainError('toolchains.command.program is empty. Name the program that compiles.');
  checkPlaceholders(args);
  if (artifacts.length === 0) {
    throw new ToolchainError(
      "toolchains.command.artifacts is empty. Name what a build makes, such as '*.uf2'.",
    );
  }
  for (const below of [...artifacts, ...(observed === undefined ? [] : [observed])]) {
    if (path.isAbsolute(below) || below.split(/[/\\]/).includes('..')) {
      throw new ToolchainError(
        `'${below}' leads out of the build directory. toolchains.command.artifacts and observed are relative to it.`,
      );
    }
  }
}

async function readDependencies(file: string): Promise<string[] | undefined> {
  try {
    const stats = await stat(file);
    if (!stats.isFile() || stats.size > MAX_DEPENDENCY_FILE) return undefined;
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
    return parseDependencyFile(text);
  } catch {
    return undefined;
  }
}
