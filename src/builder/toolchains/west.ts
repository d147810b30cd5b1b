// The `west` toolchain: ZMK's own build in a west workspace, with the programs that are installed on this machine.
import { tracedEnvironment } from '../../config/environment.ts';
import type { WestToolchainOptions } from '../../config/toolchain-options.ts';
import { namedHere, programFolders } from './command-surroundings.ts';
import type { ObserveOptions } from './observed/index.ts';
import { runCompiler } from './outcome.ts';
import { findProgram } from './programs.ts';
import type { ToolchainResources } from './resources.ts';
import type { CompileJob, Surroundings, Toolchain } from './toolchain.ts';
import { ToolchainError } from './toolchain-error.ts';
import {
  buildEnvironment,
  countedEnvironment,
  DEFAULT_ENVIRONMENT,
  passedEnvironment,
} from './zephyr/environment.ts';
import { searchedDirectories } from './zephyr/searched-directories.ts';
import { buildTools, identifiedPrograms, toolPlaces } from './zephyr/tools.ts';
import { usedTools } from './zephyr/used-tools.ts';
import { WEST, westBuildArguments } from './zephyr/west-build.ts';
import type { ZephyrBuildSpec, ZephyrRunner } from './zephyr/zephyr-runner.ts';
import { type ZephyrDescription, ZephyrToolchain } from './zephyr/zephyr-toolchain.ts';

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
  return new ZephyrToolchain(new WestRunner(description, resources), description);
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

  async run(spec: ZephyrBuildSpec, job: CompileJob) {
    const environment = passedEnvironment(this.#options.environment);
    return runCompiler(
      WEST,
      {
        command: WEST,
        args: westBuildArguments(job.target, spec),
        cwd: spec.workspace,
        env: {
          ...DEFAULT_ENVIRONMENT,
          ...environment,
          ...buildEnvironment(spec, job.jobs),
          ...tracedEnvironment(job.traceparent),
        },
      },
      job,
    );
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
    return 'untraceable' in used ? used : { ...used, identified };
  }

  /** The build's paths are paths of this machine. */
  pathMapping(): Pick<ObserveOptions, 'seen' | 'isolated'> {
    return {};
  }
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0;
}
