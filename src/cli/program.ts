// Command line entry: parses arguments, runs the command and returns its exit status. Only the requested command's
// module is loaded.
import { type Command, CommanderError } from 'commander';
import { InvalidArgumentError } from '../errors.ts';
import { createCommand, examples } from './command.ts';
import { Context, type Streams } from './context.ts';
import { describeError, EXIT_BROKEN_PIPE, EXIT_FAILED, EXIT_OK, EXIT_USAGE, UsageError } from './errors.ts';
import { sanitizeLine } from './terminal/text.ts';
import { ownVersion } from './version.ts';

const COMMANDS: Record<string, () => Promise<(context: Context) => Command>> = {
  init: async () => (await import('./commands/init.ts')).initCommand,
  build: async () => (await import('./commands/build.ts')).buildCommand,
  flash: async () => (await import('./commands/flash.ts')).flashCommand,
  watch: async () => (await import('./commands/watch.ts')).watchCommand,
  cache: async () => (await import('./commands/cache.ts')).cacheCommand,
  workspace: async () => (await import('./commands/workspace.ts')).workspaceCommand,
  remote: async () => (await import('./commands/remote.ts')).remoteCommand,
  agent: async () => (await import('./commands/agent.ts')).agentCommand,
  agents: async () => (await import('./commands/agents.ts')).agentsCommand,
  layout: async () => (await import('./commands/layout.ts')).layoutCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  completion: async () => (await import('./commands/completion.ts')).completionCommand,
};

/**
 * Runs one command line (without `node` and the script) and resolves to the exit status: 0 success, 1 failure, 2
 * invalid usage, 128 + n after signal n. All output is printed when it resolves; it never rejects.
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
      // Commander has already printed its message, help or version.
      return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    }
    context.stderr.write(`${describeError(error)}\n`);
    const isUsage = error instanceof UsageError || error instanceof InvalidArgumentError;
    return isUsage ? EXIT_USAGE : EXIT_FAILED;
  }
}

/** The last `--color` or `--no-color`; undefined without either. */
function colorFlag(argv: readonly string[]): boolean | undefined {
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  const last = words.findLast(word => word === '--color' || word === '--no-color');
  return last === undefined ? undefined : last === '--color';
}

/** The program with the requested command, or with all public commands. */
export async function createProgram(argv: readonly string[], context: Context): Promise<Command> {
  const program = createCommand('glovebox', context)
    .description('Builds all firmware of a ZMK config in parallel, and never builds the same firmware twice.')
    .version(ownVersion(), '-V, --version', 'show the version')
    .helpCommand('help [command]', 'show help for a command')
    .usage('<command> [options]')
    .addHelpText(
      'after',
      examples(
        ['glovebox build', 'build all targets of the config in this directory'],
        ['glovebox build ~/corne --jobs 4', 'build another config, four targets at once'],
        ['glovebox cache stats', 'show how full the caches are'],
        ['glovebox doctor', 'check this machine for problems'],
      ),
    );
  const words = argv.filter(word => !word.startsWith('-') && word !== 'help');
  const asked = Object.entries(COMMANDS).find(([name]) => name === words[0])?.[1];
  if (words[0] === 'complete') {
    const { completeCommand } = await import('./commands/completion.ts');
    return program.addCommand(completeCommand(context, () => createProgram([], context)));
  }
  // Only help and suggestions need all commands.
  const wanted = asked === undefined ? Object.values(COMMANDS) : [asked];
  for (const load of wanted) {
    program.addCommand((await load())(context));
  }
  return program;
}

const HELP = ['help', '--help', '-h'];

/** Drops the help flag after an unknown word. Commander would show its parent's help instead of reporting the word. */
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

/** A reader that exits early is not an error. Any other output failure is reported once. */
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
        context.stderr.write(`error: Cannot write the output: ${error.message}.\n`);
      }
      context.onOutputLost(EXIT_FAILED);
    });
  }
}

/**
 * Replaces Node's own printing of warnings, which adds the process id and a hint for developers, and ignores the cursor
 * position.
 */
function printWarnings(context: Context): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning: Error & { code?: string }) => {
    const { name, message, code } = warning;
    const text = sanitizeLine(name === 'GloveboxWarning' ? message : `${name}: ${message}`);
    context.onWarning(text, code === 'GLOVEBOX_CACHE' ? 'cache' : undefined);
  });
}
