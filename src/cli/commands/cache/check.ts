// `glovebox cache check`: every entry and file verified, and what was set aside.
import type { Command } from 'commander';
import type { CheckProblem } from '../../../cache/cache.ts';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { EXIT_FAILED } from '../../errors.ts';
import { findQuarantined, type QuarantinedDatabase } from '../../quarantine.ts';
import { plural, sanitizeLine } from '../../terminal/text.ts';
import { addCacheOptions, type CacheCommandFlags, formatBytes, withCaches } from './options.ts';

interface CheckFlags extends CacheCommandFlags {
  repair?: boolean;
}

export function checkCommand(context: Context): Command {
  return addCacheOptions(createCommand('check', context))
    .description(
      'Reads everything, verifies entries and files against each other, and says what was set aside as damaged.',
    )
    .option('--repair', 'mend what can be mended: what is damaged goes, counts are corrected')
    .addHelpText(
      'after',
      `${examples(
        ['glovebox cache check', 'all caches'],
        ['glovebox cache check --tag firmware --repair', 'one of them, and mend it'],
      )}

Exit status: 0 all is well or mended, 1 something is not.`,
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
        // Afterwards, since opening a damaged cache sets it aside.
        const quarantined = await findQuarantined(root, flags.tag);
        if (flags.json) {
          context.printJson({ caches: reports, setAside: quarantined });
        } else {
          printQuarantined(context, quarantined);
        }
        if (!flags.json && !flags.repair && reports.some(({ problems }) => problems.length > 0)) {
          context.print('To mend this: glovebox cache check --repair');
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
      `${context.style.bold(tag)}: damaged and set aside on ${when}: ${formatBytes(size)} in ${file}`,
    );
  }
  if (quarantined.length > 0) {
    context.print('To remove what was set aside: glovebox cache cleanup --set-aside');
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
      mended === undefined ? style.bad('not mended') : style.good(`mended: ${sanitizeLine(mended)}`);
    context.print(`  ${sanitizeLine(subject)}: ${sanitizeLine(message)} (${remedy})`);
  }
}
