// The command `glovebox init`: makes a ZMK config for a keyboard.
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { Keyboard } from '../../builder/init/hardware.ts';
import { GloveboxError } from '../../errors.ts';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../errors.ts';
import { tableLines } from '../terminal/table.ts';
import { shortPath } from '../terminal/text.ts';

interface InitFlags {
  keyboard?: string;
  controller?: string;
  workspace?: string;
  list?: boolean;
  json?: boolean;
  cacheDir?: string;
}

export function initCommand(context: Context): Command {
  return createCommand('init', context)
    .summary('make a ZMK config for a keyboard')
    .description(
      `Makes a ZMK config, with which the first firmware can be built: build.yaml, keymap, settings, west.yml, and a workflow for GitHub.
Asks for the keyboard unless it is given. The keyboards are those of the west workspace, if there is one, else of a bundled
list. Nothing is overwritten.`,
    )
    .argument('[config-dir]', 'directory for the config', '.')
    .option('-k, --keyboard <name>', 'keyboard, such as corne')
    .option(
      '-c, --controller <board>',
      'board for a keyboard without one (default: nice_nano_v2, or one that fits)',
    )
    .option('-l, --list', 'print all keyboards')
    .option('--workspace <dir>', 'west workspace with the keyboards (default: the newest one, if any)')
    .option('--cache-dir <dir>', 'cache root (default: GLOVEBOX_CACHE_DIR, else from the config file)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['glovebox init', 'ask for the keyboard'],
        ['glovebox init corne --keyboard corne', 'both halves of a Corne, in a new directory'],
        ['glovebox init --keyboard lily58 --controller puchi_ble_v1', 'another controller'],
        ['glovebox init --list', 'print all keyboards'],
      ),
    )
    .action(async (configDirectory: string, flags: InitFlags) => {
      await init(context, resolve(context.cwd, configDirectory), flags);
    });
}

async function init(context: Context, directory: string, flags: InitFlags): Promise<void> {
  const [{ findHardware }, { controllersFor, findController, findKeyboard }, { configFiles, writeConfig }] =
    await Promise.all([
      import('../../builder/init/find-hardware.ts'),
      import('../../builder/init/hardware.ts'),
      import('../../builder/init/config.ts'),
    ]);
  const { loadUserConfig } = await import('../../config/load-user-config.ts');
  const source = await findHardware({
    userConfig: await loadUserConfig({ directory: context.cwd }),
    workspace: flags.workspace === undefined ? undefined : resolve(context.cwd, flags.workspace),
    cacheRoot: flags.cacheDir === undefined ? undefined : resolve(context.cwd, flags.cacheDir),
  });
  const { hardware, manifest, revision, workspace } = source;
  if (flags.list) {
    printKeyboards(context, hardware.keyboards, flags);
    return;
  }
  const byName = (name: string) => findKeyboard(hardware, name);
  const keyboard =
    flags.keyboard === undefined
      ? await ask(context, 'Which keyboard?', hardware.keyboards, byName)
      : byName(flags.keyboard);
  const byBoard = (board: string | undefined) => findController(hardware, keyboard, board || undefined);
  const fitting = controllersFor(hardware, keyboard);
  const isAsked = flags.keyboard === undefined && flags.controller === undefined && fitting.length > 1;
  const controller = isAsked
    ? await ask(context, `Which controller? [${fitting[0]!.id}]`, fitting, byBoard)
    : byBoard(flags.controller);
  const files = await configFiles({ keyboard, controller, manifest, revision });
  await writeConfig(directory, files);
  const names = [...files.keys()];
  if (flags.json) {
    context.printJson({
      ...{ directory, keyboard: keyboard.id, controller: controller?.id, revision },
      ...{ targets: keyboard.parts, files: names },
    });
    return;
  }
  const where = shortPath(directory, context.cwd);
  const on = controller === undefined ? '' : ` on a ${controller.name} (${controller.id})`;
  context.print(
    `Made a config for the ${keyboard.name}${on} in ${where === '.' ? 'this directory' : where}:`,
  );
  for (const name of names) context.print(`  ${name}`);
  const given = flags.workspace === undefined ? '' : ` --workspace ${flags.workspace}`;
  const build = `glovebox build${where === '.' ? '' : ` ${where}`}${given}`;
  const fetch = where === '.' ? 'glovebox workspace create' : `glovebox workspace create ${where}`;
  context.print('');
  if (workspace === undefined) context.print(`Next: ${fetch}, which fetches ZMK ${revision}; then ${build}`);
  else context.print(`Next: ${build}`);
}

/**
 * What `accept` makes of the answer to a question; an answer that it refuses is asked for again. The Tab key completes ids.
 * Without a terminal, throws a {@link UsageError}.
 */
async function ask<T>(
  context: Context,
  question: string,
  choices: readonly { id: string; name: string }[],
  accept: (answer: string) => T,
): Promise<T> {
  const { stdin, stderr } = context;
  if (!stdin.isTTY || !stderr.isTTY) {
    throw new UsageError(
      'Cannot ask for the keyboard: standard input is not a terminal. Use --keyboard; glovebox init --list names all of them.',
    );
  }
  const ids = choices.map(({ id }) => id);
  const completer = (line: string): [string[], string] => [ids.filter(id => id.startsWith(line)), line];
  const readline = createInterface({ input: stdin, output: stderr, completer });
  const closed = new Promise<never>((_, reject) => {
    readline.once('close', () => reject(new UsageError('There is no answer, so nothing is made.')));
  });
  closed.catch(() => {});
  const names = choices.map(({ id, name }) => [id, name]);
  try {
    for (;;) {
      const asked = readline.question(`${question} (Tab completes, ? lists) `);
      const answer = (await Promise.race([asked, closed])).trim();
      const hasDefault = question.endsWith(']');
      if (answer === '?' || (answer === '' && !hasDefault))
        stderr.write(`${tableLines(names, []).join('\n')}\n`);
      else {
        try {
          return accept(answer);
        } catch (error) {
          if (!(error instanceof GloveboxError)) throw error;
          stderr.write(`${error.message}\n`);
        }
      }
    }
  } finally {
    readline.close();
  }
}

function printKeyboards(context: Context, keyboards: readonly Keyboard[], { json }: InitFlags): void {
  if (json) {
    context.printJson(
      keyboards.map(({ id, name, kind, requires, parts }) => ({ id, name, kind, requires, parts })),
    );
    return;
  }
  const rows = keyboards.map(({ id, name, kind, requires, parts }) => [
    id,
    name,
    kind === 'board' ? 'has its own controller' : requires.join(', '),
    parts.length > 1 ? `${parts.length} parts` : '',
  ]);
  const [header = '', ...lines] = tableLines([['KEYBOARD', 'NAME', 'CONTROLLER', 'PARTS'], ...rows], []);
  context.print([context.style.dim(header), ...lines].join('\n'));
}
