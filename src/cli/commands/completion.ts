// The command `glovebox completion`: prints a shell's completion script.
import type { Command } from 'commander';
import { createCommand, examples, parseChoice } from '../command.ts';
import type { Context } from '../context.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export function completionCommand(context: Context): Command {
  return createCommand('completion', context)
    .summary('print a script for shell completion')
    .description('Prints a script for bash, zsh or fish that completes commands, options and their values.')
    .argument('<shell>', 'bash (with the package bash-completion), zsh or fish', parseChoice(SHELLS))
    .addHelpText(
      'after',
      examples(
        ['glovebox completion fish > ~/.config/fish/completions/glovebox.fish', 'fish'],
        ["echo 'source <(glovebox completion bash)' >> ~/.bashrc", 'bash'],
        ["echo 'source <(glovebox completion zsh)' >> ~/.zshrc", 'zsh, after compinit'],
      ),
    )
    .action(async (shell: Shell) => {
      const { completionScript } = await import('./completion/candidates.ts');
      context.print(completionScript(shell));
    });
}

/**
 * The hidden command that the scripts call: `glovebox complete -- WORDS`. The last word is the one being typed.
 *
 * @param createWhole creates the program with all of its commands
 */
export function completeCommand(context: Context, createWhole: () => Promise<Command>): Command {
  return createCommand('complete', context)
    .argument('[words...]')
    .action(async (words: string[]) => {
      const { completions } = await import('./completion/candidates.ts');
      context.print(completions(await createWhole(), words, context.cwd));
    });
}
