// Result of an experiment: rows for the table of goals, a table and a chart of its own.

export interface Verdict {
  /** The measured value with its spread. */
  measured: string;
  isMet: boolean;
}

/** An experiment's result for the goal of this id. Adds its own row when no goal has the id. */
export interface GoalResult extends Verdict {
  id: string;
  /** The measured operation, the point of comparison, and the goal, for a row of its own. */
  what?: string;
  against?: string;
  goal?: string;
}

/** One bar with its labels. */
export interface Line {
  name: string;
  /** Length of the bar, relative to the longest. */
  value: number;
  label: string;
  isOurs: boolean;
}

/** A group of bars under one heading. */
export interface Group {
  heading: string;
  lines: Line[];
}

export interface ExperimentResult {
  name: string;
  /** One line. */
  title: string;
  /** Rows of text, header first. All columns but the first are aligned right. */
  table: string[][];
  /** Explanations below the table, one line each. */
  notes: string[];
  /** Rows in the table of goals, by {@link GoalResult.id}. */
  targets: GoalResult[];
  /** All figures, for `--json`. */
  data: unknown;
  /** Chart data; there is no chart without it. */
  chart?: { axis: string; groups: Group[] };
}
