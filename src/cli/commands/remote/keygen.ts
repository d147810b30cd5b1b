// The command `glovebox remote keygen`: creates a machine's signing key.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { generateSigningKey, readSigningKey } from '../../../cache/remote/signing.ts';
import { signingKeyFile } from '../../../config/remote-config.ts';
import { NoHomeError } from '../../../config/user-directories.ts';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { UsageError } from '../../errors.ts';

export function keygenCommand(context: Context): Command {
  return createCommand('keygen', context)
    .description(
      'Creates a key pair. The private key stays on this machine, where builds find it. The public key is printed: add it to remote.trust on machines that are to trust this one.',
    )
    .option('--file <file>', "file for the private key (default: in the user's config directory)")
    .option('--show', 'print the public key of the existing key')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['glovebox remote keygen', "create this machine's key"],
        ['glovebox remote keygen --show', 'print its public key again'],
        [
          'glovebox remote keygen --file ci.pem',
          'create a key for CI, whose content goes into GLOVEBOX_SIGNING_KEY',
        ],
      ),
    )
    .action(async (flags: { file?: string; show?: boolean; json?: boolean }) => {
      const file = flags.file === undefined ? signingKeyFile() : resolve(context.cwd, flags.file);
      if (file === undefined) throw new NoHomeError('the signing key');
      const publicKey = flags.show ? readSigningKey(file).publicKey : await makeKey(file);
      if (flags.json) {
        context.printJson({ file, publicKey });
        return;
      }
      context.print(publicKey);
      if (flags.show) return;
      context.stderr.write(
        `The private key is in ${file}, which only you can read.\nMachines that are to trust this one need the line above in remote.trust, optionally followed by a name.\n`,
      );
    });
}

async function makeKey(file: string): Promise<string> {
  const { privateKey, publicKey } = generateSigningKey();
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    // A lost key cannot be recreated, and every machine would have to trust a new one.
    await writeFile(file, privateKey, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new UsageError(
      `${file} already exists. To print its public key: glovebox remote keygen --show. To create another key, move this file first.`,
    );
  }
  return publicKey;
}
