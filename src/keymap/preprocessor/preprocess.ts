// C preprocessor for keymaps: directives, includes and macros, as Zephyr runs GCC on devicetree source (`gcc -E
// -nostdinc -undef -x assembler-with-cpp -D__DTS__`). A missing include does not stop it.
import { ConditionError, evaluateCondition } from './condition.ts';
import { HAS_INCLUDE, replaceConditionOperators } from './condition-operators.ts';
import { Conditionals } from './conditionals.ts';
import { definitionOf, directiveOf, type Header, headerOf } from './directive.ts';
import { Doubts, withDoubts } from './doubts.ts';
import { Expander, ExpansionLimitError } from './expand.ts';
import { readLines } from './lexer.ts';
import { type FoundFile, type SourceFiles, UnreadableFileError } from './source-files.ts';
import {
  type Doubt,
  isPunctuator,
  type Macro,
  type Place,
  type Problem,
  type SourceFile,
  type Token,
  textOf,
  usedAt,
} from './token.ts';

/** An include that was not found. */
export interface MissingInclude {
  /** As written, without quotes or angle brackets. */
  name: string;
  place: Place;
}

export interface Preprocessed {
  tokens: Token[];
  /** Macros that are defined at the end. */
  macros: ReadonlyMap<string, Macro>;
  /** In source order, without the includes in {@link missing}. */
  problems: Problem[];
  /** Whether it stopped early, because something was too large or unreadable. */
  hasStopped: boolean;
  missing: MissingInclude[];
  /** Found includes: relative to their search directory, or as written. */
  included: Set<string>;
  /** Undefined names in conditions that follow a missing include. */
  doubtful: ReadonlyMap<string, Place>;
}

/** Tokens of all files and expansions. The largest keymaps in use have a tenth of it. */
const MAX_TOKENS = 400_000;
/** The same limit as GCC's. */
const MAX_INCLUDES = 200;
const MAX_CONDITIONALS = 64;
const MAX_PROBLEMS = 100;

/** Preprocesses a file. `files` resolves its includes. */
export async function preprocess(file: FoundFile, files: SourceFiles): Promise<Preprocessed> {
  const preprocessor = new Preprocessor(files);
  try {
    await preprocessor.run(file);
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    preprocessor.hasStopped = true;
  }
  return preprocessor;
}

/** Ends preprocessing early. A problem already states the reason. */
class StopError extends Error {}

class Preprocessor implements Preprocessed {
  readonly tokens: Token[] = [];
  readonly macros = new Map<string, Macro>();
  readonly problems: Problem[] = [];
  hasStopped = false;
  readonly missing: MissingInclude[] = [];
  readonly included = new Set<string>();

  readonly #files: SourceFiles;
  readonly #expander: Expander;
  /**
   * Texts of files with `#pragma once`, or included with `#import`. As in GCC, two files with the same text count as the
   * same.
   */
  readonly #once = new Set<string>();
  /** Tokens read but not yet expanded: the arguments of a macro may continue on the next line. */
  #pending: Token[] = [];
  /** The number of open brackets. Expansion waits until all are closed. */
  #open = 0;
  #depth = 0;
  readonly #doubts = new Doubts();
  #read = 0;
  #counter = 0;

  constructor(files: SourceFiles) {
    this.#files = files;
    this.#expander = new Expander({
      macros: this.macros,
      onError: ({ token, message }) => this.#complain(usedAt(token), message),
      limit: MAX_TOKENS,
    });
  }

  get doubtful(): ReadonlyMap<string, Place> {
    return this.#doubts.doubtful;
  }

  async run(file: FoundFile): Promise<void> {
    this.#defineBuiltIns(file);
    await this.#include(file);
    await this.#includeRaw();
  }

  /** Resolves devicetree includes: `/include/ "file"`. No macros are expanded in such files. */
  async #includeRaw(): Promise<void> {
    if (!this.tokens.some(({ text }) => text === 'include')) return;
    // Unread tokens; the next one is last.
    const input = this.tokens.splice(0).reverse();
    for (let token = input.pop(); token !== undefined; token = input.pop()) {
      const [name, slash, word] = input.slice(-3);
      const isInclude = token.text === '/' && word?.text === 'include' && slash?.text === '/';
      if (!isInclude || name?.kind !== 'string') {
        this.tokens.push(this.#doubts.afterGap(token));
        continue;
      }
      input.length -= 3;
      const place = usedAt(token);
      const header = { name: name.text.slice(1, -1), isQuoted: true };
      const found = await this.#find(header, place, place.file as FoundFile);
      if (found === undefined) this.#miss(header.name, place);
      const inside = found === undefined ? [] : readLines(found).flat();
      this.#read += inside.length + 1;
      if (this.#read > MAX_TOKENS) this.#stop(place, 'the files are far larger than a keymap can be');
      for (let index = inside.length - 1; index >= 0; index--) input.push(inside[index]!);
    }
  }

  #defineBuiltIns(file: SourceFile): void {
    const place = { file, line: 1, column: 1 };
    const define = (name: string, dynamic: NonNullable<Macro['dynamic']>) =>
      this.macros.set(name, { name, isVariadic: false, body: [], place, dynamic });
    for (const name of ['__DTS__', '__ASSEMBLER__', '__STDC__', '__STDC_HOSTED__']) define(name, () => '1');
    define('__LINE__', use => `${usedAt(use).line}`);
    define('__FILE__', use => JSON.stringify(usedAt(use).file.name));
    define('__COUNTER__', () => `${this.#counter++}`);
    define('__INCLUDE_LEVEL__', () => `${this.#depth - 1}`);
  }

  async #include(file: FoundFile, around: readonly Doubt[] = []): Promise<void> {
    this.#depth++;
    const conditionals = new Conditionals(around);
    const lines = readLines(file, ({ message, line, column }) => {
      this.#complain({ file, line, column }, message);
    });
    for (const line of lines) {
      const directive = directiveOf(line);
      if (directive === undefined) {
        if (!conditionals.isActive) continue;
        this.#read += line.length;
        if (this.#read > MAX_TOKENS)
          this.#stop(line[0]!.place, 'the files are far larger than a keymap can be');
        const { doubts } = conditionals;
        for (const token of line) {
          this.#pending.push(withDoubts(this.#doubts.afterGap(token), doubts));
          if (this.#open > 0) this.#open += bracket(token);
        }
      } else {
        this.#flush(false);
        // After an #endif, the text of another branch may be missing.
        if (directive === 'endif') this.#doubts.addToGap(conditionals.doubts);
        await this.#direct(directive, line, conditionals, file);
      }
    }
    this.#flush(true);
    for (const place of conditionals.open) this.#complain(place, '#if without an #endif');
    this.#depth--;
  }

  /** Expands the pending tokens: as far as possible, or completely at the end of the input. */
  #flush(isEnd: boolean): void {
    if (this.#pending.length === 0 || (this.#open > 0 && !isEnd)) return;
    this.#open = 0;
    const tokens = this.#pending;
    this.#pending = [];
    this.#guarded(tokens[0]!, () => {
      if (isEnd) {
        this.#keep(this.#expander.expand(tokens));
      } else {
        const expanded = this.#expander.expandStart(tokens);
        this.#keep(expanded.tokens);
        this.#pending = expanded.rest;
        for (const token of expanded.rest) this.#open += bracket(token);
      }
    });
    this.#doubts.addToGap(this.#expander.takeTrace());
  }

  #keep(tokens: readonly Token[]): void {
    for (const token of tokens) this.tokens.push(token);
  }

  async #direct(name: string, line: Token[], conditionals: Conditionals, file: FoundFile): Promise<void> {
    const rest = line.slice(2);
    const { place } = line[0]!;
    if (Conditionals.has(name)) {
      if (name.startsWith('if') && conditionals.depth >= MAX_CONDITIONALS) {
        this.#stop(place, `conditionals are nested deeper than ${MAX_CONDITIONALS}`);
      }
      const wrong = await conditionals.take(name, place, () => this.#holds(name, rest, place, file));
      conditionals.addDoubts(this.#doubts.takeAsked());
      if (wrong !== undefined) this.#complain(place, wrong);
      return;
    }
    if (!conditionals.isActive) return;
    if (name === 'define') this.#define(rest, place, conditionals.doubts);
    else if (name === 'undef') this.#undefine(rest, place);
    else if (name === 'error') this.#complain(place, `#error: ${textOf(rest)}`);
    else if (name === 'pragma' && rest[0]?.text === 'once') this.#once.add(file.text);
    else if (name.startsWith('include') || name === 'import') {
      await this.#includeLine(name, rest, place, file, conditionals.doubts);
    }
  }

  #define(tokens: Token[], place: Place, doubts: readonly Doubt[]): void {
    const macro = definitionOf(tokens);
    if (typeof macro === 'string') this.#complain(tokens[0]?.place ?? place, macro);
    else this.macros.set(macro.name, doubts.length === 0 ? macro : { ...macro, doubts });
  }

  #undefine([name]: Token[], place: Place): void {
    if (name?.kind === 'name') this.macros.delete(name.text);
    else this.#complain(place, '#undef without a macro name');
  }

  async #includeLine(
    directive: string,
    rest: Token[],
    place: Place,
    from: FoundFile,
    doubts: readonly Doubt[],
  ): Promise<void> {
    const header =
      headerOf(rest) ?? headerOf(this.#guarded(rest[0], () => this.#expander.expand(rest)) ?? []);
    if (header === undefined) {
      this.#complain(place, `#${directive} without "a file" or <a file>`);
      return;
    }
    // Macro arguments do not continue into another file.
    this.#flush(true);
    const found = await this.#find(header, place, from, directive === 'include_next');
    if (found === undefined) {
      this.#miss(header.name, place);
      return;
    }
    this.included.add(found.place?.path ?? header.name);
    if (this.#once.has(found.text)) return;
    if (directive === 'import') this.#once.add(found.text);
    if (this.#depth >= MAX_INCLUDES)
      this.#stop(place, `files include each other deeper than ${MAX_INCLUDES}`);
    await this.#include(found, doubts);
  }

  async #find(
    { name, isQuoted }: Header,
    place: Place,
    from: FoundFile,
    isNext = false,
  ): Promise<FoundFile | undefined> {
    try {
      return await this.#files.find(name, isQuoted, from, isNext);
    } catch (error) {
      if (!(error instanceof UnreadableFileError)) throw error;
      this.#stop(place, `${name} cannot be read: ${error.message}`);
    }
  }

  /** Whether the condition of an `#if…` or `#elif` is true. */
  async #holds(directive: string, line: Token[], place: Place, file: FoundFile): Promise<boolean> {
    if (directive.endsWith('def')) {
      const [name] = line;
      if (name?.kind !== 'name') {
        this.#complain(place, `#${directive} without a name`);
        return false;
      }
      return this.#isDefined(name) !== directive.endsWith('ndef');
    }
    // Evaluated before expansion, which would replace the names asked for, and again after it, since operators may
    // come out of macros.
    const isDefined = (name: Token) => this.#isDefined(name);
    const isThere = async (header: Header, question: Token) =>
      (await this.#find(header, question.place, file, question.text.endsWith('next'))) !== undefined;
    const asked = await replaceConditionOperators(line, isDefined, isThere);
    const expanded = this.#guarded(line[0], () => this.#expander.expandCondition(asked)) ?? [];
    const tokens = await replaceConditionOperators(expanded, isDefined, isThere);
    for (const token of tokens) if (token.kind === 'name') this.#doubts.ask(token);
    try {
      return evaluateCondition(tokens);
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error;
      this.#complain(place, `#${directive}: ${error.message}`);
      return false;
    }
  }

  #isDefined(name: Token): boolean {
    const isDefined = this.macros.has(name.text) || HAS_INCLUDE.test(name.text);
    if (!isDefined) this.#doubts.ask(name);
    return isDefined;
  }

  #miss(name: string, place: Place): void {
    this.missing.push({ name, place });
    this.#doubts.miss(name);
  }

  #guarded<T>(at: Token | undefined, expand: () => T): T | undefined {
    try {
      return expand();
    } catch (error) {
      if (!(error instanceof ExpansionLimitError) || at === undefined) throw error;
      this.#stop(usedAt(at), error.message);
    }
  }

  #complain(place: Place, message: string): void {
    this.problems.push({ place, message });
    if (this.problems.length >= MAX_PROBLEMS) throw new StopError();
  }

  #stop(place: Place, message: string): never {
    this.problems.push({ place, message });
    throw new StopError();
  }
}

/** 1 for an opening bracket, -1 for a closing one, else 0. */
function bracket(token: Token): number {
  return isPunctuator(token, '(') ? 1 : isPunctuator(token, ')') ? -1 : 0;
}
