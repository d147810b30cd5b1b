// What a failed build's output says is wrong, in one sentence, and where.

/** What is wrong. */
export interface Diagnosis {
  /** One sentence, such as `'KC_A' is not a key code of ZMK. Did you mean 'A'?`; for what is not known, the compiler's own words. */
  message: string;
  /** Absolute when the file is there, else as the compiler calls it. */
  file?: string;
  /** 1-based. */
  line?: number;
  /** 1-based, in characters of the source line. */
  column?: number;
  /** The source line, when the file is in the config directory. */
  source?: string;
  /** Whether the sentence says it all, so that nobody needs the compiler's last lines. */
  certain: boolean;
}
