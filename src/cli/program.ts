// From the words on the command line to an exit status. A command's module is loaded when it is asked for.
import { type Command, CommanderError } from 'commander';
import { InvalidArgumentError } from '../errors.ts';
import { createCommand, examples } from './command.ts';
import { Context, type Streams } from './context.ts';
import { describeError, EXIT_BROKEN_PIPE, EXIT_FAILED, EXIT_OK, EXIT_USAGE, UsageError } from './errors.ts';
import { sanitizeLine } from './terminal/text.ts';
import { ownVersion } from './version.ts';

const COMMANDS: Record<string, () => Promise<(context: Context) => Command>> = {
  build: async () => (await import('./commands/build.ts')).buildCommand,
  cache: async () => (await import('./commands/cache.ts')).cacheCommand,
  workspace: async () => (await import('./commands/workspace.ts')).workspaceCommand,
  remote: async () => (await import('./commands/remote.ts')).remoteCommand,
  layout: async () => (await import('./commands/layout.ts')).layoutCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  completion: async () => (await import('./commands/completion.ts')).completionCommand,
};

/**
 * Runs one command line (without `node` and the script) and resolves to the exit status: 0 well, 1 something failed,
 * 2 wrong usage, 128 + n after signal n. Everything to say has been said when it resolves; it never rejects.
 */
export async function run(argv: readonly string[], streams: Streams = process): Promise<number> {
  const context = new Context(streams, colorFlag(argv));
  watchOutput(context);
  printWarnings(context);
  try {
    const program = await createProgram(argv, context);
    await program.parseAsync(withoutHelpOnWrongWord(program, argv), { from: 'user' });
    return context.exitStatus;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed its message, or the help or version that was asked for.
      return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    }
    context.stderr.write(`${describeError(error)}\n`);
    const isUsage = error instanceof UsageError || error instanceof InvalidArgumentError;
    return isUsage ? EXIT_USAGE : EXIT_FAILED;
  }
}

/** What the words say of colours, the last of them; undefined when they say nothing. */
function colorFlag(argv: readonly string[]): boolean | undefined {
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  const last = words.findLast(word => word === '--color' || word === '--no-color');
  return last === undefined ? undefined : last === '--color';
}

/** The program with the command that the words ask for, or with all that people can ask for. */
export async function createProgram(argv: readonly string[], context: Context): Promise<Command> {
  const program = createCommand('glovebox', context)
    .description('Builds every firmware of a ZMK config in parallel, and nothing twice.')
    .version(ownVersion(), '-V, --version', 'show the version')
    .helpCommand('help [command]', 'show the help of a command')
    .usage('<command> [options]')
    .addHelpText(
      'after',
      examples(
        ['glovebox build', 'build all targets of the config in this directory'],
        ['glovebox build ~/corne --jobs 4', 'another directory, four targets at once'],
        ['glovebox cache stats', 'how full the caches are'],
        ['glovebox doctor', 'what is missing on this machine'],
      ),
    );
  const words = argv.filter(word => !word.startsWith('-') && word !== 'help');
  const asked = Object.entries(COMMANDS).find(([name]) => name === words[0])?.[1];
  if (words[0] === 'complete') {
    const { completeCommand } = await import('./commands/completion.ts');
    return program.addCommand(completeCommand(context, () => createProgram([], context)));
  }
  // Only help and suggestions need to know every command.
  const wanted = asked === undefined ? Object.values(COMMANDS) : [asked];
  for (const load of wanted) {
    program.addCommand((await load())(context));
  }
  return program;
}

const HELP = ['help', '--help', '-h'];

/** Commander answers a wrong word that help is asked on with the help of the command before it. The word is what is wrong. */
function withoutHelpOnWrongWord(program: Command, argv: readonly string[]): readonly string[] {
  let command = program;
  for (const word of argv) {
    if (command.commands.length === 0) break;
    if (HELP.includes(word)) continue;
    const next = command.commands.find(one => one.name() === word);
    if (next === undefined) return argv.filter(one => !HELP.includes(one));
    command = next;
  }
  return argv;
}

/** A reader that has seen enough is no error. Anything else that goes wrong with the output is, and is told once. */
function watchOutput(context: Context): void {
  let isTold = false;
  for (const stream of [context.stdout, context.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') {
        context.onOutputLost(EXIT_BROKEN_PIPE);
        return;
      }
      if (!isTold) {
        isTold = true;
        context.stderr.write(`error: The output cannot be written: ${error.message}.\n`);
      }
      context.onOutputLost(EXIT_FAILED);
    });
  }
}

/** Node prints warnings with the process id and a hint for programmers, wherever the cursor is. */
function printWarnings(context: Context): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning: Error & { code?: string }) => {
    const { name, message, code } = warning;
    const text = sanitizeLine(name === 'GloveboxWarning' ? message : `${name}: ${message}`);
    context.onWarning(text, code === 'GLOVEBOX_CACHE' ? 'cache' : undefined);
  });
}
