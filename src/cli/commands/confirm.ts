// Confirmation prompt with yes or no as the answer.
import { createInterface } from 'node:readline/promises';
import type { Context } from '../context.ts';
import { UsageError } from '../errors.ts';

/**
 * Whether the answer is yes. Any other answer, the end of input and Ctrl-C mean no. Without a terminal, throws a {@link
 * UsageError} that ends with `remedy`.
 */
export async function confirm(context: Context, question: string, remedy: string): Promise<boolean> {
  if (!context.stdin.isTTY || !context.stderr.isTTY) {
    throw new UsageError(`Cannot ask for confirmation: standard input is not a terminal. ${remedy}`);
  }
  // On standard error, so that the command's output can be redirected to a file.
  const readline = createInterface({ input: context.stdin, output: context.stderr });
  let isAnswered = false;
  try {
    return await new Promise<boolean>((resolve, reject) => {
      readline.once('close', () => {
        // An answer ends its own line.
        if (!isAnswered) context.stderr.write('\n');
        resolve(false);
      });
      readline.question(`${question} [y/N] `).then(answer => {
        isAnswered = true;
        resolve(/^y(es)?$/i.test(answer.trim()));
      }, reject);
    });
  } finally {
    readline.close();
  }
}
