// Command line that creates a container for one build. Its arguments mean the same to docker and podman; where the two
// differ, it requests the stricter behaviour explicitly.
import path from 'node:path';
import { isInside } from '../../../system/paths.ts';
import type { ContainerEngine } from './engine-search.ts';

/** A directory mounted into the container. */
export interface Mount {
  /** Absolute. */
  directory: string;
  /** The path in the container. Absolute. */
  target: string;
  writable: boolean;
}

/** Specification of one container. */
export interface ContainerSpec {
  name: string;
  /** The digest of the image. */
  image: string;
  /** The image's name in messages. */
  imageName: string;
  program: string;
  args: readonly string[];
  /** Absolute, inside a mount. */
  workingDirectory: string;
  /** Variables in addition to those of the image. */
  environment: Readonly<Record<string, string>>;
  mounts: readonly Mount[];
  /** See `ProcessOptions`. */
  appendLog?: boolean | undefined;
  /** The owner of the files that it writes. Default: the image's user. */
  user?: User | undefined;
  /** Replaces container paths in its output by those of this machine. Default: the output is left as it is. */
  translate?: (output: string) => string;
}

/**
 * Shell command that makes a west workspace for a config repository, with the west of the image.
 *
 * @param image by a name that can be pulled
 *
 * @param configPath directory of `west.yml`, relative to the repository
 */
export function workspaceShellCommand(
  engine: ContainerEngine,
  image: string,
  directory: string,
  configPath: string,
  user: User | undefined,
): string {
  const words = [
    ...[engine.command, 'run', '--rm', '--security-opt', 'label=disable', ...userArguments(engine, user)],
    ...['--mount', mountOption({ directory, target: directory, writable: true }), '--workdir', directory],
    ...['--env', 'HOME=/tmp', image],
    ...['sh', '-c', `west init -l ${shellQuoted(configPath)} && west update`],
  ];
  return words.map(shellQuoted).join(' ');
}

function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Owner of written files. */
export interface User {
  uid: number;
  gid: number;
}

/** The arguments of `docker create` or `podman create`. */
export function createArguments(engine: ContainerEngine, spec: ContainerSpec): string[] {
  const { user, name, image, program, args, workingDirectory, environment, mounts } = spec;
  return [
    ...['create', '--name', name, '--label', 'glovebox=build'],
    // The container is removed when it ends, however it ends. The init process reaps orphans of the compilers.
    ...['--rm', '--init'],
    // Otherwise docker pulls a missing image by itself.
    ...['--pull', 'never'],
    // Anything that a build downloads would be missing from the fingerprint.
    ...['--network', 'none'],
    // Otherwise SELinux denies access to the mounts, or relabels all their files.
    ...['--security-opt', 'label=disable'],
    ...(engine.kind === 'podman' ? ['--http-proxy=false'] : []),
    ...userArguments(engine, user),
    ...neededMounts(mounts).flatMap(mount => ['--mount', mountOption(mount)]),
    ...Object.entries(environment).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]),
    ...['--workdir', workingDirectory, '--entrypoint', program],
    ...[image, ...args],
  ];
}

/** The user of this process; undefined on Windows, whose users mean nothing in a container. */
export function hostUser(): User | undefined {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** Makes the caller the owner of the files that a build writes. */
function userArguments({ kind, users }: ContainerEngine, user: User | undefined): string[] {
  if (user === undefined) return [];
  const caller = ['--user', `${user.uid}:${user.gid}`];
  if (users === 'remapped') return ['--userns=host', ...caller];
  if (users === 'same') return caller;
  // Docker can only remap all users. Root in the container is then the caller outside.
  return kind === 'docker' ? ['--user', '0:0'] : ['--userns=keep-id', ...caller];
}

/** The mounts without those contained in another one. Sorted, outer ones first. */
export function neededMounts(mounts: readonly Mount[]): Mount[] {
  const byTarget = new Map<string, Mount>();
  for (const mount of mounts) {
    const [directory, target] = [path.resolve(mount.directory), path.posix.resolve(mount.target)];
    const writable = mount.writable || (byTarget.get(target)?.writable ?? false);
    byTarget.set(target, { directory, target, writable });
  }
  const needed: Mount[] = [];
  for (const mount of [...byTarget.values()].sort((a, b) => a.target.length - b.target.length)) {
    const around = needed.filter(({ target }) => isInside(mount.target, target)).at(-1);
    if (around?.writable !== mount.writable || !isSameIn(around, mount)) needed.push(mount);
  }
  return needed;
}

/** Whether a mount is already visible at its target through another one. */
function isSameIn(around: Mount, { directory, target }: Mount): boolean {
  return path.join(around.directory, path.relative(around.target, target)) === directory;
}

/**
 * The argument of `--mount`: a line of CSV. `--volume` would create missing directories as root, and splits names at
 * colons.
 */
function mountOption({ directory, target, writable }: Mount): string {
  const fields = ['type=bind', `source=${directory}`, `target=${target}`];
  if (!writable) fields.push('readonly');
  return fields.map(field => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',');
}
