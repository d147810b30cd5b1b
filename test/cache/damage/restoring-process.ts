// Restores an entry from the cache root in its arguments, and kills itself once the temporary file exists.
import { watch } from 'node:fs';
import { dirname } from 'node:path';
import { createDefaultCache } from '../../../src/index.ts';

const [cacheRoot, key, destination] = process.argv.slice(2);
watch(dirname(destination!), (_, name) => {
  if (name?.endsWith('.tmp')) process.kill(process.pid, 'SIGKILL');
});
await createDefaultCache({ cacheRoot: cacheRoot!, tag: 'restored' }).getFile(key!, destination!);
