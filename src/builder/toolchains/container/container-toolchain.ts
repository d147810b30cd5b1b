// The `container` toolchain: ZMK's own build in a west workspace, with the programs of an image.
import { randomUUID } from 'node:crypto';
import { pickEnvironment, tracedEnvironment } from '../../../config/environment.ts';
import type { ContainerToolchainOptions } from '../../../config/toolchain-options.ts';
import type { ObserveOptions } from '../observed/index.ts';
import type { ToolchainResources } from '../resources.ts';
import type { CompileJob, Surroundings, Toolchain } from '../toolchain.ts';
import { buildEnvironment, DEFAULT_ENVIRONMENT } from '../zephyr/environment.ts';
import { BUILD_PLACE } from '../zephyr/mount-namespace.ts';
import { stepCommand } from '../zephyr/west-build.ts';
import type { ZephyrDescription } from '../zephyr/zephyr-project.ts';
import type { BuildStep, ZephyrBuildSpec, ZephyrRunner } from '../zephyr/zephyr-runner.ts';
import { ZephyrToolchain } from '../zephyr/zephyr-toolchain.ts';
import { hostUser, neededMounts } from './command-line.ts';
import type { ContainerEngine } from './engine-search.ts';
import { DEFAULT_IMAGE } from './image.ts';
import { runContainer } from './run.ts';
import { CONFIG, ContainerView } from './view.ts';

/** Description of a `container` toolchain. Plain data, so that it can be sent to a worker thread. */
export interface ContainerToolchainDescription extends ZephyrDescription {
  kind: 'container';
  options: ContainerToolchainOptions;
  /** The container engine; see `findEngine`. */
  engine: ContainerEngine;
  /**
   * The digest of the image. Its name may be moved to another image at any time, and the fingerprint must describe the
   * image that was used. See `inspectImage`.
   */
  image: string;
  /** The digest of its content, the same in every engine and store; see `inspectImage`. Default: `image`. */
  imageContent?: string;
}

/** Makes a `container` toolchain. */
export function createContainerToolchain(
  description: Omit<ContainerToolchainDescription, 'kind'>,
  resources: ToolchainResources = {},
): Toolchain {
  return new ZephyrToolchain(new ContainerRunner(description), description, resources);
}

class ContainerRunner implements ZephyrRunner {
  readonly kind = 'container';
  readonly repository = CONFIG;
  readonly #engine: ContainerEngine;
  readonly #options: ContainerToolchainOptions;
  readonly #image: string;
  readonly #imageContent: string;

  constructor(description: Omit<ContainerToolchainDescription, 'kind'>) {
    const { engine, options, image, imageContent = image } = description;
    this.#engine = engine;
    this.#image = image;
    this.#imageContent = imageContent;
    this.#options = options;
  }

  async identity(): Promise<Record<string, unknown>> {
    return { environment: this.#environment(), image: this.#imageContent };
  }

  async capability(): Promise<Record<string, unknown>> {
    return { image: this.#imageContent };
  }

  /** All tools are part of the image. */
  async surroundings(): Promise<Surroundings> {
    return { places: [], folders: [], bound: [] };
  }

  async seenWork() {
    return BUILD_PLACE;
  }

  async run(spec: ZephyrBuildSpec, job: CompileJob, step: BuildStep) {
    const view = new ContainerView(spec);
    const seen = view.spec;
    const { command, args } = stepCommand(step, job.target, seen, job.jobs);
    return runContainer(
      this.#engine,
      {
        name: `glovebox-${process.pid}-${randomUUID().slice(0, 13)}`,
        image: this.#image,
        imageName: this.#options.image ?? DEFAULT_IMAGE,
        program: command,
        args,
        appendLog: step === 'make',
        workingDirectory: seen.workspace,
        environment: {
          // The image has no home directory for this user.
          HOME: seen.temporary,
          ...DEFAULT_ENVIRONMENT,
          ...this.#environment(),
          ...buildEnvironment(seen, job.jobs),
          ...tracedEnvironment(job.traceparent),
        },
        mounts: neededMounts(view.mounts),
        user: hostUser(),
        translate: output => view.translate(output),
      },
      job,
    );
  }

  /** Paths of mounts belong to this machine, and all others to the image. */
  pathMapping(spec: ZephyrBuildSpec): Pick<ObserveOptions, 'seen' | 'isolated'> {
    return { seen: new ContainerView(spec).seen, isolated: true };
  }

  /** Zephyr looks for ccache in the image. */
  async hasCcache() {
    return true;
  }

  /** All tools belong to the image, which is part of the identity. */
  async tools() {
    return { files: [], absent: [], headers: [], own: [] };
  }

  #environment(): Record<string, string> {
    return pickEnvironment([...new Set(this.#options.environment)].sort());
  }
}
