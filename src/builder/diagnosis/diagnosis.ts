// Diagnosis: the cause of a failed build, from its output, in one sentence and with its place. A partial one is the
// meaning of one message, before the sources are searched.
import { closestMatch } from '../../config/closest-match.ts';

const MAX_NAMES = 3;

/** Cause of a failure. */
export interface Diagnosis {
  /**
   * One sentence, such as `'KC_A' is not a key code of ZMK. Did you mean 'A'?`; the compiler's own words if the cause
   * is unknown.
   */
  message: string;
  /** Absolute if the file exists, else as the compiler names it. */
  file?: string;
  /** 1-based. */
  line?: number;
  /** 1-based, in characters of the source line. */
  column?: number;
  /** The source line, if the file is in the config directory. */
  source?: string;
  /** Whether the sentence explains the failure completely, so that the compiler's last lines are not needed. */
  certain: boolean;
}

/** A search in the sources that makes a message more precise. */
export type SourceSearch =
  /** A name unknown to the preprocessor, near the place of the message. */
  | { kind: 'unknown-name' }
  /** A binding with a wrong number of parameters. */
  | { kind: 'wrong-binding' }
  /** The end of the keymap. */
  | { kind: 'end' }
  /** A reference to a missing label. */
  | { kind: 'label'; label: string }
  /** A label that two nodes have. */
  | { kind: 'twice'; label: string; nodes: readonly [string, string] }
  /** A property that a node cannot have, with the binding file of the node. */
  | { kind: 'property'; property: string; node: string; binding: string }
  /** A property that a node lacks. */
  | { kind: 'lacking'; node: string }
  /** A setting that does not exist; or, if `isKnown`, blanks around its `=`. */
  | { kind: 'setting'; setting: string; isKnown: boolean }
  /** A missing included file. */
  | { kind: 'include'; include: string }
  /** A missing shield; `listed` are the shields that the build has named. */
  | { kind: 'shield'; shield: string; listed: readonly string[] };

/** The meaning of a message: a sentence, or a search in the source. */
export interface PartialDiagnosis {
  /** The message without any search. */
  message: string;
  certain: boolean;
  /** The place, as the compiler names it. */
  file?: string;
  line?: number;
  column?: number;
  /** The search that makes it more precise, in `file`, or in the keymap if there is none. */
  search?: SourceSearch;
  /** A word of the build file that is the cause. */
  word?: string;
}

/** Rule that recognises a message. */
export interface Rule {
  pattern: RegExp;
  find(match: RegExpExecArray, at: number, lines: readonly string[]): PartialDiagnosis | undefined;
}

/** A diagnosis that is complete without further output. */
export function known(message: string, more: Partial<PartialDiagnosis> = {}): PartialDiagnosis {
  return { message, certain: true, ...more };
}

/** The place that a message names. */
export function placeAt(
  file: string | undefined,
  line: string | undefined,
  column: string | undefined,
): Partial<PartialDiagnosis> {
  return { file: file!, line: Number(line), ...(column !== undefined && { column: Number(column) }) };
}

/** ` Did you mean 'corne_left' or 'corne_right'?`: names with this prefix, else the closest name; else empty. */
export function suggestion(word: string, names: Iterable<string>): string {
  const all = [...new Set(names)];
  const longer = all.filter(name => word.length > 2 && name.startsWith(`${word}_`)).sort();
  const near = closestMatch(word, all);
  const found = longer.length > 0 && longer.length <= MAX_NAMES ? longer : near === undefined ? [] : [near];
  return found.length === 0 ? '' : ` Did you mean ${found.map(name => `'${name}'`).join(' or ')}?`;
}
