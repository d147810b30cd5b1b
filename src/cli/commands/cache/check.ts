// The command `glovebox cache check`: verifies every entry and file, and lists quarantined databases.
import type { Command } from 'commander';
import type { CheckProblem } from '../../../cache/cache.ts';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { EXIT_FAILED } from '../../errors.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { plural, sanitizeLine } from '../../terminal/text.ts';
import { addCacheOptions, type CacheCommandFlags, withCaches } from './options.ts';
import { findQuarantined, type QuarantinedDatabase } from './quarantine.ts';

interface CheckFlags extends CacheCommandFlags {
  repair?: boolean;
}

export function checkCommand(context: Context): Command {
  return addCacheOptions(createCommand('check', context))
    .description(
      'Verifies every entry and file against each other, and lists damaged databases in quarantine.',
    )
    .option('--repair', 'remove damaged entries and files, and correct counts')
    .addHelpText(
      'after',
      `${examples(
        ['glovebox cache check', 'check all caches'],
        ['glovebox cache check --tag firmware --repair', 'check and repair one cache'],
      )}

Exit status: 0 no problems or all repaired, 1 problems remain.`,
    )
    .action((flags: CheckFlags) =>
      withCaches(context, flags, async ({ root, caches }) => {
        const reports: { tag: string; entries: number; blobs: number; problems: CheckProblem[] }[] = [];
        for (const cache of caches) {
          const report = { tag: cache.tag, ...(await cache.check({ repair: flags.repair ?? false })) };
          reports.push(report);
          if (!flags.json) {
            printReport(context, report);
          }
        }
        // Listed last, because opening a damaged cache quarantines it.
        const quarantined = await findQuarantined(root, flags.tag);
        if (flags.json) {
          context.printJson({ caches: reports, setAside: quarantined });
        } else {
          printQuarantined(context, quarantined);
        }
        if (!flags.json && !flags.repair && reports.some(({ problems }) => problems.length > 0)) {
          context.print('To repair this: glovebox cache check --repair');
        }
        if (reports.some(({ problems }) => problems.some(({ mended }) => mended === undefined))) {
          context.exitStatus = EXIT_FAILED;
        }
      }),
    );
}

function printQuarantined(context: Context, quarantined: readonly QuarantinedDatabase[]): void {
  for (const { tag, file, size, date } of quarantined) {
    const when = new Date(date).toISOString().slice(0, 10);
    context.print(
      `${context.style.bold(tag)}: damaged and quarantined on ${when}: ${formatBytes(size)} in ${file}`,
    );
  }
  if (quarantined.length > 0) {
    context.print('To remove damaged databases: glovebox cache cleanup --set-aside');
  }
}

function printReport(
  context: Context,
  {
    tag,
    entries,
    blobs,
    problems,
  }: { tag: string; entries: number; blobs: number; problems: CheckProblem[] },
): void {
  const { style } = context;
  const checked = `${plural(entries, 'entry', 'entries')}, ${plural(blobs, 'blob')}`;
  const verdict =
    problems.length === 0 ? style.good('all is well') : style.bad(plural(problems.length, 'problem'));
  context.print(`${style.bold(tag)}: ${checked}: ${verdict}`);
  for (const { subject, message, mended } of problems) {
    const remedy =
      mended === undefined ? style.bad('not repaired') : style.good(`repaired: ${sanitizeLine(mended)}`);
    context.print(`  ${sanitizeLine(subject)}: ${sanitizeLine(message)} (${remedy})`);
  }
}
