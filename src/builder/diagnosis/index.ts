// Diagnosis of a failed build from the compiler's output.
import { open } from 'node:fs/promises';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { closestMatch } from '../../config/closest-match.ts';
import type { SourceExcerpt } from '../incremental/index.ts';
import { ConfigFiles } from './config-files.ts';
import { escapeRegExp, labelPlaces, nodePlace, propertyPlace } from './devicetree-source.ts';
import { type Diagnosis, type PartialDiagnosis, type SourceSearch, suggestion } from './diagnosis.ts';
import { BEHAVIORS, labels, wrongBinding } from './keymap-source.ts';
import { findKnown, findPlaced } from './messages.ts';
import { withoutComments } from './source-lines.ts';
import { tokenAt, undefinedName } from './undefined-names.ts';
import {
  headerNames,
  includeDefining,
  includeNames,
  propertyNames,
  settingNames,
  shieldNames,
} from './zmk-sources.ts';

export type { Diagnosis } from './diagnosis.ts';

// The cause is printed near the end, and a single compile command can have thousands of characters.
const MAX_LOG_BYTES = 1024 * 1024;
const MAX_LINE = 2_000;

export interface DiagnoseOptions {
  /** Absolute: the config that the messages are about. */
  configDirectory: string;
  /** The build matrix file. Default: `build.yaml` in the config directory. */
  buildFile?: string;
  /** The board of the target. */
  board?: string;
  /** The reason of a failure that the compiler did not print. `message` explains it. */
  reason?: string;
  message?: string;
  /** The compiler's full output. */
  logFile?: string;
  /** The end of the output, used if there is no log. */
  lastLines: readonly string[];
  /** The preprocessed line at which the compiler stopped. */
  excerpt?: SourceExcerpt | undefined;
}

/** The cause, or undefined if the output does not reveal it. Never rejects because of the output or the sources. */
export async function diagnose({
  configDirectory,
  buildFile = 'build.yaml',
  board,
  reason,
  message,
  logFile,
  lastLines,
  excerpt,
}: DiagnoseOptions): Promise<Diagnosis | undefined> {
  const files = new ConfigFiles(configDirectory);
  if (reason === 'wrong-board' && message !== undefined) {
    const place = board === undefined ? {} : await placeOf(board, files, buildFile);
    return { message, certain: true, ...place };
  }
  const printed = (logFile === undefined ? undefined : await readEnd(logFile)) ?? lastLines;
  const lines = printed.map(line => stripVTControlCharacters(line.slice(0, MAX_LINE)).trimEnd());
  const finding = findKnown(lines) ?? findPlaced(lines);
  return finding && new Explainer(files, lines, buildFile, excerpt).explain(finding);
}

/** Completes a message with information from the sources. */
class Explainer {
  readonly #files: ConfigFiles;
  readonly #lines: readonly string[];
  readonly #buildFile: string;
  readonly #excerpt: SourceExcerpt | undefined;

  constructor(
    files: ConfigFiles,
    lines: readonly string[],
    buildFile: string,
    excerpt: SourceExcerpt | undefined,
  ) {
    this.#files = files;
    this.#lines = lines;
    this.#buildFile = buildFile;
    this.#excerpt = excerpt;
  }

  async explain(finding: PartialDiagnosis): Promise<Diagnosis> {
    const { message, certain, file: named, line, column, search, word } = finding;
    const plain = {
      message,
      certain,
      ...(line !== undefined && { line }),
      ...(column !== undefined && { column }),
    };
    if (word !== undefined) {
      const better = search === undefined ? {} : await this.#lookFor(search, finding, '', []);
      return { ...plain, ...better, ...(await placeOf(word, this.#files, this.#buildFile)) };
    }
    const name = named ?? (search === undefined ? undefined : keymapOf(this.#lines));
    const file = name === undefined ? undefined : this.#files.find(name);
    if (file === undefined) return { ...plain, ...(name !== undefined && { file: name }) };
    const better = search && (await this.#lookFor(search, finding, file, await this.#files.lines(file)));
    const found = { ...plain, file, ...better };
    const text = found.line === undefined ? undefined : (await this.#files.lines(found.file))[found.line - 1];
    if (text === undefined) return found;
    // It is not a column of the source line.
    const { column: shown, ...rest } = found;
    return { ...rest, source: text, ...(shown !== undefined && shown <= text.length && { column: shown }) };
  }

  /** Completes a finding from the source and from names in the build's output. */
  async #lookFor(
    search: SourceSearch,
    { line, message }: PartialDiagnosis,
    file: string,
    source: readonly string[],
  ): Promise<Partial<Diagnosis> | undefined> {
    switch (search.kind) {
      case 'unknown-name':
        return line === undefined ? undefined : this.#unknownName(file, source, line);
      case 'wrong-binding':
        return wrongBinding(source);
      case 'end':
        return { line: source.findLastIndex(text => text.trim() !== '') + 1 || 1 };
      case 'label':
        return this.#unknownLabel(source, search.label, message);
      case 'twice':
        return labelTwice(withoutComments(source), search.label, search.nodes, message);
      case 'property':
        return this.#unknownProperty(search, file, message);
      case 'lacking':
        return nodePlace(withoutComments(source), search.node);
      case 'setting':
        return this.#setting(search, line === undefined ? undefined : source[line - 1], message);
      case 'include':
        return { message: `${message}${suggestion(search.include, await includeNames(this.#lines))}` };
      case 'shield': {
        const names = [...search.listed, ...(await shieldNames(this.#lines, this.#files.directory))];
        return { message: `${message}${suggestion(search.shield, names)}` };
      }
    }
  }

  async #unknownName(
    file: string,
    source: readonly string[],
    line: number,
  ): Promise<Partial<Diagnosis> | undefined> {
    const excerpt = this.#excerpt;
    const token =
      excerpt?.line === line && this.#files.find(excerpt.file) === file
        ? tokenAt(excerpt.text, excerpt.column)
        : undefined;
    const included = await this.#includedBy(file, source);
    return undefinedName({ lines: source, included }, line, token, await headerNames(this.#lines));
  }

  /**
   * The lines of all config files that are read together with a source: its includes, and the keymap that includes it.
   */
  async #includedBy(file: string, source: readonly string[]): Promise<string[]> {
    const texts = new Map([[file, source]]);
    const keymap = this.#files.find(keymapOf(this.#lines) ?? '');
    if (keymap !== undefined && keymap !== file) texts.set(keymap, await this.#files.lines(keymap));
    for (const [from, lines] of texts) {
      for (const line of lines) {
        const name = /^\s*#\s*include\s*"([^"]+)"/.exec(line)?.[1];
        const found = name === undefined ? undefined : this.#files.beside(from, name);
        if (found === undefined || texts.has(found) || texts.size > MAX_INCLUDED) continue;
        texts.set(found, await this.#files.lines(found));
      }
    }
    texts.delete(file);
    return [...texts.values()].flat();
  }

  async #unknownLabel(
    source: readonly string[],
    label: string,
    message: string,
  ): Promise<Partial<Diagnosis>> {
    const text = withoutComments(source);
    const pattern = new RegExp(`&${escapeRegExp(label)}\\b`);
    const index = text.findIndex(one => pattern.test(one));
    const place = index < 0 ? {} : { line: index + 1, column: text[index]!.search(pattern) + 1 };
    const defining =
      (await includeDefining(label, this.#lines)) ??
      (BEHAVIORS.includes(label) ? 'behaviors.dtsi' : undefined);
    const isIncluded = (name: string) => text.some(one => one.includes('#include') && one.includes(name));
    if (defining !== undefined && !isIncluded(defining)) {
      return {
        message: `There is no '&${label}': it comes with <${defining}>, which the keymap does not include.`,
        ...place,
      };
    }
    return { message: `${message}${suggestion(label, [...BEHAVIORS, ...labels(source)])}`, ...place };
  }

  /** Looks in the keymap, else in every file of the config with such a property. */
  async #unknownProperty(
    { property, node, binding }: Extract<SourceSearch, { kind: 'property' }>,
    file: string,
    message: string,
  ): Promise<Partial<Diagnosis>> {
    const better = `${message}${suggestion(property.replaceAll('_', '-'), await propertyNames(binding))}`;
    for (const place of [file, ...(await this.#files.devicetreeSources())]) {
      const found = propertyPlace(withoutComments(await this.#files.lines(place)), property, node);
      if (found !== undefined) return { message: better, file: place, ...found };
    }
    return { message: better };
  }

  async #setting(
    { setting, isKnown }: Extract<SourceSearch, { kind: 'setting' }>,
    text: string | undefined,
    message: string,
  ): Promise<Partial<Diagnosis>> {
    const [, before, after, value = ''] = /^\s*CONFIG_\w+(\s*)=(\s*)(.*)$/.exec(text ?? '') ?? [];
    if (before || after) {
      return {
        message: `There must be no blanks around the '=': write CONFIG_${setting}=${value.trim()}`,
      };
    }
    const near = isKnown ? undefined : closestMatch(setting, await settingNames(this.#lines));
    return near === undefined ? {} : { message: `${message} Did you mean 'CONFIG_${near}'?` };
  }
}

/** Limit on the config files that one of its files includes. */
const MAX_INCLUDED = 50;

/** The place of a label's second definition, or ZMK's use of the label if the config defines it only once. */
function labelTwice(
  text: readonly string[],
  label: string,
  nodes: readonly [string, string],
  message: string,
): Partial<Diagnosis> {
  const places = labelPlaces(text, label);
  const [first, second] = places;
  if (first === undefined) return {};
  if (second !== undefined) {
    return {
      message: `The label '${label}' is given twice, first in line ${first.line}. Rename one.`,
      ...second,
    };
  }
  const own = nodes.find(node => nodePlace(text, node) !== undefined);
  const other = nodes.find(node => node !== own);
  return other === undefined || own === undefined
    ? { message, ...first }
    : { message: `The label '${label}' is taken: ZMK gives it to ${other}. Choose another.`, ...first };
}

/** The place of a word in the build file. */
async function placeOf(word: string, files: ConfigFiles, buildFile: string): Promise<Partial<Diagnosis>> {
  const file = files.find(buildFile);
  if (file === undefined) return {};
  const lines = await files.lines(file);
  const pattern = new RegExp(`(?<![\\w./@-])${escapeRegExp(word)}(?![\\w./@-])`);
  const index = lines.findIndex(line => pattern.test(line));
  if (index < 0) return {};
  const source = lines[index]!;
  return { file, line: index + 1, column: source.search(pattern) + 1, source };
}

/** The keymap that the build's output names. */
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
    // The last lines must suffice.
    return undefined;
  }
}
