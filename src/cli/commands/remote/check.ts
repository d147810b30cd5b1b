// The command `glovebox remote check`: tests whether a server supports all requests of a build.
import type { Command } from 'commander';
import { checkRemote, type RuleFinding } from '../../../cache/remote/check.ts';
import { remoteOptionsFor } from '../../../config/remote-config.ts';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { EXIT_FAILED, UsageError } from '../../errors.ts';
import { sanitizeLine } from '../../terminal/text.ts';

export function checkCommand(context: Context): Command {
  return createCommand('check', context)
    .description(
      "Sends every kind of request that a build sends. In a mode that writes, it stores a test value, reads it back and removes it if the server permits; in the mode 'read', it only reads.",
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `${examples(
        ['glovebox remote check', 'check the server of this config'],
        ['GLOVEBOX_REMOTE=http://localhost:8080 glovebox remote check', 'check another server'],
      )}

Exit status: 0 the server does all of it, 1 it does not.`,
    )
    .action(async (flags: { json?: boolean }) => {
      const { loadUserConfig } = await import('../../../config/load-user-config.ts');
      const options = remoteOptionsFor(await loadUserConfig({ directory: context.cwd }));
      if (options === undefined) {
        throw new UsageError(
          'No remote cache is configured. Set GLOVEBOX_REMOTE, or remote.url in the config file.',
        );
      }
      const findings = await checkRemote(options);
      const isWell = findings.every(({ status }) => status !== 'failed');
      const { mode = 'read' } = options;
      if (flags.json) context.printJson({ ok: isWell, mode, findings });
      else draw(context, mode, findings);
      context.exitStatus = isWell ? 0 : EXIT_FAILED;
    });
}

function draw(context: Context, mode: string, findings: RuleFinding[]): void {
  const { style } = context;
  const marks = {
    ok: style.good('✔'),
    failed: style.bad('✖'),
    warning: style.warning('!'),
    skipped: style.dim('·'),
  };
  context.print(`${style.bold('mode')} ${mode}`);
  for (const { rule, status, detail } of findings) {
    context.print(`${marks[status]} ${rule}: ${sanitizeLine(detail)}`);
  }
}
