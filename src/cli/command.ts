// How all commands are made, so that they fail, suggest and help in the same way.
import { Command, InvalidArgumentError } from 'commander';
import { didYouMean } from '../config/closest-match.ts';
import type { Context } from './context.ts';

/** A commander command that throws instead of exiting, and writes where the context says. */
export function createCommand(name: string, context: Context): Command {
  return new Command(name)
    .exitOverride()
    .configureOutput({
      writeOut: text => context.stdout.write(text),
      writeErr: text => context.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .option('--color', 'colours also where the output is not a terminal')
    .option('--no-color', 'no colours')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false);
}

/** The `Examples:` that end a command's help: pairs of a command line and what it is for. */
export function examples(...pairs: (readonly [line: string, purpose: string])[]): string {
  const width = Math.max(...pairs.map(([line]) => line.length));
  const lines = pairs.map(([line, purpose]) => `  $ ${line.padEnd(width)}  # ${purpose}`);
  return `\nExamples:\n${lines.join('\n')}`;
}

/** Parses an option that counts something: a whole number from 1. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < 1) {
    throw new InvalidArgumentError('It must be a whole number from 1, such as 4.');
  }
  return count;
}

const parsedChoices = new WeakMap<object, readonly string[]>();

/** A parser for an option that takes one of a few words. */
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

/** The words that a parser made by {@link parseChoice} takes; undefined for every other parser. */
export function choicesOf(parser: object | undefined): readonly string[] | undefined {
  return parser && parsedChoices.get(parser);
}
