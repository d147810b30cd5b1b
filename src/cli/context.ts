// What every command gets: where it prints, where it stands, and how it says with which status the process ends.
import { type TerminalEnvironment, terminalEnvironment } from '../config/environment.ts';
import { createStyle, type Style, useColors } from './render/style.ts';

export class Context {
  readonly stdin = process.stdin;
  readonly stdout = process.stdout;
  readonly stderr = process.stderr;
  readonly cwd = process.cwd();
  readonly terminal: TerminalEnvironment = terminalEnvironment();
  /** For standard output. */
  readonly style: Style = createStyle(useColors(this.stdout, this.terminal));
  /** For standard error. */
  readonly errorStyle: Style = createStyle(useColors(this.stderr, this.terminal));
  /** The status the process ends with when the command has come to its end. */
  exitStatus = 0;
  /**
   * What happens when the output cannot be written any more: nobody reads it (`| head`), its disk is full, its terminal
   * has gone. A command with something to clean up puts its own here.
   */
  onOutputLost: (exitStatus: number) => void = exitStatus => process.exit(exitStatus);

  /** What happens when the process is warned, as by a cache that cannot be used. A command that draws puts its own here. */
  onWarning: (message: string, about?: 'cache') => void = message => this.warn(message);

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
