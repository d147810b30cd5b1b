// A question with yes or no for an answer.
import { createInterface } from 'node:readline/promises';
import type { Context } from '../context.ts';
import { UsageError } from '../errors.ts';

/**
 * Whether the person says yes. Anything else, the end of input and Ctrl-C are no. Where nobody can be asked,
 * a {@link UsageError} that ends with `remedy`.
 */
export async function confirm(context: Context, question: string, remedy: string): Promise<boolean> {
  if (!context.stdin.isTTY || !context.stderr.isTTY) {
    throw new UsageError(`Nobody can be asked here: this is not a terminal. ${remedy}`);
  }
  // On standard error, so that the output of the command can still go to a file.
  const readline = createInterface({ input: context.stdin, output: context.stderr });
  let isAnswered = false;
  try {
    return await new Promise<boolean>((resolve, reject) => {
      readline.once('close', () => {
        // An answer ends its line itself.
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
