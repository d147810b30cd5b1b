// Minimum work of a fully cached build: reads and hashes the inputs, and copies the outputs. Arguments: the project,
// the directory of the stored outputs, the destination. Prints the digest of all inputs.
import { createHash } from 'node:crypto';
import { constants, copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';

const [project, kept, destination] = process.argv.slice(2);
const inputs = ['build.yaml', 'glovebox.config.json', 'compile.sh', 'base.bin'];
for (const name of readdirSync(`${project}/config`)) inputs.push(`config/${name}`);
const digests = createHash('sha256');
for (const name of inputs) {
  digests.update(
    createHash('sha256')
      .update(readFileSync(`${project}/${name}`))
      .digest(),
  );
}
mkdirSync(destination, { recursive: true });
for (const name of readdirSync(kept)) {
  copyFileSync(`${kept}/${name}`, `${destination}/${name}`, constants.COPYFILE_FICLONE);
}
process.stdout.write(digests.digest('hex'));
