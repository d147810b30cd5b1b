// The C preprocessor for keymaps: directives, includes and macros, as Zephyr has GCC do it before it reads a
// devicetree (`gcc -E -nostdinc -undef -x assembler-with-cpp -D__DTS__`). Files that are not found do not end it.
import { ConditionError, evaluateCondition } from './condition.ts';
import { Expander, ExpansionLimitError } from './expand.ts';
import { readLines } from './lexer.ts';
import { type FoundFile, type SourceFiles, UnreadableFileError } from './source-files.ts';
import { type Macro, type Place, type SourceFile, type Token, textOf, usedAt } from './token.ts';

/** What is wrong, and where. */
export interface Problem {
  place: Place;
  message: string;
}

/** An include that was not found. */
export interface MissingInclude {
  /** As it is written, without quotes or angle brackets. */
  name: string;
  place: Place;
}

export interface Preprocessed {
  tokens: Token[];
  /** Those that are defined at the end. */
  macros: ReadonlyMap<string, Macro>;
  /** In the order in which they were met. Not those of {@link missing}. */
  problems: Problem[];
  missing: MissingInclude[];
  /** Names that are not defined, and that conditions asked for after an include was not found. */
  doubtful: Map<string, Place>;
}

/** Tokens of files that are read, and those that macros make. The largest keymaps in use have a tenth of it. */
const MAX_TOKENS = 400_000;
/** Files in files, as GCC has it. */
const MAX_INCLUDES = 200;
const MAX_CONDITIONALS = 64;
const MAX_PARAMETERS = 1000;
const MAX_PROBLEMS = 100;

/** Preprocesses a file. `files` finds what it includes. */
export async function preprocess(file: FoundFile, files: SourceFiles): Promise<Preprocessed> {
  const preprocessor = new Preprocessor(files);
  try {
    await preprocessor.run(file);
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
  }
  return preprocessor;
}

/** There is no point in reading on; a problem says why. */
class StopError extends Error {}

/** One `#if` … `#endif`. */
interface Conditional {
  place: Place;
  /** Whether the branch that is being read counts. */
  isActive: boolean;
  /** Whether a branch counted already, or none can because the whole conditional is in one that does not. */
  isDecided: boolean;
  hasElse: boolean;
}

class Preprocessor implements Preprocessed {
  readonly tokens: Token[] = [];
  readonly macros = new Map<string, Macro>();
  readonly problems: Problem[] = [];
  readonly missing: MissingInclude[] = [];
  readonly doubtful = new Map<string, Place>();

  readonly #files: SourceFiles;
  readonly #expander: Expander;
  /** The texts of files that are to be read once: as for GCC, two files with the same text are the same. */
  readonly #once = new Set<string>();
  /** Read, but not yet expanded: the arguments of a macro may go on in the next line. */
  #pending: Token[] = [];
  /** Brackets that must be closed before there is anything to expand. */
  #open = 0;
  #depth = 0;
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

  async run(file: FoundFile): Promise<void> {
    this.#defineBuiltIns(file);
    await this.#include(file);
    await this.#includeRaw();
  }

  /** Puts in files that devicetree source includes itself: `/include/ "file"`. In them there are no macros. */
  async #includeRaw(): Promise<void> {
    if (!this.tokens.some(({ text }) => text === 'include')) return;
    // What is still to be read, the next token last.
    const input = this.tokens.splice(0).reverse();
    for (let token = input.pop(); token !== undefined; token = input.pop()) {
      const [name, slash, word] = input.slice(-3);
      const isInclude = token.text === '/' && word?.text === 'include' && slash?.text === '/';
      if (!isInclude || name?.kind !== 'string') {
        this.tokens.push(token);
        continue;
      }
      input.length -= 3;
      const place = usedAt(token);
      const header = { name: name.text.slice(1, -1), isQuoted: true };
      const found = await this.#find(header, place, place.file as FoundFile);
      if (found === undefined) this.missing.push({ name: header.name, place });
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

  async #include(file: FoundFile): Promise<void> {
    this.#depth++;
    const open: Conditional[] = [];
    const lines = readLines(file, ({ message, line, column }) => {
      this.#complain({ file, line, column }, message);
    });
    for (const line of lines) {
      const isActive = open.at(-1)?.isActive ?? true;
      const directive = directiveOf(line);
      if (directive === undefined) {
        if (!isActive) continue;
        this.#read += line.length;
        if (this.#read > MAX_TOKENS)
          this.#stop(line[0]!.place, 'the files are far larger than a keymap can be');
        for (const token of line) {
          this.#pending.push(token);
          if (this.#open > 0) this.#open += bracket(token);
        }
      } else {
        this.#flush(false);
        await this.#direct(directive, line, open, file);
      }
    }
    this.#flush(true);
    for (const { place } of open) this.#complain(place, '#if without an #endif after it');
    this.#depth--;
  }

  /** Expands what was read: as far as it can, or to the end when nothing more may belong to it. */
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
  }

  #keep(tokens: readonly Token[]): void {
    for (const token of tokens) this.tokens.push(token);
  }

  async #direct(name: string, line: Token[], open: Conditional[], file: FoundFile): Promise<void> {
    const rest = line.slice(2);
    const { place } = line[0]!;
    if (name.startsWith('if')) {
      const isOuterActive = open.at(-1)?.isActive ?? true;
      if (open.length >= MAX_CONDITIONALS) {
        this.#stop(place, `conditionals are nested deeper than ${MAX_CONDITIONALS}`);
      }
      const isActive = isOuterActive && (await this.#holds(name, rest, place, file));
      open.push({ place, isActive, isDecided: isActive || !isOuterActive, hasElse: false });
      return;
    }
    if (name.startsWith('el') || name === 'endif') {
      const conditional = open.at(-1);
      if (conditional === undefined) {
        this.#complain(place, `#${name} without an #if before it`);
      } else if (name === 'endif') {
        open.pop();
      } else if (conditional.hasElse) {
        this.#complain(place, `#${name} after #else`);
      } else {
        const isCandidate = !conditional.isDecided;
        conditional.isActive =
          isCandidate && (name === 'else' || (await this.#holds(name, rest, place, file)));
        conditional.isDecided ||= conditional.isActive;
        conditional.hasElse = name === 'else';
      }
      return;
    }
    if (!(open.at(-1)?.isActive ?? true)) return;
    if (name === 'define') this.#define(rest, place);
    else if (name === 'undef') this.#undefine(rest, place);
    else if (name === 'error') this.#complain(place, `#error: ${textOf(rest)}`);
    else if (name === 'pragma' && rest[0]?.text === 'once') this.#once.add(file.text);
    else if (name.startsWith('include') || name === 'import')
      await this.#includeLine(name, rest, place, file);
  }

  #define(line: Token[], place: Place): void {
    const [name, bracket] = line;
    if (name?.kind !== 'name' || name.text === 'defined') {
      this.#complain(place, '#define without the name of a macro');
      return;
    }
    let body = line.slice(1);
    let parameters: string[] | undefined;
    let isVariadic = false;
    if (bracket?.text === '(' && !bracket.spaceBefore) {
      const found = parametersOf(line);
      if (found === undefined) {
        this.#complain(name.place, `the parameters of ${name.text} are not a list of names in brackets`);
        return;
      }
      ({ parameters, isVariadic } = found);
      body = line.slice(found.end);
    }
    if (body[0]?.text === '##' || body.at(-1)?.text === '##') {
      this.#complain(name.place, `'##' is at an end of what ${name.text} stands for`);
      return;
    }
    this.macros.set(name.text, {
      name: name.text,
      isVariadic,
      ...(parameters && { parameters }),
      body: body.map((token, index) => (index === 0 ? { ...token, spaceBefore: false } : token)),
      place: name.place,
    });
  }

  #undefine([name]: Token[], place: Place): void {
    if (name?.kind === 'name') this.macros.delete(name.text);
    else this.#complain(place, '#undef without the name of a macro');
  }

  async #includeLine(directive: string, rest: Token[], place: Place, from: FoundFile): Promise<void> {
    const header =
      headerOf(rest) ?? headerOf(this.#guarded(rest[0], () => this.#expander.expand(rest)) ?? []);
    if (header === undefined) {
      this.#complain(place, `#${directive} without "a file" or <a file>`);
      return;
    }
    // The arguments of a macro do not go on in another file.
    this.#flush(true);
    const found = await this.#find(header, place, from, directive === 'include_next');
    if (found === undefined) {
      this.missing.push({ name: header.name, place });
      return;
    }
    if (this.#once.has(found.text)) return;
    if (directive === 'import') this.#once.add(found.text);
    if (this.#depth >= MAX_INCLUDES)
      this.#stop(place, `files include each other deeper than ${MAX_INCLUDES}`);
    await this.#include(found);
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

  /** Whether the condition of an `#if…` or `#elif` holds. */
  async #holds(directive: string, line: Token[], place: Place, file: FoundFile): Promise<boolean> {
    if (directive.endsWith('def')) {
      const [name] = line;
      if (name?.kind !== 'name') {
        this.#complain(place, `#${directive} without a name`);
        return false;
      }
      return this.#isDefined(name) !== directive.endsWith('ndef');
    }
    // Before macros are expanded, which could be what is asked for; and after, since questions may come out of them.
    const asked = await this.#answerQuestions(line, file);
    const expanded = this.#guarded(line[0], () => this.#expander.expandCondition(asked)) ?? [];
    const tokens = await this.#answerQuestions(expanded, file);
    for (const token of tokens) if (token.kind === 'name') this.#noteDoubtful(token);
    try {
      return evaluateCondition(tokens);
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error;
      this.#complain(place, `#${directive}: ${error.message}`);
      return false;
    }
  }

  /** Puts 0 or 1 in the place of `defined X`, `defined(X)`, and `__has_include(…)`. */
  async #answerQuestions(tokens: readonly Token[], file: FoundFile): Promise<Token[]> {
    const answered: Token[] = [];
    for (let index = 0; index < tokens.length; index++) {
      const token = tokens[index]!;
      const inBrackets = tokens[index + 1]?.text === '(';
      let holds: boolean | undefined;
      if (token.kind === 'name' && token.text === 'defined') {
        const name = tokens[index + (inBrackets ? 2 : 1)];
        if (name?.kind === 'name') {
          holds = this.#isDefined(name);
          index += inBrackets ? 3 : 1;
        }
      } else if (/^__has_include(?:_next)?$/.test(token.text) && inBrackets) {
        const end = tokens.findIndex((other, at) => at > index && other.text === ')');
        const header = headerOf(tokens.slice(index + 2, end < 0 ? tokens.length : end));
        if (header !== undefined) {
          holds = (await this.#find(header, token.place, file, token.text.endsWith('next'))) !== undefined;
          index = end < 0 ? tokens.length : end;
        }
      }
      answered.push(holds === undefined ? token : { ...token, kind: 'number', text: holds ? '1' : '0' });
    }
    return answered;
  }

  #isDefined(name: Token): boolean {
    const isDefined = this.macros.has(name.text) || /^__has_include(?:_next)?$/.test(name.text);
    if (!isDefined) this.#noteDoubtful(name);
    return isDefined;
  }

  #noteDoubtful({ text, place }: Token): void {
    if (this.missing.length === 0 || text === 'true' || text === 'false') return;
    if (!this.doubtful.has(text)) this.doubtful.set(text, place);
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

/** 1 for a bracket that opens, -1 for one that closes. */
function bracket({ kind, text }: Token): number {
  return kind !== 'punctuator' ? 0 : text === '(' ? 1 : text === ')' ? -1 : 0;
}

const DIRECTIVES = new Set(
  `define undef include include_next import if ifdef ifndef elif elifdef elifndef else endif
  error warning pragma line ident assert unassert sccs`.split(/\s+/),
);

/** The name of a line's directive. `#binding-cells` is none: what GCC does not know stays as text. */
function directiveOf(line: readonly Token[]): string | undefined {
  const [hash, name, after] = line;
  if (hash?.text !== '#' || hash.kind !== 'punctuator') return undefined;
  if (name === undefined) return 'null';
  if (name.kind !== 'name') return undefined;
  return DIRECTIVES.has(name.text) && !(after?.text === '-' && !after.spaceBefore) ? name.text : undefined;
}

interface Header {
  name: string;
  isQuoted: boolean;
}

/** `"a.h"` or `<a.h>`. */
function headerOf(tokens: readonly Token[]): Header | undefined {
  const [first] = tokens;
  if (first?.kind === 'string') return { name: first.text.slice(1, -1), isQuoted: true };
  if (first?.text !== '<') return undefined;
  const end = tokens.findIndex(({ text }) => text === '>');
  return end < 0 ? undefined : { name: textOf(tokens.slice(1, end)), isQuoted: false };
}

/** The parameters between the brackets behind a macro's name, and where its body begins. */
function parametersOf(
  line: readonly Token[],
): { parameters: string[]; isVariadic: boolean; end: number } | undefined {
  const end = line.findIndex(({ text }) => text === ')');
  if (end < 0) return undefined;
  const inner = line.slice(2, end);
  const parameters: string[] = [];
  let isVariadic = false;
  for (let index = 0; index < inner.length; index += 2) {
    if (isVariadic || parameters.length >= MAX_PARAMETERS) return undefined;
    const token = inner[index]!;
    if (token.text === '...') {
      parameters.push('__VA_ARGS__');
      isVariadic = true;
    } else if (token.kind === 'name' && !parameters.includes(token.text)) {
      parameters.push(token.text);
      if (inner[index + 1]?.text === '...') {
        isVariadic = true;
        index++;
      }
    } else {
      return undefined;
    }
    const comma = inner[index + 1];
    if (comma !== undefined && comma.text !== ',') return undefined;
    if (comma !== undefined && index + 2 >= inner.length) return undefined;
  }
  return { parameters, isVariadic, end: end + 1 };
}
