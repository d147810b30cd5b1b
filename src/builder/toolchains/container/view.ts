// Container paths: every part of a build is mounted at a fixed place, the same for all users. Caches keyed by path,
// such as ccache, then hit for other users, too.
//
//   /glovebox/workspace   the west workspace            read only
//   /glovebox/config      the config repository         read only
//   /glovebox/build       everything of this build
//   /glovebox/user-cache  Zephyr's own cache of compiler capabilities
//   /glovebox/ccache      the cache of ccache
//
// Targets of absolute links and git repositories are mounted at their own paths.
import path from 'node:path';
import { isInside } from '../../../system/paths.ts';
import { asBytes } from '../../../system/rewritten-output.ts';
import type { SeenDirectory } from '../observed/index.ts';
import { BUILD_PLACE as BUILD } from '../zephyr/mount-namespace.ts';
import type { ZephyrBuildSpec } from '../zephyr/zephyr-runner.ts';
import type { Mount } from './command-line.ts';
import { gitStores } from './git-stores.ts';

const WORKSPACE = '/glovebox/workspace';
/** The path of the config's repository in the container. */
export const CONFIG = '/glovebox/config';
const USER_CACHE = '/glovebox/user-cache';
const CCACHE = '/glovebox/ccache';

export class ContainerView {
  readonly #spec: ZephyrBuildSpec;

  constructor(spec: ZephyrBuildSpec) {
    this.#spec = spec;
  }

  /** The same specification with the paths of the container. */
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

  /** The mounts. */
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
      // It may be a copy, which is then in a writable place.
      { directory: config, target: this.spec.config, writable: false },
      { directory: userCache, target: USER_CACHE, writable: true },
      ...(ccache === undefined ? [] : [{ directory: ccache.directory, target: CCACHE, writable: true }]),
    ];
  }

  /**
   * The map from paths in the build's records to this machine. Includes paths of this machine, which appear in logs.
   */
  get seen(): SeenDirectory[] {
    // A copy of the keymaps is mapped to its original by the toolchain.
    const mounts = this.mounts.filter(({ directory }) => directory !== this.#spec.config);
    return mounts.flatMap(({ directory, target }) => [
      { seen: target, here: directory },
      { seen: directory, here: directory },
    ]);
  }

  /**
   * Output with container paths replaced by those of this machine, so that messages name existing files. One character
   * is one byte.
   */
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

  /** If west knows the repository as a project of the workspace, it must not appear as a second module. */
  #moduleDirectory(module: string): string {
    const { workspace, repository } = this.#spec;
    const isProject = module !== workspace && isInside(module, workspace);
    return isProject
      ? path.posix.join(WORKSPACE, relative(workspace, module))
      : path.posix.join(CONFIG, relative(repository, module));
  }

  /** A relative link is resolved from its place in the container; an absolute one leads to its literal target. */
  #linked({ link, leads }: ZephyrBuildSpec['linked'][number]): Pick<Mount, 'directory' | 'target'> {
    const directory = path.resolve(path.dirname(link), leads);
    if (path.isAbsolute(leads)) return { directory, target: directory };
    const inside = path.posix.join(CONFIG, relative(this.#spec.repository, path.dirname(link)));
    return { directory, target: path.posix.resolve(inside, leads) };
  }
}

/** Whether images leave a path to their users. All other paths belong to the image. */
function isOfUsers(file: string): boolean {
  return (
    !/^\/(?:bin|boot|dev|etc|lib\w*|opt|proc|run|sbin|sys|usr|var)(?:\/|$)/.test(file) &&
    /^\/[^/]+\/./.test(file)
  );
}

function relative(directory: string, file: string): string {
  return path.relative(directory, file).replaceAll(path.sep, '/');
}
