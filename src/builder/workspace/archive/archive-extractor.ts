// Archive extractor: writes an archive's entries into a private directory that no path or link can leave.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isObject, listOf } from '../../../cache/values/stored-json.ts';
import { WorkspaceError } from '../workspace-error.ts';
import {
  ABOUT_FILE,
  type AboutArchive,
  ARCHIVE_SCHEMA,
  type ArchiveEntry,
  type ArchiveProgress,
  assertSafeGitFile,
  assertSafeLink,
  assertSafePath,
  CHECKSUMS_FILE,
  fileSum,
  linkSum,
  MAX_LIST,
} from './entry.ts';

/**
 * Files other than `config` from which git reads settings, or their locations. An archive of ours holds none of them.
 */
const GIT_REDIRECTS =
  /(?:^|\/)\.git\/(?:.*\/)?(?:commondir|config\.worktree|objects\/info\/(?:http-)?alternates)$/i;

/**
 * Writes the entries of one archive in order and records their checksums. Every rejection is a {@link WorkspaceError}
 * or the file system's own error; the caller must then discard the directory.
 */
export class ArchiveExtractor {
  /** Paths of the files below any `.git`. */
  readonly gitFiles: string[] = [];
  readonly #directory: string;
  readonly #onProgress: ((progress: ArchiveProgress) => void) | undefined;
  /** The kind of each path, including parent directories created on the way. */
  readonly #kinds = new Map<string, ArchiveEntry['kind']>();
  readonly #sums = new Map<string, string>();
  #about: AboutArchive | undefined;
  #expected: Record<string, unknown> | undefined;
  #bytes = 0;

  /** @param directory absolute, empty, and private to the caller */
  constructor(directory: string, onProgress?: (progress: ArchiveProgress) => void) {
    this.#directory = directory;
    this.#onProgress = onProgress;
  }

  /** Writes one entry; for a file, `content` is read to its end. */
  async put(entry: ArchiveEntry, content: Readable): Promise<void> {
    if (entry.kind === 'file' && entry.path === ABOUT_FILE && !this.#about) {
      this.#about = asAbout(await readJson(content, ABOUT_FILE));
      return;
    }
    if (!this.#about)
      throw new WorkspaceError('This is not an archive of a workspace: it does not say what it is.');
    if (this.#expected) throw damaged('there is more after its end');
    if (entry.kind === 'file' && entry.path === CHECKSUMS_FILE) {
      const list = await readJson(content, CHECKSUMS_FILE);
      if (!isObject(list)) throw damaged('its checksums are not readable');
      this.#expected = list;
      return;
    }
    assertSafePath(entry.path);
    if (GIT_REDIRECTS.test(entry.path)) {
      throw new WorkspaceError(`${entry.path} would lead git out of the workspace, so it is not unpacked.`);
    }
    await this.#makeParents(entry.path);
    if (
      this.#kinds.has(entry.path) &&
      !(entry.kind === 'directory' && this.#kinds.get(entry.path) === 'directory')
    ) {
      throw new WorkspaceError(`The archive has ${entry.path} twice.`);
    }
    if (entry.kind === 'directory') await this.#makeDirectory(entry.path);
    else if (entry.kind === 'link') await this.#putLink(entry);
    else await this.#putFile(entry, content);
    this.#kinds.set(entry.path, entry.kind);
  }

  /** Verifies that everything arrived intact; resolves to the description of the workspace. */
  finish(): AboutArchive {
    if (!this.#about) throw new WorkspaceError('This is not an archive of a workspace: it is empty.');
    if (!this.#expected) throw damaged('its end is missing');
    for (const [file, sum] of this.#sums) {
      if (!Object.hasOwn(this.#expected, file) || this.#expected[file] !== sum)
        throw damaged(`${file} is not what was packed`);
    }
    const missing = Object.keys(this.#expected).find(file => !this.#sums.has(file));
    if (missing !== undefined) throw damaged(`${missing} is missing`);
    return this.#about;
  }

  async #makeParents(file: string): Promise<void> {
    const parts = file.split('/');
    for (let end = 1; end < parts.length; end++) {
      const parent = parts.slice(0, end).join('/');
      const kind = this.#kinds.get(parent);
      // Writing through a link would leave the directory.
      if (kind !== undefined && kind !== 'directory') {
        throw new WorkspaceError(`The archive has ${file}, but ${parent} is a ${kind} in it.`);
      }
      if (kind === undefined) await this.#makeDirectory(parent);
    }
  }

  async #makeDirectory(file: string): Promise<void> {
    if (this.#kinds.has(file)) return;
    await mkdir(path.join(this.#directory, file), { mode: 0o755 }).catch(collision(file));
    this.#kinds.set(file, 'directory');
  }

  async #putLink({ path: file, target }: ArchiveEntry & { kind: 'link' }): Promise<void> {
    assertSafeLink(file, target);
    if (isGits(file) || isGitFile(file)) {
      throw new WorkspaceError(`${file} is a link where git keeps its own, so it is not unpacked.`);
    }
    await symlink(target, path.join(this.#directory, file)).catch(collision(file));
    this.#sums.set(file, linkSum(target));
  }

  async #putFile(entry: ArchiveEntry & { kind: 'file' }, content: Readable): Promise<void> {
    const { path: file, executable } = entry;
    const hash = createHash('sha256');
    const place = path.join(this.#directory, file);
    const options = { flag: 'wx', flags: 'wx', mode: executable ? 0o755 : 0o644 };
    const count = (chunk: Buffer) => {
      hash.update(chunk);
      this.#bytes += chunk.length;
      const total = this.#about!.bytes;
      // A file larger than declared could fill the disk.
      if (this.#bytes > total) throw damaged('there is more in it than it says');
      this.#onProgress?.({ done: this.#bytes, total });
    };
    if (entry.size <= SMALL) {
      const chunks: Buffer[] = [];
      for await (const chunk of content) {
        count(chunk as Buffer);
        chunks.push(chunk as Buffer);
      }
      const whole = Buffer.concat(chunks);
      if (isGitFile(file)) assertSafeGitFile(file, whole.toString());
      await writeFile(place, whole, options).catch(collision(file));
    } else {
      if (isGitFile(file)) throw damaged(`${file} is too large`);
      await pipeline(
        content,
        async function* (chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            count(chunk);
            yield chunk;
          }
        },
        createWriteStream(place, options),
      ).catch(collision(file));
    }
    if (isGits(file)) this.gitFiles.push(file);
    this.#sums.set(file, fileSum(hash.digest('hex'), executable));
  }
}

// Regardless of case: on case-insensitive file systems, git accepts `.GIT`.
function isGits(file: string): boolean {
  return file.toLowerCase().split('/').slice(0, -1).includes('.git');
}

function isGitFile(file: string): boolean {
  return path.basename(file).toLowerCase() === '.git';
}

/** Bytes. Smaller files are written in one go. */
const SMALL = 1024 * 1024;

async function readJson(content: Readable, name: string): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of content) {
    length += (chunk as Buffer).length;
    if (length > MAX_LIST) throw damaged(`${name} is too large`);
    chunks.push(chunk as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (error) {
    throw damaged(`${name} is not readable`, error);
  }
}

function asAbout(value: unknown): AboutArchive {
  if (!isObject(value) || typeof value.schema !== 'number') throw damaged(`${ABOUT_FILE} is not readable`);
  if (value.schema !== ARCHIVE_SCHEMA) {
    throw new WorkspaceError('A newer Glovebox has written this archive. Use that one to import it.');
  }
  const { schema, repository, revision, count, bytes } = value;
  const manifests = listOf(value.manifests, one => (typeof one === 'string' ? one : undefined), 1000);
  if (
    typeof repository !== 'string' ||
    typeof revision !== 'string' ||
    typeof count !== 'number' ||
    typeof bytes !== 'number' ||
    !manifests
  ) {
    throw damaged(`${ABOUT_FILE} is not readable`);
  }
  return { schema, repository, revision, manifests, count, bytes };
}

/**
 * An entry that exists already: the same name twice, or two names that a case-insensitive file system folds into one.
 */
function collision(file: string): (error: unknown) => never {
  return error => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new WorkspaceError(
      `The archive has ${file} twice, or under two names that are one on this system.`,
    );
  };
}

export function damaged(why: string, cause?: unknown): WorkspaceError {
  return new WorkspaceError(`The archive is damaged: ${why}. Export it again.`, { cause });
}
