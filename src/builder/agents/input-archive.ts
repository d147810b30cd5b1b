// Archive of a target's declared inputs: one tar file with everything that an agent lays out before it compiles.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { extract, pack } from 'tar-stream';
import { remoteKey } from '../../cache/remote/record.ts';
import { isInside } from '../../system/paths.ts';

/** The archive's name in its record. */
export const ARCHIVE = 'inputs.tar';

/** Bytes of all inputs of a target. They are held in memory, and a config has a hundredth of that. */
const MAX_SIZE = 64 * 1024 * 1024;

/** The inputs cannot be laid out elsewhere. The message is the end of a sentence. */
export class UnportableInputsError extends Error {}

/** An archive that cannot be unpacked safely. The message is the end of a sentence. */
export class InvalidArchiveError extends Error {}

interface Entry {
  /** Relative to the root, with `/`. */
  name: string;
  content: { bytes: Buffer; isExecutable: boolean } | { link: string };
}

/** The key of an archive in the remote cache. */
export function archiveKey(archive: Uint8Array): string {
  return remoteKey('inputs', createHash('sha256').update(archive).digest('hex'));
}

/**
 * Packs files. The same files give the same bytes. Links inside the root stay links, with the files behind them. Rejects
 * with {@link UnportableInputsError} if one leads out of the root or there is too much.
 *
 * @param files absolute, inside the root
 *
 * @param directories more directories, relative to the root
 */
export async function packInputs(
  root: string,
  files: readonly string[],
  directories: readonly string[] = [],
): Promise<Buffer> {
  const entries = new Map<string, Entry>();
  let size = 0;
  for (const file of files) {
    for (const entry of entriesOf(root, path.relative(root, file))) {
      if (entries.has(entry.name)) continue;
      entries.set(entry.name, entry);
      size += 'bytes' in entry.content ? entry.content.bytes.length : 0;
      if (size > MAX_SIZE)
        throw new UnportableInputsError(`its inputs have more than ${MAX_SIZE / 1024 ** 2} MiB`);
    }
  }
  const tar = pack();
  for (const name of directories) tar.entry({ name: `${name}/`, type: 'directory', mtime: new Date(0) });
  for (const { name, content } of [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const header = { name, mtime: new Date(0) };
    if ('link' in content) tar.entry({ ...header, type: 'symlink', linkname: content.link });
    else tar.entry({ ...header, mode: content.isExecutable ? 0o755 : 0o644 }, content.bytes);
  }
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** A file, and each link on the way to it. */
function entriesOf(root: string, relative: string, depth = 0): Entry[] {
  const names = relative.split(path.sep);
  const shown = names.join('/');
  if (names[0] === '..' || path.isAbsolute(relative))
    throw new UnportableInputsError(`${relative} is outside of the config`);
  for (const [index] of names.entries()) {
    const place = path.join(root, ...names.slice(0, index + 1));
    const stats = lstatSync(place, { throwIfNoEntry: false });
    if (stats === undefined) return [];
    if (!stats.isSymbolicLink()) continue;
    const link = readlinkSync(place);
    const target = path.resolve(path.dirname(place), link);
    if (!isPlainLink(link) || !isInside(target, root) || depth > MAX_LINKS)
      throw new UnportableInputsError(
        `${names.slice(0, index + 1).join('/')} is a link that leads out of the config`,
      );
    const rest = path.join(target, ...names.slice(index + 1));
    const name = names.slice(0, index + 1).join('/');
    return [{ name, content: { link } }, ...entriesOf(root, path.relative(root, rest), depth + 1)];
  }
  const file = path.join(root, relative);
  const stats = lstatSync(file, { throwIfNoEntry: false });
  if (!stats?.isFile()) return [];
  if (stats.size > MAX_SIZE) throw new UnportableInputsError(`${shown} is too large`);
  return [{ name: shown, content: { bytes: readFileSync(file), isExecutable: (stats.mode & 0o111) !== 0 } }];
}

const MAX_LINKS = 40;

/**
 * Unpacks an archive into an empty directory. Nothing is written elsewhere, whatever the archive contains. Rejects with
 * {@link InvalidArchiveError}, and with the file system's errors.
 */
export async function unpackInputs(archive: Buffer, directory: string): Promise<void> {
  const links: [place: string, link: string][] = [];
  const tar = extract();
  tar.end(archive);
  try {
    for await (const entry of tar) {
      const { name, type, mode = 0o644, linkname } = entry.header;
      const place = placeOf(name, directory);
      if (type === 'directory') mkdirSync(place, { recursive: true });
      else {
        mkdirSync(path.dirname(place), { recursive: true });
        if (type === 'symlink' && typeof linkname === 'string') links.push([place, linkname]);
        else if (type === 'file') {
          const parts: Buffer[] = [];
          for await (const part of entry) parts.push(part as Buffer);
          writeFileSync(place, Buffer.concat(parts), { flag: 'wx' });
          chmodSync(place, (mode & 0o111) === 0 ? 0o644 : 0o755);
          continue;
        } else throw new InvalidArchiveError(`the archive of the inputs has a ${type}`);
      }
      entry.resume();
    }
  } catch (error) {
    if (error instanceof InvalidArchiveError || (error as NodeJS.ErrnoException).syscall !== undefined)
      throw error;
    throw new InvalidArchiveError(`the archive of the inputs is damaged (${(error as Error).message})`);
  }
  // Last, so that nothing is written through one of them.
  for (const [place, link] of links) {
    if (!isPlainLink(link) || !isInside(path.resolve(path.dirname(place), link), directory))
      throw new InvalidArchiveError('the archive of the inputs has a link that leads out of it');
    symlinkSync(link, place);
  }
}

/** Whether a link leads where its name says, whatever other links it passes: it climbs only at its beginning. */
function isPlainLink(link: string): boolean {
  const names = link.split('/');
  const first = names.findIndex(name => name !== '..' && name !== '.');
  return !path.isAbsolute(link) && (first < 0 || !names.slice(first).includes('..'));
}

function placeOf(name: string, directory: string): string {
  const place = path.join(directory, name);
  const isPlain = !name.split('/').includes('..') && !path.isAbsolute(name) && !name.includes('\0');
  if (isPlain && isInside(place, directory)) return place;
  throw new InvalidArchiveError('the archive of the inputs has a path that leads out of it');
}
