// Command factory and option parsers. All commands fail, suggest and print help in the same way.
import { Command, InvalidArgumentError } from 'commander';
import { didYouMean } from '../config/closest-match.ts';
import type { Context } from './context.ts';

/** Creates a commander command that throws instead of exiting, and writes to the context's streams. */
export function createCommand(name: string, context: Context): Command {
  return new Command(name)
    .exitOverride()
    .configureOutput({
      writeOut: text => context.stdout.write(text),
      writeErr: text => context.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .option('--color', 'use colours even if the output is not a terminal')
    .option('--no-color', 'do not use colours')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false);
}

/** The `Examples:` section at the end of a command's help: pairs of a command line and its purpose. */
export function examples(...pairs: (readonly [line: string, purpose: string])[]): string {
  const width = Math.max(...pairs.map(([line]) => line.length));
  const lines = pairs.map(([line, purpose]) => `  $ ${line.padEnd(width)}  # ${purpose}`);
  return `\nExamples:\n${lines.join('\n')}`;
}

/** Parses a count: a whole number from 1. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < 1) {
    throw new InvalidArgumentError('It must be a whole number of at least 1, such as 4.');
  }
  return count;
}

const parsedChoices = new WeakMap<object, readonly string[]>();

/** Returns a parser for an option with a fixed set of values. */
export function parseChoice<T extends string>(choices: readonly T[]): (text: string) => T {
  const parse = (text: string): T => {
    const found = choices.find(choice => choice === text);
    if (found === undefined) {
      throw new InvalidArgumentError(`It must be one of: ${choices.join(', ')}.${didYouMean(text, choices)}`);
    }
    return found;
  };
  parsedChoices.set(parse, choices);
  return parse;
}

/** As {@link parseChoice}, for several values separated by commas. */
export function parseChoices<T extends string>(choices: readonly T[]): (text: string) => T[] {
  const parseOne = parseChoice(choices);
  return text => text.split(',').map(word => parseOne(word.trim()));
}

/** The choices of a parser made by {@link parseChoice}; undefined for every other parser. */
export function choicesOf(parser: object | undefined): readonly string[] | undefined {
  return parser && parsedChoices.get(parser);
}
