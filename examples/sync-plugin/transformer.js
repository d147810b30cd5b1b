// A plug-in that cannot await, in the form of Jest's `transform`: removes the types of a TypeScript source.
import { createHash } from 'node:crypto';
import { stripTypeScriptTypes } from 'node:module';
import { openCache } from 'glovebox';

const cache = openCache({ tag: 'example-sync-plugin', maxSize: '200MB' });

export default {
  process(source, filename) {
    // Everything that the result depends on: the transformer (here Node's own) and its input.
    const key = createHash('sha256')
      .update(JSON.stringify([process.version, filename, source]))
      .digest('hex');
    let code = cache.getSync(key);
    if (code === undefined) {
      code = stripTypeScriptTypes(source);
      cache.setSync(key, code);
      console.log(`transformed ${filename}`);
    }
    return { code };
  },
};
