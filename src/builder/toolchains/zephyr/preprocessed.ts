// The preprocessed line of a devicetree at which dtlib stopped. Its message names the line of the source, but the column
// of the preprocessed text, in which macros are expanded. That text is removed with the build directory.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { readTextFile } from '../../../system/text-file.ts';
import type { SourceExcerpt } from '../toolchain.ts';

/** In bytes. The message is among the last lines of a log. */
const MAX_LOG = 256 * 1024;
/** In bytes. Ten times the largest devicetrees. */
const MAX_SOURCE = 64 * 1024 * 1024;
/** Characters of a line that are kept on each side of the place. */
const MAX_SIDE = 1_000;

/**
 * The line that the log of a failed build names; undefined if it names none.
 *
 * @param build the build directory, which still exists
 */
export async function excerptOf(build: string, logFile: string): Promise<SourceExcerpt | undefined> {
  try {
    const [, file, line, column] =
      /^devicetree error: (.+?):(\d+) \(column (\d+)\): parse error: /m.exec(endOf(logFile)) ?? [];
    if (file === undefined) return undefined;
    const place = { file, line: Number(line), column: Number(column) };
    const source = await readTextFile(path.join(build, 'zephyr/zephyr.dts.pre'), MAX_SOURCE);
    const text = lineOf(source, place);
    if (text === undefined) return undefined;
    const from = Math.max(0, place.column - 1 - MAX_SIDE);
    return { ...place, text: text.slice(from, place.column + MAX_SIDE), column: place.column - from };
  } catch {
    // Without it, the line of the source is shown.
    return undefined;
  }
}

/** The line made from this line of the source. A file that is included twice has two of them. */
function lineOf(text: string, { file, line, column }: Omit<SourceExcerpt, 'text'>): string | undefined {
  let at: { file: string; line: number } | undefined;
  for (const one of text.split('\n')) {
    const marker = /^# (\d+) "((?:[^"\\]|\\.)*)"/.exec(one);
    if (marker) at = { line: Number(marker[1]), file: marker[2]!.replaceAll(/\\(.)/g, '$1') };
    else if (at !== undefined) {
      if (at.line === line && at.file === file && one.length >= column - 1 && one.trim() !== '') return one;
      at.line++;
    }
  }
  return undefined;
}

function endOf(file: string): string {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const buffer = Buffer.alloc(Math.min(size, MAX_LOG));
    const length = readSync(descriptor, buffer, 0, buffer.length, Math.max(0, size - buffer.length));
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(descriptor);
  }
}
