// A build step with files: what it made is restored while its inputs are the same.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { cacheKey, fileContent, openCache } from 'glovebox';

const cache = openCache({ tag: 'example-files', maxSize: '1GB' });
const input = import.meta.filename;
const output = path.join(mkdtempSync(path.join(tmpdir(), 'example-files-')), 'main.js.gz');

const key = await cacheKey('gzip', { level: 9 }, fileContent(input));
if (await cache.getFile(key, output)) {
  console.log('restored');
} else {
  writeFileSync(output, gzipSync(readFileSync(input), { level: 9 }));
  await cache.putFile(key, output);
  console.log('compressed');
}
console.log(`${path.basename(output)}, ${readFileSync(output).length} bytes`);
