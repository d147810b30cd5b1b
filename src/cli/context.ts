// What every command gets: where it prints, where it stands, and how it says with which status the process ends.
import { type TerminalEnvironment, terminalEnvironment } from '../config/environment.ts';
import { createStyle, type Style, useColors } from './terminal/style.ts';

/** Where a command runs. */
export type Streams = Pick<NodeJS.Process, 'stdin' | 'stdout' | 'stderr' | 'cwd'>;

export class Context {
  readonly stdout: Streams['stdout'];
  readonly stderr: Streams['stderr'];
  readonly cwd: string;
  /** What the environment says, and `--color` or `--no-color` before it. */
  readonly terminal: TerminalEnvironment;
  /** For standard output. */
  readonly style: Style;
  /** For standard error. */
  readonly errorStyle: Style;
  /** The status the process ends with when the command has come to its end. */
  exitStatus = 0;
  /**
   * What happens when the output cannot be written any more: nobody reads it (`| head`), its disk is full, its terminal
   * has gone. A command with something to clean up puts its own here.
   */
  onOutputLost: (exitStatus: number) => void = exitStatus => process.exit(exitStatus);

  /** What happens when the process is warned, as by a cache that cannot be used. A command that draws puts its own here. */
  onWarning: (message: string, about?: 'cache') => void = message => this.warn(message);

  readonly #streams: Streams;

  /** @param color what the command line says of colours. Default: nothing */
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

  /** Made by Node when it is first asked for: few commands read. */
  get stdin(): Streams['stdin'] {
    return this.#streams.stdin;
  }

  /** One line, or several, on standard output. */
  print(text: string): void {
    this.stdout.write(`${text}\n`);
  }

  /** A value on standard output, for programs. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  /** Something that does not stop the command, on standard error. */
  warn(text: string): void {
    this.stderr.write(`${this.errorStyle.warning('Warning:')} ${text}\n`);
  }
}
