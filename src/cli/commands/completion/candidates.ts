// Shell completion by @bomb.sh/tab: its scripts call the program, and its parser answers from the declared commands.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import tab, { type Command as Completed, type RootCommand } from '@bomb.sh/tab';
import type { Command, Option } from 'commander';
import { choicesOf } from '../../command.ts';

type Complete = (value: string, description: string) => void;

const PROGRAM = 'glovebox';

/** The completion script for a shell. */
export function completionScript(shell: 'bash' | 'zsh' | 'fish'): string {
  const script = printed(() => tab.setup(PROGRAM, PROGRAM, shell)).trimEnd();
  // Constants would be errors when a profile is sourced again.
  return shell === 'bash' ? script.replace(/^readonly /gm, '') : script;
}

/** Completions of the last word, one per line with a description, in the format of the scripts. */
export function completions(program: Command, words: readonly string[], cwd: string): string {
  declareAll(program, tab, words.at(-1) ?? '', cwd);
  return printed(() => tab.parse([...words])).trimEnd();
}

// The library prints its result.
function printed(print: () => void): string {
  const { log } = console;
  const lines: string[] = [];
  console.log = (line: string) => lines.push(line);
  try {
    print();
  } finally {
    console.log = log;
  }
  return `${lines.join('\n')}\n`;
}

function declareAll(program: Command, root: RootCommand, word: string, cwd: string): void {
  const declare = (command: Command, completed: Completed): void => {
    for (const option of command.createHelp().visibleOptions(command)) declareOption(option, completed);
    for (const argument of command.registeredArguments) {
      const values = valuesOf(argument.name(), choicesOf(argument.parseArg));
      completed.argument(argument.name(), values && (complete => values(complete)), argument.variadic);
    }
  };
  const declareOption = (option: Option, completed: Completed): void => {
    const long = option.long?.replace(/^--/, '');
    if (long === undefined) return;
    const alias = option.short?.replace(/^-/, '');
    const name = /[<[]([\w-]+)/.exec(option.flags)?.[1];
    if (name === undefined) completed.option(long, option.description, alias);
    else {
      const values = valuesOf(name, choicesOf(option.parseArg)) ?? (() => undefined);
      completed.option(long, option.description, complete => values(complete), alias);
    }
  };
  const valuesOf = (name: string, choices: readonly string[] | undefined) => {
    if (choices) return (complete: Complete) => choices.forEach(choice => void complete(choice, ''));
    if (!/dir$|file$|^keymap$|^archive$|^image$/.test(name)) return undefined;
    return (complete: Complete) => {
      const written = word.includes('=') ? word.slice(word.indexOf('=') + 1) : word;
      for (const file of filesFor(written, cwd, name.endsWith('dir'))) complete(file, '');
    };
  };
  const declareBelow = (command: Command, names: readonly string[]): void => {
    for (const child of command.createHelp().visibleCommands(command)) {
      const own = [...names, child.name()];
      declare(child, root.command(own.join(' '), child.summary() || child.description()));
      declareBelow(child, own);
    }
  };
  declare(program, root);
  declareBelow(program, []);
}

/** The files that begin with the typed text, in the form in which it was typed. */
function filesFor(written: string, cwd: string, onlyDirectories: boolean): string[] {
  const directory = written.slice(0, written.lastIndexOf('/') + 1);
  try {
    return readdirSync(path.resolve(cwd, directory || '.'), { withFileTypes: true })
      .filter(entry => !onlyDirectories || entry.isDirectory() || entry.isSymbolicLink())
      .map(entry => directory + entry.name)
      .filter(file => file.startsWith(written) && (written.endsWith('.') || !/(^|\/)\.[^/]*$/.test(file)));
  } catch {
    return [];
  }
}
