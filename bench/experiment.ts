// Experiment: a measurement other than store operations, such as a build, growth, start-up or idle memory. Each file in
// bench/experiments/ exports one as `experiment`. A run includes all of them, unless `--only` names others.
import { readdir } from 'node:fs/promises';
import type { ExperimentResult } from './experiment-result.ts';
import type { Settings } from './settings.ts';

export interface ExperimentContext {
  settings: Settings;
  /** An empty directory of the experiment, removed afterwards. */
  directory: string;
  /** Receives progress messages for the terminal. */
  onProgress: (what: string) => void;
}

export interface Experiment {
  /** Name for `--only`. */
  name: string;
  /** Measures. Leaves no process behind. Throws when a value read is wrong. */
  run(context: ExperimentContext): Promise<ExperimentResult>;
}

/** Number of rounds of an experiment. Experiments start many processes, so a quick run measures once. */
export function roundsOf({ extent, rounds }: Settings): number {
  return extent === 'quick' ? 1 : rounds;
}

const EXPERIMENTS = new URL('experiments/', import.meta.url);

/** All experiments, in the order of their file names. */
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
