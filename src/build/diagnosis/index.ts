// Finds out what is wrong from what a compiler has printed.
import { open } from 'node:fs/promises';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { nearestWord } from '../../config/nearest.ts';
import { ConfigFiles } from './config-files.ts';
import type { Diagnosis } from './diagnosis.ts';
import { BEHAVIORS, labels, unknownName, wrongBinding } from './keymap-source.ts';
import { type Finding, findKnown, findPlaced } from './messages.ts';
import { suggestion } from './suggest.ts';
import { includeNames, settingNames } from './zmk-names.ts';

export type { Diagnosis } from './diagnosis.ts';

// What is wrong is said near the end, and a compile command alone can have thousands of characters.
const MAX_LOG_BYTES = 1024 * 1024;
const MAX_LINE = 2_000;

export interface DiagnoseOptions {
  /** Absolute: whose files the messages are about. */
  configDirectory: string;
  /** The file that says what is built. Default: `build.yaml` in the config directory. */
  buildFile?: string;
  /** The board of the target. */
  board?: string;
  /** Why it failed, if not by what the compiler printed. `message` says what that means. */
  reason?: string;
  message?: string;
  /** The compiler's full output. */
  logFile?: string;
  /** The end of it, for when there is no log. */
  lastLines: readonly string[];
}

/** What is wrong, or undefined when the output does not say. Never rejects for what is printed or written. */
export async function diagnose({
  configDirectory,
  buildFile = 'build.yaml',
  board,
  reason,
  message,
  logFile,
  lastLines,
}: DiagnoseOptions): Promise<Diagnosis | undefined> {
  const files = new ConfigFiles(configDirectory);
  if (reason === 'wrong-board' && message !== undefined)
    return { message, certain: true, ...(board === undefined ? {} : await placeOf(board, files, buildFile)) };
  const printed = (logFile === undefined ? undefined : await readEnd(logFile)) ?? lastLines;
  const lines = printed.map(line => stripVTControlCharacters(line.slice(0, MAX_LINE)).trimEnd());
  const finding = findKnown(lines) ?? findPlaced(lines);
  return finding && explain(finding, lines, files, buildFile);
}

async function explain(
  finding: Finding,
  lines: readonly string[],
  files: ConfigFiles,
  buildFile: string,
): Promise<Diagnosis> {
  const { message, certain, file: named, line, column, look, word } = finding;
  const plain = {
    message,
    certain,
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
  };
  if (word !== undefined) return { ...plain, ...(await placeOf(word, files, buildFile)) };
  const name = named ?? (look === undefined ? undefined : keymapOf(lines));
  const file = name === undefined ? undefined : files.find(name);
  if (file === undefined) return { ...plain, ...(name !== undefined && { file: name }) };
  const source = await files.lines(file);
  const found = { ...plain, file, ...(await lookFor(finding, source, lines)) };
  const text = found.line === undefined ? undefined : source[found.line - 1];
  if (text === undefined) return found;
  // Not one of the source's own columns after all.
  const { column: shown, ...rest } = found;
  return { ...rest, source: text, ...(shown !== undefined && shown <= text.length && { column: shown }) };
}

/** What the source, and what the build's output names, add to a finding. */
async function lookFor(
  { look, line, message }: Finding,
  source: readonly string[],
  lines: readonly string[],
): Promise<Partial<Diagnosis> | undefined> {
  if (look === undefined) return undefined;
  if (look === 'unknown-name') return line === undefined ? undefined : unknownName(source, line);
  if (look === 'wrong-binding') return wrongBinding(source);
  if (look === 'end') return { line: source.findLastIndex(text => text.trim() !== '') + 1 || 1 };
  if ('node' in look) return unknownLabel(source, look.node, message);
  if ('setting' in look) return unknownSetting(look.setting, lines, message);
  return unknownInclude(look.include, lines, message);
}

function unknownLabel(source: readonly string[], label: string, message: string) {
  const index = source.findIndex(text => new RegExp(`&${escaped(label)}\\b`).test(text));
  const better = `${message}${suggestion(label, [...BEHAVIORS, ...labels(source)])}`;
  if (index < 0) return { message: better };
  return { message: better, line: index + 1, column: source[index]!.indexOf(`&${label}`) + 1 };
}

async function unknownSetting(setting: string, lines: readonly string[], message: string) {
  const near = nearestWord(setting, await settingNames(lines));
  return near === undefined ? {} : { message: `${message} Did you mean 'CONFIG_${near}'?` };
}

async function unknownInclude(include: string, lines: readonly string[], message: string) {
  return { message: `${message}${suggestion(include, await includeNames(lines))}` };
}

/** Where the build matrix says a word. */
async function placeOf(word: string, files: ConfigFiles, buildFile: string): Promise<Partial<Diagnosis>> {
  const file = files.find(buildFile);
  if (file === undefined) return {};
  const lines = await files.lines(file);
  const pattern = new RegExp(`(?<![\\w./@-])${escaped(word)}(?![\\w./@-])`);
  const index = lines.findIndex(line => pattern.test(line));
  if (index < 0) return {};
  const source = lines[index]!;
  return { file, line: index + 1, column: source.search(pattern) + 1, source };
}

/** The keymap that the build says it uses. */
function keymapOf(lines: readonly string[]): string | undefined {
  const named = lines.map(
    line => /(?:Using keymap file|Found devicetree overlay): (.+\.keymap)$/.exec(line)?.[1],
  );
  return named.find(file => file !== undefined);
}

async function readEnd(file: string): Promise<string[] | undefined> {
  if (!path.isAbsolute(file)) return undefined;
  try {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const buffer = Buffer.alloc(Math.min(size, MAX_LOG_BYTES));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, Math.max(0, size - buffer.length));
      return buffer.toString('utf8', 0, bytesRead).split(/\r?\n|\r/);
    } finally {
      await handle.close();
    }
  } catch {
    // Then the last lines have to do.
    return undefined;
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
