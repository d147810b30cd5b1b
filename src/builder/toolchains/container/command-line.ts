// The arguments that make a container for one build. What they mean is the same for docker and podman; where the two
// differ, the stricter of them is asked for by name.
import path from 'node:path';
import { isInside } from '../input-files.ts';
import type { Engine } from './engine-search.ts';

/** A directory that the container sees, under the path that it has outside. */
export interface Mount {
  /** Absolute. */
  directory: string;
  writable: boolean;
}

/** One container. */
export interface ContainerOrder {
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
}

/**
 * The line for a shell that makes a west workspace of a config repository where there is no west but in the image.
 *
 * @param image by a name that can be pulled
 * @param configPath where `west.yml` is, relative to the repository
 */
export function workspaceCommand(
  engine: Engine,
  image: string,
  directory: string,
  configPath: string,
  user: User | undefined,
): string {
  const words = [
    ...[engine.command, 'run', '--rm', '--security-opt', 'label=disable', ...userArguments(engine, user)],
    ...['--mount', mountOption({ directory, writable: true }), '--workdir', directory],
    ...['--env', 'HOME=/tmp', image],
    ...['sh', '-c', `west init -l ${quoted(configPath)} && west update`],
  ];
  return words.map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Whom the files belong to that are written. */
export interface User {
  uid: number;
  gid: number;
}

/** What `docker create` or `podman create` is told. */
export function createArguments(engine: Engine, order: ContainerOrder): string[] {
  const { user, name, image, program, args, workingDirectory, environment, mounts } = order;
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
export function caller(): User | undefined {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** The files that a build makes are the caller's. */
function userArguments({ kind, users }: Engine, user: User | undefined): string[] {
  if (user === undefined) return [];
  const caller = ['--user', `${user.uid}:${user.gid}`];
  if (users === 'remapped') return ['--userns=host', ...caller];
  if (users === 'same') return caller;
  // Docker can only move all users, and then root in the container is the caller outside.
  return kind === 'docker' ? ['--user', '0:0'] : ['--userns=keep-id', ...caller];
}

/** The mounts without those that another one brings with it. Sorted, the outer ones first. */
export function neededMounts(mounts: readonly Mount[]): Mount[] {
  const byDirectory = new Map<string, Mount>();
  for (const mount of mounts) {
    const directory = path.normalize(mount.directory);
    const writable = mount.writable || (byDirectory.get(directory)?.writable ?? false);
    byDirectory.set(directory, { directory, writable });
  }
  const needed: Mount[] = [];
  for (const mount of [...byDirectory.values()].sort((a, b) => a.directory.length - b.directory.length)) {
    const around = needed.filter(({ directory }) => isInside(mount.directory, directory)).at(-1);
    if (around?.writable !== mount.writable) needed.push(mount);
  }
  return needed;
}

/** As `--mount` reads it: a line of CSV. `--volume` would make what is missing, as root, and parts names at each colon. */
function mountOption({ directory, writable }: Mount): string {
  const fields = ['type=bind', `source=${directory}`, `target=${directory}`];
  if (!writable) fields.push('readonly');
  return fields.map(field => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',');
}
