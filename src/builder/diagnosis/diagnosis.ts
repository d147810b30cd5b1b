// Diagnosis: the cause of a failed build, from its output, in one sentence and with its place.

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
