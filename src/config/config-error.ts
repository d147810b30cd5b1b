// Errors in a config file, with file, line, field and remedy.
import { GloveboxError } from '../errors.ts';

/** One mistake and its position. */
export interface ConfigProblem {
  /** Field path, such as `cache.tags.layout.ttl` or `toolchains.command.arguments[2]`; empty for the whole file. */
  field: string;
  /** One sentence that begins with the field and says what is wrong and what is allowed. */
  message: string;
  /** 1-based; undefined when unknown. */
  line?: number;
  /** 1-based. */
  column?: number;
}

/**
 * A config file, or configuration given by a program, is invalid. The message has one line per problem, with file,
 * line, field and what is allowed.
 */
export class ConfigError extends GloveboxError {
  /** Absolute path of the file; undefined for configuration given by a program. */
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
