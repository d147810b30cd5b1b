// The `west` toolchain: ZMK's own build in a west workspace, with the programs that are installed on this machine.
import type { WestToolchainOptions } from '../../config/toolchain-options.ts';
import type { ObserveOptions } from './observed/index.ts';
import { runCompiler } from './outcome.ts';
import { findProgram } from './programs.ts';
import type { ToolchainResources } from './resources.ts';
import type { CompileJob, Toolchain } from './toolchain.ts';
import { ToolchainError } from './toolchain-error.ts';
import type { BuildStep, ZephyrEngine, ZephyrOrder } from './zephyr/engine.ts';
import {
  buildEnvironment,
  countedEnvironment,
  DEFAULT_ENVIRONMENT,
  passedEnvironment,
} from './zephyr/environment.ts';
import { buildTools, identifiedPrograms } from './zephyr/tools.ts';
import { usedTools } from './zephyr/used-tools.ts';
import { stepCommand, WEST } from './zephyr/west-build.ts';
import { type ZephyrDescription, ZephyrToolchain } from './zephyr/zephyr-toolchain.ts';

/** What a `west` toolchain is made of. Plain data, so that it can be sent to a worker thread. */
export interface WestToolchainDescription extends ZephyrDescription {
  kind: 'west';
  options: WestToolchainOptions;
}

/** Makes a `west` toolchain. */
export function createWestToolchain(
  description: Omit<WestToolchainDescription, 'kind'>,
  resources: ToolchainResources = {},
): Toolchain {
  return new ZephyrToolchain(new WestEngine(description.options, resources), description, resources);
}

class WestEngine implements ZephyrEngine {
  readonly kind = 'west';
  readonly #options: WestToolchainOptions;
  readonly #resources: ToolchainResources;

  constructor(options: WestToolchainOptions, resources: ToolchainResources) {
    this.#options = options;
    this.#resources = resources;
  }

  async identity(signal?: AbortSignal): Promise<Record<string, unknown>> {
    const { environment: listed } = this.#options;
    const { cache } = this.#resources;
    const found = await buildTools(passedEnvironment(listed), { cache, signal });
    if (found.tools[WEST]?.version) return { environment: countedEnvironment(listed), ...found };
    throw new ToolchainError(
      `There is no working 'west' in PATH. Install it (pipx install west), or build in a container (--toolchain container).`,
    );
  }

  async run(order: ZephyrOrder, job: CompileJob, step: BuildStep) {
    const environment = passedEnvironment(this.#options.environment);
    return runCompiler(
      WEST,
      {
        ...stepCommand(step, job.target, order, job.jobs),
        cwd: order.workspace,
        appendLog: step === 'make',
        env: { ...DEFAULT_ENVIRONMENT, ...environment, ...buildEnvironment(order, job.jobs) },
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

  /** The paths of a build are this machine's. */
  sees(): Pick<ObserveOptions, 'seen' | 'isolated'> {
    return {};
  }
}
