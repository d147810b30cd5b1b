// The command `glovebox doctor`: reports problems of this machine, with remedies.
import type { Command } from 'commander';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT_FAILED } from '../errors.ts';
import type { Paint } from '../terminal/style.ts';
import { padded, sanitizeLine, textWidth } from '../terminal/text.ts';
import type { DoctorFinding } from './doctor/checks.ts';

export function doctorCommand(context: Context): Command {
  return createCommand('doctor', context)
    .summary('check this machine for problems')
    .description('Checks Node, SQLite, the config, the cache root, the remote cache and the toolchains.')
    .option('--cache-dir <dir>', 'cache root (default: GLOVEBOX_CACHE_DIR, else from the config file)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `${examples(
        ['glovebox doctor', 'check everything, with remedies'],
        [
          'glovebox doctor --json | jq \'.findings[] | select(.status == "problem")\'',
          'print the problems as JSON',
        ],
      )}

Exit status: 0 builds can work, 1 something keeps them from it.`,
    )
    .action(async (flags: { json?: boolean; cacheDir?: string }) => {
      const { examine } = await import('./doctor/checks.ts');
      const findings = await examine(context, flags);
      const isWell = findings.every(({ status }) => status !== 'problem');
      if (flags.json) {
        context.printJson({ ok: isWell, findings });
      } else {
        draw(context, findings);
      }
      context.exitStatus = isWell ? 0 : EXIT_FAILED;
    });
}

function draw(context: Context, findings: DoctorFinding[]): void {
  const { style } = context;
  const appearance: Record<DoctorFinding['status'], { mark: string; paint: Paint }> = {
    ok: { mark: '✔', paint: style.good },
    absent: { mark: '·', paint: style.dim },
    warning: { mark: '!', paint: style.warning },
    problem: { mark: '✖', paint: style.bad },
  };
  const width = Math.max(...findings.map(({ name }) => textWidth(name)));
  for (const { name, status, detail, remedy } of findings) {
    const { mark, paint } = appearance[status];
    const [first = '', ...rest] = detail.split('\n').map(sanitizeLine);
    const indent = ' '.repeat(width + 4);
    context.print(`${paint(mark)} ${padded(name, width)}  ${first}`);
    for (const line of rest) {
      context.print(indent + line);
    }
    if (remedy !== undefined) {
      context.print(`${indent}${style.dim('→')} ${remedy}`);
    }
  }
}
