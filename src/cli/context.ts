// Command context: streams, styles, working directory and exit status.
import { type TerminalEnvironment, terminalEnvironment } from '../config/environment.ts';
import { createStyle, type Style, useColors } from './terminal/style.ts';

/** The process parts that a command uses. */
export type Streams = Pick<NodeJS.Process, 'stdin' | 'stdout' | 'stderr' | 'cwd'>;

export class Context {
  readonly stdout: Streams['stdout'];
  readonly stderr: Streams['stderr'];
  readonly cwd: string;
  /** Terminal settings from the environment, overridden by `--color` or `--no-color`. */
  readonly terminal: TerminalEnvironment;
  /** Style of standard output. */
  readonly style: Style;
  /** Style of standard error. */
  readonly errorStyle: Style;
  /** Exit status of the process when the command completes. */
  exitStatus = 0;
  /**
   * Called when output can no longer be written: its reader has exited (`| head`), the disk is full, or the terminal
   * was closed. Commands that need cleanup replace it.
   */
  onOutputLost: (exitStatus: number) => void = exitStatus => process.exit(exitStatus);

  /** Called for process warnings, such as an unusable cache. Commands that draw on the terminal replace it. */
  onWarning: (message: string, about?: 'cache') => void = message => this.warn(message);

  readonly #streams: Streams;

  /** @param color from `--color` or `--no-color`. Default: neither was given */
  constructor(streams: Streams, color?: boolean) {
    const { stdout, stderr, cwd } = streams;
    this.#streams = streams;
    this.stdout = stdout;
    this.stderr = stderr;
    this.cwd = cwd();
    const asked = color === undefined ? {} : { forceColor: color, noColor: !color };
    this.terminal = { ...terminalEnvironment(), ...asked };
    this.style = createStyle(useColors(stdout, this.terminal));
    this.errorStyle = createStyle(useColors(stderr, this.terminal));
  }

  /** Accessed on demand, because Node creates it on first access and few commands read it. */
  get stdin(): Streams['stdin'] {
    return this.#streams.stdin;
  }

  /** Prints one or more lines to standard output. */
  print(text: string): void {
    this.stdout.write(`${text}\n`);
  }

  /** Prints a value as JSON to standard output. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  /** Prints a warning to standard error. The command goes on. */
  warn(text: string): void {
    this.stderr.write(`${this.errorStyle.warning('Warning:')} ${text}\n`);
  }
}
