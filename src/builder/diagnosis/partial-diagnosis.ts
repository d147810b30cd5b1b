// What one message of a build says, before the sources have been looked at.

/** What is to be looked for in the sources, to say a message better. */
export type SourceSearch =
  /** A name that the preprocessor did not know, near the place of the message. */
  | { kind: 'unknown-name' }
  /** A binding with a wrong number of parameters. */
  | { kind: 'wrong-binding' }
  /** The end of the keymap. */
  | { kind: 'end' }
  /** A label that is named and not there. */
  | { kind: 'label'; label: string }
  /** A label that two nodes have. */
  | { kind: 'twice'; label: string; nodes: readonly [string, string] }
  /** A property that a node cannot have, by the file that describes the node. */
  | { kind: 'property'; property: string; node: string; binding: string }
  /** A property that a node lacks. */
  | { kind: 'lacking'; node: string }
  /** A setting that there is not; or, where it is known, blanks around its `=`. */
  | { kind: 'setting'; setting: string; isKnown: boolean }
  /** An included file that is not there. */
  | { kind: 'include'; include: string }
  /** A shield that is not there; `listed` are the shields that the build has named. */
  | { kind: 'shield'; shield: string; listed: readonly string[] };

/** What a message says: a sentence, or what is to be looked for in the source. */
export interface PartialDiagnosis {
  /** What is known without looking at any file. */
  message: string;
  certain: boolean;
  /** Where, as the compiler says it. */
  file?: string;
  line?: number;
  column?: number;
  /** What to look for in `file`, or in the keymap when there is none, to say it better. */
  search?: SourceSearch;
  /** A word of the build file that is the cause. */
  word?: string;
}

/** How a message is recognised. */
export interface Rule {
  pattern: RegExp;
  find(match: RegExpExecArray, at: number, lines: readonly string[]): PartialDiagnosis | undefined;
}

/** What a sentence says that needs no further word. */
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
