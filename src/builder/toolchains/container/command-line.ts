// The arguments that make a container for one build. What they mean is the same for docker and podman; where the two
// differ, the stricter of them is asked for by name.
import path from 'node:path';
import { isInside } from '../../../system/paths.ts';
import type { ContainerEngine } from './engine-search.ts';

/** A directory that the container sees. */
export interface Mount {
  /** Absolute. */
  directory: string;
  /** Where the container sees it. Absolute. */
  target: string;
  writable: boolean;
}

/** One container. */
export interface ContainerSpec {
  name: string;
  /** The digest of the image. */
  image: string;
  /** What a person calls it. */
  imageName: string;
  program: string;
  args: readonly string[];
  /** Absolute, inside of a mount. */
  workingDirectory: string;
  /** What is set besides what the image sets. */
  environment: Readonly<Record<string, string>>;
  mounts: readonly Mount[];
  /** See `ProcessOptions`. */
  appendLog?: boolean | undefined;
  /** Whose the files are that it writes. Default: the image's user's. */
  user?: User | undefined;
  /** Names the places of this machine in what it prints. Default: it is left as it is. */
  translate?: (output: string) => string;
}

/**
 * The line for a shell that makes a west workspace of a config repository where there is no west but in the image.
 *
 * @param image by a name that can be pulled
 * @param configPath where `west.yml` is, relative to the repository
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

/** Whom the files belong to that are written. */
export interface User {
  uid: number;
  gid: number;
}

/** What `docker create` or `podman create` is told. */
export function createArguments(engine: ContainerEngine, spec: ContainerSpec): string[] {
  const { user, name, image, program, args, workingDirectory, environment, mounts } = spec;
  return [
    ...['create', '--name', name, '--label', 'glovebox=build'],
    // Nothing is left of it when it ends, whoever ends it. The init process reaps what compilers leave behind.
    ...['--rm', '--init'],
    // Docker would get a missing image by itself.
    ...['--pull', 'never'],
    // What a build fetches would be in no fingerprint.
    ...['--network', 'none'],
    // Else SELinux keeps mounts from the container, or would have all their files relabelled.
    ...['--security-opt', 'label=disable'],
    ...(engine.kind === 'podman' ? ['--http-proxy=false'] : []),
    ...userArguments(engine, user),
    ...neededMounts(mounts).flatMap(mount => ['--mount', mountOption(mount)]),
    ...Object.entries(environment).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]),
    ...['--workdir', workingDirectory, '--entrypoint', program],
    ...[image, ...args],
  ];
}

/** Who runs this process; undefined on Windows, where users are not what they are in a container. */
export function hostUser(): User | undefined {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** The files that a build makes are the caller's. */
function userArguments({ kind, users }: ContainerEngine, user: User | undefined): string[] {
  if (user === undefined) return [];
  const caller = ['--user', `${user.uid}:${user.gid}`];
  if (users === 'remapped') return ['--userns=host', ...caller];
  if (users === 'same') return caller;
  // Docker can only move all users, and then root in the container is the caller outside.
  return kind === 'docker' ? ['--user', '0:0'] : ['--userns=keep-id', ...caller];
}

/** The mounts without those that another one brings with it. Sorted, the outer ones first. */
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

/** Whether a mount shows what another one shows at its place. */
function isSameIn(around: Mount, { directory, target }: Mount): boolean {
  return path.join(around.directory, path.relative(around.target, target)) === directory;
}

/** As `--mount` reads it: a line of CSV. `--volume` would make what is missing, as root, and parts names at each colon. */
function mountOption({ directory, target, writable }: Mount): string {
  const fields = ['type=bind', `source=${directory}`, `target=${target}`];
  if (!writable) fields.push('readonly');
  return fields.map(field => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',');
}
