// What is not operations on a store, and so has a way of its own to be measured: a build, growth, start-up, idle memory.
// An experiment is one file in bench/experiments/ that exports one of these as `experiment`. It is part of every run, unless `--only`
// names others.
import { readdir } from 'node:fs/promises';
import type { Group } from './chart.ts';
import type { GoalResult } from './goals.ts';
import type { Settings } from './settings.ts';

export interface ExperimentContext {
  settings: Settings;
  /** An empty directory of the study's own, removed afterwards. */
  directory: string;
  /** Told what is going on, for people who wait. */
  onProgress: (what: string) => void;
}

export interface Experiment {
  /** What `--only` calls it. */
  name: string;
  /** Measures. Leaves no process behind. Throws when something that was read is wrong. */
  run(context: ExperimentContext): Promise<ExperimentResult>;
}

export interface ExperimentResult {
  name: string;
  /** One line for people. */
  title: string;
  /** Rows of text; the first one is the head. Columns but the first are put to the right. */
  table: string[][];
  /** What the table does not say by itself, a line each. */
  notes: string[];
  /** The rows that it fills in the table of goals, by {@link GoalResult.id}. */
  targets: GoalResult[];
  /** All figures, for `--json`. */
  data: unknown;
  /** What to draw; without it there is no picture. */
  chart?: { axis: string; groups: Group[] };
}

/** How often a study measures. It starts processes for everything, for which a quick run has time only once. */
export function roundsOf({ extent, rounds }: Settings): number {
  return extent === 'quick' ? 1 : rounds;
}

const EXPERIMENTS = new URL('experiments/', import.meta.url);

/** The studies there are, in the order of their files' names. */
export async function loadExperiments(): Promise<Experiment[]> {
  const files = await readdir(EXPERIMENTS).catch(() => []);
  return Promise.all(
    files
      .filter(file => file.endsWith('.ts'))
      .sort()
      .map(
        async file =>
          ((await import(new URL(file, EXPERIMENTS).href)) as { experiment: Experiment }).experiment,
      ),
  );
}
