// Mount namespace in which a build on this machine sees its own directory at the path that it has in containers. Objects
// then have the same paths whatever target they are compiled for, so that ccache finds them again for another target.
//
//   /            a new file system in memory, which nothing else sees
//   /usr, /home  and everything else as it is
//   /glovebox/build   the directory of this build
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { execFileBuffered } from '../../../system/exec-file.ts';
import { isInside } from '../../../system/paths.ts';
import { asBytes } from '../../../system/rewritten-output.ts';
import { findProgram } from '../programs.ts';
import type { ZephyrBuildSpec } from './zephyr-runner.ts';

/** The path at which builds see their own directory. */
export const BUILD_PLACE = '/glovebox/build';

/** Milliseconds. The probe takes a tenth of a second. */
const PROBE_LIMIT_MS = 10_000;

/**
 * Runs `$4` with its arguments in the directory `$3`. `$1` is an empty directory, and `$2` the one that is to be seen at
 * `BUILD_PLACE`. `/` itself has no place for it, and only its owner could make one, so another `/` is made of the same
 * directories.
 */
const SCRIPT = `set -e
root=$1 own=$2 directory=$3
shift 3
path=$PATH mask=$(umask)
PATH=$PATH:/usr/sbin:/sbin
umask 022
mount -t tmpfs -o mode=0755 tmpfs "$root"
for entry in /* /.[!.]*; do
  if [ -L "$entry" ]; then ln -s "$(readlink "$entry")" "$root$entry"
  elif [ -d "$entry" ]; then mkdir "$root$entry"; mount --rbind "$entry" "$root$entry"
  elif [ -e "$entry" ]; then : >"$root$entry"; mount --bind "$entry" "$root$entry"
  fi
done
mkdir -p "$root${BUILD_PLACE}"
mount --bind "$own" "$root${BUILD_PLACE}"
cd "$root"
pivot_root . .
umount -l .
cd "$directory"
umask "$mask"
PATH=$path
exec "$@"`;

export class MountNamespace {
  readonly #unshare: string;
  readonly #options: readonly string[];

  private constructor(unshare: string, options: readonly string[]) {
    this.#unshare = unshare;
    this.#options = options;
  }

  /**
   * Undefined if the system does not allow it, or has a `/glovebox` of its own.
   *
   * @param environment of builds
   *
   * @param temporary a directory for the attempt. Absolute
   */
  static async find(
    environment: Readonly<Record<string, string>>,
    temporary: string,
  ): Promise<MountNamespace | undefined> {
    if (process.platform !== 'linux' || existsSync(path.dirname(BUILD_PLACE))) return undefined;
    const unshare = await findProgram('unshare', '/', environment);
    if (unshare === undefined) return undefined;
    // In a user namespace, root could not read what belongs to others.
    const options = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
    const namespace = new MountNamespace(unshare, options);
    try {
      const looks = ['-c', `test -d ${BUILD_PLACE}/root`];
      const attempt = namespace.command('/bin/sh', looks, { own: temporary, cwd: '/', temporary });
      const limit = AbortSignal.timeout(PROBE_LIMIT_MS);
      const { exitCode } = await execFileBuffered({ ...attempt, cwd: '/', env: environment, signal: limit });
      return exitCode === 0 ? namespace : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * The command that runs a program in a new namespace.
   *
   * @param places `own` is seen at {@link BUILD_PLACE}; `temporary` is a directory for the mount. All absolute
   */
  command(
    program: string,
    args: readonly string[],
    { own, cwd, temporary }: { own: string; cwd: string; temporary: string },
  ): { command: string; args: string[] } {
    const root = path.join(temporary, 'root');
    mkdirSync(root, { recursive: true });
    return {
      command: this.#unshare,
      args: [...this.#options, '--', '/bin/sh', '-c', SCRIPT, 'sh', root, own, cwd, program, ...args],
    };
  }
}

/** The same build with the paths that it sees, where only its own directory is at another one. */
export function specInside(spec: ZephyrBuildSpec): ZephyrBuildSpec {
  const { work, seenWork, config, build, temporary, settings, userCache } = spec;
  const seen = (file: string) =>
    isInside(file, work) ? path.join(seenWork, path.relative(work, file)) : file;
  return {
    ...{ ...spec, work: seenWork, config: seen(config), build: seen(build) },
    ...{ temporary: seen(temporary), settings: seen(settings), userCache: seen(userCache) },
  };
}

/** Makes output name existing files. One character is one byte. */
export function outputOf(work: string): (output: string) => string {
  const own = asBytes(work);
  return output => output.replaceAll(/\/glovebox\/build(?![\w.-])/g, () => own);
}
