// Reads a text that a person wrote, within bounds whatever is in the place of the file.
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

/** Why there is no text. `missing`: nothing is there. `unreadable`: the system refused, see the cause. */
export type TextFileProblem = 'missing' | 'unreadable' | 'not-a-file' | 'too-large' | 'not-text';

/** What is in the place of a text file, for the caller to say in words of its own. */
export class TextFileError extends Error {
  readonly problem: TextFileProblem;
  /** Bytes; of a file that is too large, as far as it is known. */
  readonly size: number | undefined;
  /** 1-based: where what is no text begins. */
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
 * The content of a regular file of at most `limit` bytes of UTF-8, without a byte order mark. Never waits for somebody
 * to write to a pipe, and never reads more than the limit, whatever size the file claims to have. Rejects with
 * {@link TextFileError}.
 */
export async function readTextFile(file: string, limit: number): Promise<string> {
  const bytes = await readBytes(file, limit);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new TextFileError('not-text', 'it is not UTF-8 text', { line: lineOfDamage(bytes) });
  }
}

async function readBytes(file: string, limit: number): Promise<Buffer> {
  let handle: FileHandle | undefined;
  try {
    // Before it is opened, because opening some devices has effects of its own.
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
  // One byte more than there should be tells a file that has grown from one that ends here.
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
  if (!stats.isFile()) throw new TextFileError('not-a-file', 'it is no plain file');
  if (stats.size > limit) throw new TextFileError('too-large', 'it is too large', { size: stats.size });
}

/** No byte of a longer character looks like a line end, so each line can be looked at by itself. */
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
