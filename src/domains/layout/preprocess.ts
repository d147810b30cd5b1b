// What the C preprocessor would do to a keymap, as far as drawing it needs: the grammar knows no conditionals between
// keys. Everything taken out is replaced by as many spaces, so that lines and columns stay what the author sees.
import type { LayoutError } from './layout.ts';
import { type Macros, readMacro } from './macros.ts';

/** A keymap without comments, directives and the branches that are not compiled. */
export interface Preprocessed {
  /** As long as the source, with the same line ends. */
  text: string;
  /** What the file itself defines; included files are not read. */
  macros: Macros;
  errors: LayoutError[];
}

/** A line of the source with its line end; a directive with all the lines it goes on over. */
interface Line {
  text: string;
  /** 1-based. */
  number: number;
  directive?: { name: string; rest: string };
}

const DIRECTIVE =
  /^[ \t]*#[ \t]*(define|undef|include|ifdef|ifndef|if|elif|else|endif|error|warning|pragma|line)(?![\w,.+?#-])(.*)$/s;

const MAX_NESTING = 64;

/**
 * Takes out comments and directives, and of every conditional all branches but one: the one that is compiled when
 * nothing is defined elsewhere. Where no branch is certain and there is no `#else`, the first that may be compiled
 * stays, since the reader wants to see it.
 */
export function preprocess(source: string): Preprocessed {
  const lines = splitLines(withoutComments(source));
  const errors: LayoutError[] = [];
  const conditionals = findConditionals(lines, errors);
  const macros: Macros = new Map();
  const kept: string[] = [];

  const keep = (from: number, to: number, active: boolean): void => {
    for (let index = from; index < to; index++) {
      const { text, directive } = lines[index]!;
      const marks = conditionals.get(index);
      if (marks !== undefined) {
        const chosen = active
          ? chooseBranch(
              marks.slice(0, -1).map(mark => lines[mark]!),
              macros,
            )
          : -1;
        for (const [branch, mark] of marks.entries()) {
          kept.push(blank(lines[mark]!.text));
          keep(mark + 1, marks[branch + 1] ?? mark + 1, branch === chosen);
        }
        index = marks.at(-1)!;
      } else if (directive === undefined) {
        kept.push(active ? text : blank(text));
      } else {
        kept.push(blank(text));
        if (active && directive.name === 'define') readMacro(directive.rest, macros);
        if (active && directive.name === 'undef') macros.delete(directive.rest.trim());
      }
    }
  };
  keep(0, lines.length, true);
  return { text: kept.join(''), macros, errors };
}

/** Comments become spaces; what looks like one inside a string does not. */
function withoutComments(source: string): string {
  const tokens = /"(?:\\.|[^"\\\n])*"|\/\/(?:\\\r?\n|[^\n])*|\/\*[\s\S]*?(?:\*\/|$)/g;
  return source.replace(tokens, token => (token.startsWith('/') ? blank(token) : token));
}

function blank(text: string): string {
  return text.replace(/[^\r\n]/g, ' ');
}

function splitLines(text: string): Line[] {
  // The parts of a line are put together at the end: one may go on over every line of the file.
  const parts: { texts: string[]; number: number; isDirective: boolean }[] = [];
  let continues = false;
  for (const [index, line] of text.split(/(?<=\n)/).entries()) {
    if (continues) parts.at(-1)!.texts.push(line);
    else parts.push({ texts: [line], number: index + 1, isDirective: /^[ \t]*#/.test(line) });
    continues = /\\\r?\n$/.test(line) && parts.at(-1)!.isDirective;
  }
  const lines = parts.map(({ texts, number }): Line => ({ text: texts.join(''), number }));
  for (const line of lines) {
    const [, name, rest] = DIRECTIVE.exec(line.text) ?? [];
    if (name !== undefined) line.directive = { name, rest: rest!.replace(/\\\r?\n/g, ' ').trim() };
  }
  return lines;
}

/** For the index of each line with an `#if`, those of all lines of its conditional, up to the `#endif`. */
function findConditionals(lines: readonly Line[], errors: LayoutError[]): Map<number, number[]> {
  const found = new Map<number, number[]>();
  const open: number[][] = [];
  const complain = (index: number, message: string) => {
    const { number, text } = lines[index]!;
    errors.push({ line: number, column: text.indexOf('#') + 1, message });
  };
  for (const [index, { directive }] of lines.entries()) {
    if (directive === undefined) continue;
    if (directive.name.startsWith('if')) {
      if (open.push([index]) > MAX_NESTING) {
        complain(index, `conditionals are nested deeper than ${MAX_NESTING}`);
        return found;
      }
    } else if (['elif', 'else', 'endif'].includes(directive.name)) {
      const marks = open.at(-1);
      if (marks === undefined) complain(index, `#${directive.name} without an #if before it`);
      marks?.push(index);
      if (directive.name === 'endif' && marks !== undefined) found.set(open.pop()![0]!, marks);
    }
  }
  for (const [first] of open) complain(first!, '#if without an #endif after it');
  return found;
}

function chooseBranch(branches: readonly Line[], macros: Macros): number {
  const conditions = branches.map(({ directive }) => evaluate(directive!.name, directive!.rest, macros));
  const certain = conditions.indexOf(true);
  return certain >= 0 ? certain : conditions.indexOf(undefined);
}

/** Whether the condition of a branch holds; undefined when it does only with something that is defined elsewhere. */
function evaluate(name: string, condition: string, macros: Macros): boolean | undefined {
  if (name === 'else') return true;
  const [, negation = '', called, bare] =
    /^(!?)\s*(?:defined\s*\(?\s*(\w+)\s*\)?|(\w+))$/.exec(condition) ?? [];
  const asked = name === 'if' || name === 'elif' ? called : bare;
  const negated = (negation === '!') !== (name === 'ifndef');
  if (asked !== undefined) return macros.has(asked) ? !negated : negated || undefined;
  const value = bare === undefined ? undefined : (macros.get(bare)?.body ?? bare);
  if (value === undefined || !/^\d+$/.test(value)) return undefined;
  return (Number(value) !== 0) !== negated;
}
