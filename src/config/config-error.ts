// What is wrong with a file that a person wrote, said so that the person can mend it.
import { GloveboxError } from '../errors.ts';

/** One thing that is wrong, and where. */
export interface ConfigProblem {
  /** Path of the field, such as `cache.tags.layout.ttl` or `toolchains.command.arguments[2]`; empty for the whole file. */
  field: string;
  /** What is wrong with it and what is allowed: one sentence that begins with the field. */
  message: string;
  /** 1-based; undefined where the position is not known. */
  line?: number;
  /** 1-based. */
  column?: number;
}

/**
 * A config file, or configuration given by a program, is not what it must be. The message has one line for each
 * problem, with file, line, field and what is allowed.
 */
export class ConfigError extends GloveboxError {
  /** Absolute path of the file; undefined for configuration that came from a program. */
  readonly file: string | undefined;
  /** In the order of the file; never empty. */
  readonly problems: readonly ConfigProblem[];

  constructor(file: string | undefined, problems: readonly ConfigProblem[], options?: ErrorOptions) {
    const lines = problems.map(problem => `${place(file, problem)}: ${problem.message}`);
    super('GLOVEBOX_CONFIG', lines.join('\n'), options);
    this.file = file;
    this.problems = problems;
  }
}

function place(file: string | undefined, { line, column }: ConfigProblem): string {
  const where = file ?? 'configuration';
  return line === undefined ? where : `${where}:${line}:${column ?? 1}`;
}
