// What a container sees of this machine: everything of a build at places that are the same for everyone, so that whatever is
// kept by its paths, such as ccache's objects, is known again by others.
//
//   /glovebox/workspace   the west workspace            read only
//   /glovebox/config      the config repository         read only
//   /glovebox/build       everything of this build
//   /glovebox/user-cache  what Zephyr finds out about the compiler
//   /glovebox/ccache      what ccache keeps
//
// What links and git repositories name by absolute paths is where they name it.
import path from 'node:path';
import { isInside } from '../../../system/paths.ts';
import { asBytes } from '../../../system/rewritten-output.ts';
import type { SeenDirectory } from '../observed/index.ts';
import type { ZephyrBuildSpec } from '../zephyr/zephyr-runner.ts';
import type { Mount } from './command-line.ts';
import { gitStores } from './git-stores.ts';

const WORKSPACE = '/glovebox/workspace';
/** Where a container sees the config's repository. */
export const CONFIG = '/glovebox/config';
const BUILD = '/glovebox/build';
const USER_CACHE = '/glovebox/user-cache';
const CCACHE = '/glovebox/ccache';

export class ContainerView {
  readonly #spec: ZephyrBuildSpec;

  constructor(spec: ZephyrBuildSpec) {
    this.#spec = spec;
  }

  /** The same order with the paths that are true in the container. */
  get spec(): ZephyrBuildSpec {
    const { repository, config, module, work, build, temporary, settings, ccache } = this.#spec;
    const ofBuild = (file: string) => path.posix.join(BUILD, relative(work, file));
    const ofConfig = (file: string) =>
      isInside(file, work) ? ofBuild(file) : path.posix.join(CONFIG, relative(repository, file));
    return {
      ...this.#spec,
      ...{ workspace: WORKSPACE, repository: CONFIG, config: ofConfig(config) },
      module: module === undefined ? undefined : this.#moduleDirectory(module),
      ...{ work: BUILD, build: ofBuild(build), temporary: ofBuild(temporary), settings: ofBuild(settings) },
      userCache: USER_CACHE,
      ccache: ccache && { ...ccache, directory: CCACHE },
    };
  }

  /** What is mounted where. */
  get mounts(): Mount[] {
    const { workspace, zephyr, application, linked, work, config, userCache, ccache } = this.#spec;
    const stores = gitStores(workspace, [path.posix.dirname(application), zephyr]);
    return [
      ...this.#read().map(([directory, target]) => ({ directory, target, writable: false })),
      ...stores.map(directory => ({ directory, target: directory, writable: false })),
      ...linked
        .map(link => ({ ...this.#linked(link), writable: false }))
        .filter(({ target }) => isOfUsers(target)),
      { directory: work, target: BUILD, writable: true },
      // It may be a copy, and then it is in a place that can be written to.
      { directory: config, target: this.spec.config, writable: false },
      { directory: userCache, target: USER_CACHE, writable: true },
      ...(ccache === undefined ? [] : [{ directory: ccache.directory, target: CCACHE, writable: true }]),
    ];
  }

  /** What the paths in the records of the build stand for. Those of this machine, too, as logs have them. */
  get seen(): SeenDirectory[] {
    // A copy of the keymaps stands for what it is a copy of, which the toolchain knows.
    const mounts = this.mounts.filter(({ directory }) => directory !== this.#spec.config);
    return mounts.flatMap(({ directory, target }) => [
      { seen: target, here: directory },
      { seen: directory, here: directory },
    ]);
  }

  /** Output with the paths of this machine, so that messages name what is there. A character is a byte. */
  translate(output: string): string {
    return output.replaceAll(/\/glovebox\/(workspace|config|build|user-cache|ccache)(?![\w.-])/g, place => {
      const { workspace, repository, work, userCache, ccache } = this.#spec;
      const known: Record<string, string | undefined> = {
        [WORKSPACE]: workspace,
        [CONFIG]: repository,
        [BUILD]: work,
        [USER_CACHE]: userCache,
        [CCACHE]: ccache?.directory,
      };
      const own = known[place];
      return own === undefined ? place : asBytes(own);
    });
  }

  #read(): [directory: string, target: string][] {
    const { workspace, repository } = this.#spec;
    return [
      [workspace, WORKSPACE],
      [repository, CONFIG],
    ];
  }

  /** West may know the repository as a project of the workspace, and it must not be another module then. */
  #moduleDirectory(module: string): string {
    const { workspace, repository } = this.#spec;
    const isProject = module !== workspace && isInside(module, workspace);
    return isProject
      ? path.posix.join(WORKSPACE, relative(workspace, module))
      : path.posix.join(CONFIG, relative(repository, module));
  }

  /** A relative link leads from where it is in the container, an absolute one to where it says. */
  #linked({ link, leads }: ZephyrBuildSpec['linked'][number]): Pick<Mount, 'directory' | 'target'> {
    const directory = path.resolve(path.dirname(link), leads);
    if (path.isAbsolute(leads)) return { directory, target: directory };
    const inside = path.posix.join(CONFIG, relative(this.#spec.repository, path.dirname(link)));
    return { directory, target: path.posix.resolve(inside, leads) };
  }
}

/** Whether a path is one that images leave to their users: what is elsewhere is theirs. */
function isOfUsers(file: string): boolean {
  return (
    !/^\/(?:bin|boot|dev|etc|lib\w*|opt|proc|run|sbin|sys|usr|var)(?:\/|$)/.test(file) &&
    /^\/[^/]+\/./.test(file)
  );
}

function relative(directory: string, file: string): string {
  return path.relative(directory, file).replaceAll(path.sep, '/');
}
