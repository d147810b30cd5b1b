// The `container` toolchain: ZMK's own build in a west workspace, with the programs of an image.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { pickEnvironment } from '../../../config/environment.ts';
import type { ContainerToolchainOptions } from '../../../config/toolchain-options.ts';
import type { ObserveOptions } from '../observed/index.ts';
import type { ToolchainResources } from '../resources.ts';
import type { CompileJob, Toolchain } from '../toolchain.ts';
import type { BuildStep, ZephyrEngine, ZephyrOrder } from '../zephyr/engine.ts';
import { buildEnvironment, DEFAULT_ENVIRONMENT } from '../zephyr/environment.ts';
import { stepCommand } from '../zephyr/west-build.ts';
import { type ZephyrDescription, ZephyrToolchain } from '../zephyr/zephyr-toolchain.ts';
import { caller, type Mount, neededMounts } from './command-line.ts';
import type { Engine } from './engine-search.ts';
import { gitStores } from './git-stores.ts';
import { DEFAULT_IMAGE } from './image.ts';
import { runContainer } from './run.ts';

/** What a `container` toolchain is made of. Plain data, so that it can be sent to a worker thread. */
export interface ContainerToolchainDescription extends ZephyrDescription {
  kind: 'container';
  options: ContainerToolchainOptions;
  /** What runs it: see `findEngine`. */
  engine: Engine;
  /**
   * The digest of the image, whatever its name comes to mean meanwhile: so what a firmware is known by is what it was
   * built with. See `imageDigest`.
   */
  image: string;
}

/** Makes a `container` toolchain. */
export function createContainerToolchain(
  description: Omit<ContainerToolchainDescription, 'kind'>,
  resources: ToolchainResources = {},
): Toolchain {
  return new ZephyrToolchain(new ContainerEngine(description), description, resources);
}

/** Whether a path is one that images leave to their users: what is elsewhere is theirs. */
function isOfUsers(file: string): boolean {
  return (
    !/^\/(?:bin|boot|dev|etc|lib\w*|opt|proc|run|sbin|sys|usr|var)(?:\/|$)/.test(file) &&
    /^\/[^/]+\/./.test(file)
  );
}

class ContainerEngine implements ZephyrEngine {
  readonly kind = 'container';
  readonly #engine: Engine;
  readonly #options: ContainerToolchainOptions;
  readonly #image: string;
  readonly #configDirectory: string;

  constructor(description: Omit<ContainerToolchainDescription, 'kind'>) {
    const { engine, options, image, configDirectory } = description;
    this.#engine = engine;
    this.#image = image;
    this.#options = options;
    this.#configDirectory = configDirectory;
  }

  async identity(): Promise<Record<string, unknown>> {
    return { environment: this.#environment(), image: this.#image };
  }

  async run(order: ZephyrOrder, job: CompileJob, step: BuildStep) {
    const { command, args } = stepCommand(step, job.target, order, job.jobs);
    return runContainer(
      this.#engine,
      {
        name: `glovebox-${process.pid}-${randomUUID().slice(0, 13)}`,
        image: this.#image,
        imageName: this.#options.image ?? DEFAULT_IMAGE,
        program: command,
        args,
        appendLog: step === 'make',
        workingDirectory: order.workspace,
        environment: {
          // Nobody's home is in there.
          HOME: order.temporary,
          ...DEFAULT_ENVIRONMENT,
          ...this.#environment(),
          ...buildEnvironment(order, job.jobs),
        },
        mounts: this.#mounts(order),
        user: caller(),
      },
      job,
    );
  }

  /** Paths of mounts are this machine's, and all others are the image's. */
  sees(order: ZephyrOrder): Pick<ObserveOptions, 'seen' | 'isolated'> {
    const seen = this.#places(order).map(({ directory }) => ({ seen: directory, here: directory }));
    return { seen, isolated: true };
  }

  /** Zephyr looks for it in the image. */
  async hasCcache() {
    return true;
  }

  /** All of them are the image's, which is part of the identity. */
  async tools() {
    return { files: [], absent: [], headers: [], own: [] };
  }

  #mounts(order: ZephyrOrder): Mount[] {
    // It may be a copy, and then it is in a place that can be written to.
    return neededMounts([...this.#places(order), { directory: order.config, writable: false }]);
  }

  /** Everything by the path that it has outside, so that messages and records name what is there. */
  #places({ workspace, zephyr, application, linked, work, userCache, ccache }: ZephyrOrder): Mount[] {
    const stores = gitStores(workspace, [path.posix.dirname(application), zephyr]);
    const read = [workspace, ...stores, this.#configDirectory, ...linked.filter(isOfUsers)];
    const written = [work, userCache, ...(ccache === undefined ? [] : [ccache.directory])];
    return [
      ...read.map(directory => ({ directory, writable: false })),
      ...written.map(directory => ({ directory, writable: true })),
    ];
  }

  #environment(): Record<string, string> {
    return pickEnvironment([...new Set(this.#options.environment)].sort());
  }
}
