// `glovebox remote keygen`: the key that a machine signs with.
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
      'Makes a key pair. The private key stays on this machine, where builds find it; the public key is printed, for remote.trust of those who are to believe this machine.',
    )
    .option('--file <file>', "where the private key goes (default: the user's config directory)")
    .option('--show', 'print the public key of the key there is, and make none')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['glovebox remote keygen', 'the key of this machine'],
        ['glovebox remote keygen --show', 'its public key again'],
        ['glovebox remote keygen --file ci.pem', 'a key for CI: its content goes into GLOVEBOX_SIGNING_KEY'],
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
        `The private key is in ${file}, which only you can read.\nWho is to believe this machine puts the line above into remote.trust, with a name after it where wanted.\n`,
      );
    });
}

async function makeKey(file: string): Promise<string> {
  const { privateKey, publicKey } = generateSigningKey();
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    // A key that is lost cannot be made again, and everyone would have to trust a new one.
    await writeFile(file, privateKey, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new UsageError(
      `${file} exists. To see its public key: glovebox remote keygen --show. For another key, move it away first.`,
    );
  }
  return publicKey;
}
