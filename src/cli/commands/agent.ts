// The command `glovebox agent`: compiles targets of other machines, from a queue.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { AgentEvent } from '../../builder/agents/agent-events.ts';
import { parseQueueUrl, queueFor } from '../../config/agents-config.ts';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import { createCommand, examples, parseChoices, parseCount } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT_OK, UsageError } from '../errors.ts';
import { formatDuration, plural, sanitizeLine } from '../terminal/text.ts';
import { interceptStop } from './interrupt.ts';

interface AgentFlags {
  queue?: string;
  jobs?: number;
  accept?: ToolchainKind[];
  name?: string;
  cacheDir?: string;
  json?: boolean;
}

export function agentCommand(context: Context): Command {
  return createCommand('agent', context)
    .summary('compile targets of other machines')
    .description(
      'Takes targets from a queue, compiles them, and uploads the firmware to the remote cache, until it is stopped. Builds put their targets there with glovebox build --agents.',
    )
    .argument('[config-dir]', 'directory whose config names the command, the image and the remote cache', '.')
    .option('-q, --queue <url>', 'address of the queue in Redis or Valkey (default: GLOVEBOX_QUEUE)')
    .option('-j, --jobs <n>', 'number of targets compiled at once (default: number of cores)', parseCount)
    .option(
      '--accept <kinds>',
      'kinds of toolchain, separated by commas: container, command, west (default: container)',
      parseChoices<ToolchainKind>(['container', 'command', 'west']),
    )
    .option('--name <name>', 'name that builds show (default: user and host)')
    .option('--cache-dir <dir>', 'cache root (default: GLOVEBOX_CACHE_DIR, else from the config file)')
    .option('--json', 'print events as JSON, one per line')
    .addHelpText(
      'after',
      `${examples(
        [
          'glovebox agent --queue rediss://:password@queue.example.org:6379',
          'build in containers for others',
        ],
        ['glovebox agent --jobs 2 --accept container,command', 'also run the command of the config here'],
        ['glovebox agents', 'show who is there, and what waits'],
      )}

Whoever can put jobs into the queue, and has a key that this machine trusts, runs code on it.
The first SIGTERM or Ctrl-C ends it after its current targets, a second one at once; its targets go back to the queue.`,
    )
    .action(async (directory: string, flags: AgentFlags) => {
      context.exitStatus = await run(context, resolve(context.cwd, directory), flags);
    });
}

async function run(context: Context, configDirectory: string, flags: AgentFlags): Promise<number> {
  const { loadUserConfig } = await import('../../config/load-user-config.ts');
  const userConfig = await loadUserConfig({ directory: configDirectory });
  const queue = flags.queue === undefined ? queueFor(userConfig) : parseQueueUrl(flags.queue, '--queue');
  if (queue === undefined) {
    throw new UsageError(
      'There is no queue to take targets from. Give its address: --queue redis://…, GLOVEBOX_QUEUE, or agents.queue in the config file.',
    );
  }
  const { runAgent } = await import('../../builder/agents/agent.ts');
  const interruption = interceptStop(context);
  try {
    await runAgent({
      ...{ queue, userConfig, configDirectory },
      jobs: flags.jobs,
      accept: flags.accept,
      name: flags.name,
      cacheRoot: flags.cacheDir === undefined ? undefined : resolve(context.cwd, flags.cacheDir),
      stop: interruption.stop,
      abort: interruption.abort,
      onEvent: event => {
        const lines = flags.json ? [JSON.stringify(event)] : linesOf(event, context);
        for (const line of lines) context.print(line);
      },
    });
    // A connection whose server was lost may keep the process alive.
    setTimeout(() => process.exit(EXIT_OK), 1_000).unref();
    return EXIT_OK;
  } finally {
    interruption.release();
  }
}

/** One line for each job, when it ends. */
function linesOf(event: AgentEvent, { style }: Context): string[] {
  // The Swedish format is ISO 8601 in local time.
  const at = style.dim(new Date(event.at).toLocaleTimeString('sv-SE'));
  const line = (text: string) => [`${at} ${text}`];
  switch (event.type) {
    case 'agent-started':
      return [
        ...line(
          `${style.bold(event.name)} takes ${plural(event.jobs, 'target')} at once from ${event.queue}`,
        ),
        ...event.accepts.map(
          ({ kind, detail, queue }) => `  ${kind}: ${sanitizeLine(detail)} ${style.dim(queue)}`,
        ),
      ];
    case 'agent-unable':
      return line(`${style.warning('cannot build')} with ${event.kind}: ${sanitizeLine(event.why)}`);
    case 'agent-preparing':
      return line(sanitizeLine(event.text));
    case 'queue-served':
      return line(`takes targets for ${sanitizeLine(event.detail)} ${style.dim(event.queue)}`);
    case 'queue-declined':
      return line(
        `${style.warning('takes no targets')} of ${style.dim(event.queue)}: ${sanitizeLine(event.why)}`,
      );
    case 'job-taken':
      return [];
    case 'job-ended': {
      const { end, target, from, message, duration } = event;
      const paint = { compiled: style.good, cached: style.good, failed: style.bad };
      const words = (end in paint ? paint[end as keyof typeof paint] : style.warning)(end);
      const why = message === undefined ? '' : `: ${sanitizeLine(message)}`;
      return line(
        `${style.bold(sanitizeLine(target))} for ${sanitizeLine(from)} ${words} in ${formatDuration(duration)}${why}`,
      );
    }
    case 'agent-resting':
      return line(`${style.warning('resting')} for ${event.seconds} s: ${sanitizeLine(event.why)}`);
    case 'queue-lost':
      return line(`${style.warning('waiting')} for the queue: ${sanitizeLine(event.why)}`);
    case 'queue-found':
      return line('the queue is back');
    case 'warning':
      return line(`${style.warning('Warning:')} ${sanitizeLine(event.message)}`);
    case 'agent-stopping':
      return line(
        event.jobs === 0 ? 'stopping' : `stopping after ${plural(event.jobs, 'target')} (again: at once)`,
      );
    case 'agent-stopped':
      return line('stopped');
  }
}
