// The command `glovebox agents`: shows the agents on a queue, and what they do.
import type { Command } from 'commander';
import type { QueueOverview } from '../../builder/agents/overview.ts';
import { parseQueueUrl, queueFor } from '../../config/agents-config.ts';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../errors.ts';
import { formatDuration, plural, sanitizeLine } from '../terminal/text.ts';

export function agentsCommand(context: Context): Command {
  return createCommand('agents', context)
    .summary('show the agents, and what runs and waits')
    .description('Shows who takes targets from the queue, what each can build, what runs, and what waits.')
    .option('-q, --queue <url>', 'address of the queue in Redis or Valkey (default: GLOVEBOX_QUEUE)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['glovebox agents', 'the queue of this config'],
        ["glovebox agents --json | jq '[.queues[].waiting] | add'", 'print the number of waiting targets'],
      ),
    )
    .action(async (flags: { queue?: string; json?: boolean }) => {
      const { loadUserConfig } = await import('../../config/load-user-config.ts');
      const queue =
        flags.queue === undefined
          ? queueFor(await loadUserConfig({ directory: context.cwd }))
          : parseQueueUrl(flags.queue, '--queue');
      if (queue === undefined) {
        throw new UsageError(
          'No queue is configured. Give its address: --queue redis://…, GLOVEBOX_QUEUE, or agents.queue in the config file.',
        );
      }
      const { readOverview } = await import('../../builder/agents/overview.ts');
      const queues = await readOverview(queue);
      if (flags.json) context.printJson({ queues });
      else draw(context, queues);
    });
}

function draw(context: Context, queues: readonly QueueOverview[]): void {
  const { style } = context;
  const shown = queues.filter(
    ({ agents, builds, running, waiting }) => agents.length + builds.length + running.length + waiting > 0,
  );
  if (shown.length === 0) context.print('There are no agents, and nothing waits.');
  for (const { kind, name, ability, agents, builds, running, waiting, completed, failed } of shown) {
    context.print(`${style.bold(sanitizeLine(ability ?? `${kind}, without an agent`))} ${style.dim(name)}`);
    for (const { label, pid, jobs } of agents) {
      const own = running.filter(({ by }) => by === label).length;
      context.print(
        `  agent ${sanitizeLine(label)} (process ${pid}): ${own} of ${plural(jobs, 'target')} at once`,
      );
    }
    for (const { label, pid } of builds) {
      context.print(`  build of ${sanitizeLine(label)} (process ${pid}), which takes its own targets, too`);
    }
    for (const { target, from, by, since } of running) {
      const where = by === undefined ? '' : ` on ${sanitizeLine(by)}`;
      context.print(
        `  ${sanitizeLine(target)} for ${sanitizeLine(from)}${where}, for ${formatDuration(since)}`,
      );
    }
    context.print(
      `  ${plural(waiting, 'target')} ${waiting === 1 ? 'waits' : 'wait'}; ${completed} built and ${failed} failed in the last hour`,
    );
  }
}
