// Manual page, generated from the same declarations as the help.
import type { Command, Option } from 'commander';
import type { Context } from './context.ts';
import { createProgram } from './program.ts';
import { ownVersion } from './version.ts';

/** Parts of the manual page that no command declares. */
const ENVIRONMENT = table(`
GLOVEBOX_CACHE_DIR  The directory of the caches and workspaces.
GLOVEBOX_CACHE_DISABLED  1, true or yes: nothing is stored. GLOVEBOX_CACHE_<TAG>_DISABLED is for one cache.
GLOVEBOX_CACHE_UNTRUSTED  1, true or yes: use a cache directory that others own or can write to.
GLOVEBOX_CONTAINER_ENGINE  docker or podman.
NO_COLOR, FORCE_COLOR  No colours; colours in any case.
TRACEPARENT  The trace that a build is part of.
`);
const FILES = table(`
build.yaml  What is built, as ZMK's own workflow reads it.
glovebox.config.yaml  Options of Glovebox, beside build.yaml.
firmware/  Where the firmware is put.
`);

/** The page `glovebox(1)` in roff's man macros. */
export async function manPage(context: Context): Promise<string> {
  const program = await createProgram([], context);
  const lines = [
    `.TH GLOVEBOX 1 "" "Glovebox ${escaped(ownVersion())}" "User Commands"`,
    '.SH NAME',
    `glovebox \\- ${escaped(lowerFirst(program.description()).replace(/\.$/, ''))}`,
    '.SH SYNOPSIS',
    ...synopsis(program, ['glovebox']),
    '.SH DESCRIPTION',
    paragraph(program.description()),
    ...optionLines(program),
    '.SH COMMANDS',
    ...commandsBelow(program, ['glovebox']),
    '.SH EXAMPLES',
    ...verbatim(afterHelp(program).replace(/^Examples:\n/, '')),
    '.SH EXIT STATUS',
    ...pairs([
      ['0', 'Success.'],
      ['1', 'Something failed.'],
      ['2', 'Wrong usage.'],
      ['128 + n', 'After signal n, such as 130 after Ctrl-C.'],
    ]),
    '.SH ENVIRONMENT',
    ...pairs(ENVIRONMENT),
    '.SH FILES',
    ...pairs(FILES),
  ];
  return `${lines.join('\n')}\n`;
}

/** Parses lines of a term, two spaces, and its meaning. */
function table(text: string): [term: string, meaning: string][] {
  return text
    .trim()
    .split('\n')
    .map(line => line.split('  ') as [string, string]);
}

function commandsBelow(parent: Command, names: string[]): string[] {
  return parent
    .createHelp()
    .visibleCommands(parent)
    .filter(command => command.name() !== 'help')
    .flatMap(command => {
      const own = [...names, command.name()];
      const after = afterHelp(command);
      return [
        `.SS ${escaped(own.join(' '))}`,
        ...synopsis(command, own),
        paragraph(command.description()),
        ...pairs(
          command
            .createHelp()
            .visibleArguments(command)
            .map(argument => [argument.name(), command.createHelp().argumentDescription(argument)]),
        ),
        ...optionLines(command),
        ...(after === '' ? [] : verbatim(after)),
        ...commandsBelow(command, own),
      ];
    });
}

function synopsis(command: Command, names: readonly string[]): string[] {
  return [`.B ${escaped(names.join(' '))}`, escaped(command.usage()), '.PP'];
}

function optionLines(command: Command): string[] {
  const help = command.createHelp();
  const isOwn = (option: Option) => command.parent === null || !COMMON.has(option.long);
  return pairs(
    help
      .visibleOptions(command)
      .filter(isOwn)
      .map(option => [help.optionTerm(option), help.optionDescription(option)]),
  );
}

// Options of every command, documented once.
const COMMON = new Set<string | undefined>(['--color', '--no-color', '--help']);

/** The help text that a command adds itself: examples and exit status. */
function afterHelp(command: Command): string {
  let whole = '';
  command.configureOutput({
    writeOut: text => {
      whole += text;
    },
  });
  command.outputHelp();
  return whole.slice(command.helpInformation().length).trim();
}

function pairs(items: readonly (readonly [term: string, meaning: string])[]): string[] {
  return items.flatMap(([term, meaning]) => ['.TP', `.B ${escaped(term)}`, escaped(meaning)]);
}

function paragraph(text: string): string {
  return `.PP\n${escaped(text)}`;
}

function verbatim(text: string): string[] {
  return ['.PP', '.nf', ...text.split('\n').map(escaped), '.fi'];
}

// roff would print these as other characters, which could not be pasted into a shell.
const ESCAPES: Record<string, string> = {
  ...{ '\\': '\\e', '-': '\\-', '"': '\\(dq', "'": '\\(aq', '`': '\\(ga', '^': '\\(ha', '~': '\\(ti' },
};

/** Escapes text for roff, so that it contains no requests and can be pasted into a shell. */
function escaped(text: string): string {
  const plain = text.replace(/[\\\-"'`^~]/g, character => ESCAPES[character]!);
  return plain.replace(/^([.'])/gm, '\\&$1');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
