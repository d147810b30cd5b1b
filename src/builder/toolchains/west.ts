// The `west` toolchain: ZMK's own build in a west workspace, with the programs that are installed on this machine.
import { tracedEnvironment } from '../../config/environment.ts';
import type { WestToolchainOptions } from '../../config/toolchain-options.ts';
import { isInside } from '../../system/paths.ts';
import { namedHere, programFolders } from './command-surroundings.ts';
import type { ObserveOptions } from './observed/index.ts';
import { type FailedOutcome, runCompiler } from './outcome.ts';
import { findProgram } from './programs.ts';
import type { ToolchainResources } from './resources.ts';
import { type CompileJob, type Surroundings, type Toolchain, ToolchainError } from './toolchain.ts';
import {
  buildEnvironment,
  countedEnvironment,
  DEFAULT_ENVIRONMENT,
  passedEnvironment,
} from './zephyr/environment.ts';
import { BUILD_PLACE, MountNamespace, outputOf, specInside } from './zephyr/mount-namespace.ts';
import { searchedDirectories } from './zephyr/searched-directories.ts';
import { buildTools, identifiedPrograms, toolPlaces } from './zephyr/tools.ts';
import { usedTools } from './zephyr/used-tools.ts';
import { stepCommand, WEST } from './zephyr/west-build.ts';
import type { ZephyrDescription } from './zephyr/zephyr-project.ts';
import type { BuildStep, ZephyrBuildSpec, ZephyrRunner } from './zephyr/zephyr-runner.ts';
import { ZephyrToolchain } from './zephyr/zephyr-toolchain.ts';

/** Description of a `west` toolchain. Plain data, so that it can be sent to a worker thread. */
export interface WestToolchainDescription extends ZephyrDescription {
  kind: 'west';
  options: WestToolchainOptions;
}

/** Makes a `west` toolchain. */
export function createWestToolchain(
  description: Omit<WestToolchainDescription, 'kind'>,
  resources: ToolchainResources = {},
): Toolchain {
  return new ZephyrToolchain(new WestRunner(description, resources), description, resources);
}

class WestRunner implements ZephyrRunner {
  readonly kind = 'west';
  readonly #options: WestToolchainOptions;
  readonly #workspace: string;
  readonly #resources: ToolchainResources;

  constructor({ options, workspace }: Omit<WestToolchainDescription, 'kind'>, resources: ToolchainResources) {
    this.#options = options;
    this.#workspace = workspace;
    this.#resources = resources;
  }

  async identity(signal?: AbortSignal): Promise<Record<string, unknown>> {
    const { environment: listed } = this.#options;
    const { cache } = this.#resources;
    const passed = passedEnvironment(listed);
    const tools = await buildTools(passed, { cache, signal });
    const { found: searched } = searchedDirectories(passed, this.#workspace);
    if (tools.tools[WEST]?.version)
      return {
        environment: countedEnvironment(listed),
        ...tools,
        ...(isEmpty(searched) ? {} : { searched }),
      };
    throw new ToolchainError(
      `There is no working 'west' in PATH. Install it (pipx install west), or build in a container (--toolchain container).`,
    );
  }

  async capability(signal?: AbortSignal): Promise<Record<string, unknown>> {
    const passed = passedEnvironment(this.#options.environment);
    return { ...(await buildTools(passed, { cache: this.#resources.cache, signal })) };
  }

  async surroundings(signal?: AbortSignal): Promise<Surroundings> {
    const { environment: listed = [] } = this.#options;
    const passed = passedEnvironment(listed);
    const bound = Object.entries(countedEnvironment(listed)).flatMap(([name, value]) =>
      namedHere(`the variable ${name}`, value),
    );
    return {
      places: await toolPlaces(passed, { cache: this.#resources.cache, signal }),
      folders: programFolders(passed),
      bound: [...bound, ...searchedDirectories(passed, this.#workspace).bound],
    };
  }

  async seenWork(work: string): Promise<string> {
    return (await this.#namespaceFor(work)) === undefined ? work : BUILD_PLACE;
  }

  async run(
    spec: ZephyrBuildSpec,
    job: CompileJob,
    step: BuildStep,
  ): Promise<{ ok: true; lastLines: string[] } | FailedOutcome> {
    const environment = passedEnvironment(this.#options.environment);
    const { work, seenWork, temporary, workspace } = spec;
    const namespace = seenWork === work ? undefined : await this.#namespaceFor(work);
    if (seenWork !== work && namespace === undefined) {
      const message = `It cannot be run with its directory at ${seenWork} any more.`;
      return { ok: false, reason: 'cannot-start', message, lastLines: [] };
    }
    const seen = specInside(spec);
    const { command, args } = stepCommand(step, job.target, seen, job.jobs);
    return runCompiler(
      WEST,
      {
        ...(namespace?.command(command, args, { own: work, cwd: workspace, temporary }) ?? { command, args }),
        appendLog: step === 'make',
        cwd: workspace,
        env: {
          ...DEFAULT_ENVIRONMENT,
          ...environment,
          ...buildEnvironment(seen, job.jobs),
          ...tracedEnvironment(job.traceparent),
        },
        ...(namespace === undefined ? {} : { rewrite: outputOf(work) }),
      },
      job,
    );
  }

  #namespace: Promise<MountNamespace | undefined> | undefined;

  /** Looks once whether the system allows it. */
  #namespaceFor(work: string): Promise<MountNamespace | undefined> {
    this.#namespace ??= MountNamespace.find(passedEnvironment(this.#options.environment), work);
    return this.#namespace;
  }

  async hasCcache(workspace: string) {
    const environment = passedEnvironment(this.#options.environment);
    return (await findProgram('ccache', workspace, environment)) !== undefined;
  }

  async tools(build: string, isComplete: boolean) {
    const environment = passedEnvironment(this.#options.environment);
    const [used, identified] = await Promise.all([
      usedTools(build, isComplete, environment),
      identifiedPrograms(environment),
    ]);
    if ('untraceable' in used) return used;
    // The linker also looked for libraries in the build directory.
    const absent = used.absent.filter(place => !isInside(place, BUILD_PLACE));
    return { ...used, absent, identified };
  }

  /** The build's paths are paths of this machine, but for its own directory. */
  pathMapping({ work, seenWork }: ZephyrBuildSpec): Pick<ObserveOptions, 'seen' | 'isolated'> {
    return seenWork === work ? {} : { seen: [{ seen: seenWork, here: work }] };
  }
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0;
}
