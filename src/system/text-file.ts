// Bounded reader of text files written by a person. Safe for pipes, devices and files of any size.
import { constants, readFileSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

/** The reason that there is no text. `missing`: no such file. `unreadable`: the system refused, see the cause. */
export type TextFileProblem = 'missing' | 'unreadable' | 'not-a-file' | 'too-large' | 'not-text';

/** A text file cannot be read. The caller words the message from `problem`. */
export class TextFileError extends Error {
  readonly problem: TextFileProblem;
  /** Bytes, for a file that is too large. */
  readonly size: number | undefined;
  /** 1-based: the first line that is not UTF-8. */
  readonly line: number | undefined;

  constructor(
    problem: TextFileProblem,
    message: string,
    { size, line, cause }: { size?: number; line?: number; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.problem = problem;
    this.size = size;
    this.line = line;
  }
}

/**
 * Reads a regular file of at most `limit` bytes of UTF-8, without its byte order mark. Never waits for the writer
 * of a pipe, and never reads more than the limit, whatever size the file claims. Rejects with {@link
 * TextFileError}.
 */
export async function readTextFile(file: string, limit: number): Promise<string> {
  const bytes = await readBytes(file, limit);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new TextFileError('not-text', 'it is not UTF-8 text', { line: lineOfDamage(bytes) });
  }
}

/** As {@link readTextFile}; the empty text where that rejects. */
export function readTextOrEmpty(file: string, limit: number): Promise<string> {
  return readTextFile(file, limit).catch(() => '');
}

/** The text of a file whose size and kind are known to be harmless; undefined if it cannot be read. */
export function textIfReadable(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

async function readBytes(file: string, limit: number): Promise<Buffer> {
  let handle: FileHandle | undefined;
  try {
    // Checked before opening, because opening some devices has side effects.
    assertFile(await stat(file), limit);
    // Non-blocking, because a pipe may have taken the file's place since.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await handle.stat();
    assertFile(stats, limit);
    return await readUpTo(handle, limit, stats.size);
  } catch (error) {
    if (error instanceof TextFileError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new TextFileError(isMissing ? 'missing' : 'unreadable', message, { cause: error });
  } finally {
    await handle?.close();
  }
}

async function readUpTo(handle: FileHandle, limit: number, expected: number): Promise<Buffer> {
  // One spare byte distinguishes a file that has grown from one that ends here.
  let buffer = Buffer.alloc(Math.min(limit, expected) + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length);
    length += bytesRead;
    if (bytesRead === 0) return buffer.subarray(0, length);
    if (length > limit) throw new TextFileError('too-large', 'it is too large', { size: length });
    if (length === buffer.length) buffer = Buffer.concat([buffer], limit + 1);
  }
}

function assertFile(stats: { isFile(): boolean; size: number }, limit: number): void {
  if (!stats.isFile()) throw new TextFileError('not-a-file', 'it is not a plain file');
  if (stats.size > limit) throw new TextFileError('too-large', 'it is too large', { size: stats.size });
}

/** No byte of a multi-byte character looks like a line end, so each line can be decoded on its own. */
function lineOfDamage(bytes: Buffer): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for (let from = 0; from < bytes.length; line++) {
    const end = bytes.indexOf(10, from);
    const next = end < 0 ? bytes.length : end + 1;
    try {
      decoder.decode(bytes.subarray(from, next));
    } catch {
      return line;
    }
    from = next;
  }
  return line;
}
